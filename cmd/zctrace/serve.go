//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/workloads"
)

func newServe() *cobra.Command {
	address := fmt.Sprintf("127.0.0.1:%d", workloads.DefaultPort)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Receive what zctrace on another machine sends; needs no root",
		Long: `serve is the other end of --sink HOST:PORT. It reads what zctrace run, compare or
sweep on another machine sends, and keeps nothing of it. With --verify there, it
answers with a checksum of what it got. Nothing is counted on this end.

It prints a line for each connection, and serves until it is interrupted. Whoever
reaches its port can send data to it, so it listens on the loopback device alone
unless --listen names another address.`,
		Example: `  zctrace serve --listen 192.0.2.1:7373
  sudo zctrace run sendfile --sink 192.0.2.1:7373    # on the other machine`,
		Args: nothing,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			ctx, interrupt := context.WithCancelCause(cmd.Context())
			defer interrupt(nil)
			defer interruptOnSignal(interrupt, func() {})()
			err := serve(ctx, address)
			if exit := interrupted(ctx, err); exit != nil {
				return exit
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&address, "listen", address, "listen at `ADDRESS:PORT`; 0.0.0.0 or [::] stands for all addresses")
	if err := cmd.RegisterFlagCompletionFunc("listen", cobra.NoFileCompletions); err != nil {
		panic(err) // the flag is registered above
	}
	return cmd
}

func serve(ctx context.Context, address string) error {
	server, err := workloads.Listen(ctx, address)
	if err != nil {
		return err
	}
	if _, err := fmt.Printf("zctrace serve: listening on %s; Ctrl-C ends it\n", server.Address()); err != nil {
		return fmt.Errorf("print where it listens: %w", err)
	}
	var mu sync.Mutex
	server.Report = func(s workloads.Served) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(os.Stdout, s.Peer+"  "+human.Sanitize(outcome(s)))
	}
	return server.Serve(ctx)
}

// outcome says in a line how a connection went.
func outcome(s workloads.Served) string {
	text := ""
	if s.Bytes > 0 {
		text = human.Plural(s.Bytes, "byte") + " in " + human.Seconds(s.Elapsed.Nanoseconds())
		if seconds := s.Elapsed.Seconds(); seconds > 0 {
			text += ", " + human.Rate(float64(s.Bytes)/seconds)
		}
	}
	switch {
	case s.Err == nil && text == "":
		return "sent nothing"
	case s.Err == nil:
		return text
	case text == "":
		return s.Err.Error()
	}
	return text + "; " + s.Err.Error()
}

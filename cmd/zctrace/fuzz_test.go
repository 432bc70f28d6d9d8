//go:build linux

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zctrace/zctrace/workloads"
)

// planned is the command line up to the point where a run would start.
func planned() *cobra.Command {
	root := &cobra.Command{Use: "zctrace", SilenceErrors: true, SilenceUsage: true}
	compare := func(cmd *cobra.Command, names []string, o *compareOptions) error {
		p, err := o.plan(cmd, names)
		if err == nil && (o.rounds < 1 || p.cfg.Bytes <= 0 && p.cfg.Duration <= 0 && !p.cfg.Cold) {
			err = fmt.Errorf("accepted: %+v", p.cfg)
		}
		return err
	}
	root.AddCommand(newRun(func(cmd *cobra.Command, name string, o *options) error {
		cfg, _, err := o.plan(cmd, name)
		if err == nil && (cfg.Bytes < 0 || cfg.Duration < 0 || cfg.Chunk < 1 || cfg.Rate < 0 || cfg.Interval < 0 ||
			cfg.Bytes == 0 && cfg.Duration == 0 && !cfg.Cold || len(cfg.Sinks) != len(o.work.sinks)) {
			err = fmt.Errorf("accepted: %+v", cfg)
		}
		return err
	}), newCompare(compare), newSweep(compare))
	return root
}

// advice is how an error says what to do.
var advice = regexp.MustCompile(`take |take$|see zctrace|leave |write |did you mean|want |name |give |(strategies|receivers|sinks): |such as |there is zctrace|for one size|repeat `)

// FuzzCommandLine: whatever is typed after run, compare or sweep is taken or refused,
// by one short message that says what to do, and exit code 2.
func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"run sendfile", "run", "run sendfile --bytes 64MiB --sink unix --plain", "run mmap-write --source /var/lib/big.db --cache cold",
		"run tee --sink tcp --sink file:/x", "compare read-write sendfile --sink unix --rounds 9", "sweep --chunk 4KiB..64KiB --bytes 256MiB",
		"run sendfile --expect sender.copies.from_user==0 --json -", "compare --expect sendfile:sender.copies.from_user==0 --csv --markdown",
		"run io-uring --depth 8 --sqpoll --cpu 0,1 --rate 1GiB --interval 1ms", "run splice --pipe-size 1MiB --receiver splice --baseline",
		"run mmap-copy --sink file --populate --advise hugepage --latency off --copies all --verify", "run sendfile --duration -1s --bytes 0",
		"run sendfile --duration 9999999999999h --cpu -1,99999999999999999999", "run sendfile --sink [::1]:7373 --receiver zerocopy",
		"sweep sendfile --chunk 1..8EiB --rounds 1000", "run -h", "compare --help", "run sendfile --by\x1b[2J", "run -- -x", "run sendfile --plain=maybe",
		"run sendfile --bytes= --chunk=\xff --json=", "compare --baseline --interval 1s", "run sendfile --quiet --json -",
		"compare foo", "run sendfile --duration 5 --interval 99999999999h", "sweep --rounds 99999999999999999999 --quiet --csv", "run sendfile --sink ::1:7373",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		if !slices.Contains(fuzzedCommands, args[0]) {
			args = append([]string{"run"}, args...)
		}
		checkCommandLine(t, args)
	})
}

var fuzzedCommands = []string{"run", "compare", "sweep"}

func checkCommandLine(t *testing.T, args []string) {
	t.Helper()
	root := planned()
	root.SetArgs(args)
	root.SetOut(&strings.Builder{})
	called, err := root.ExecuteC()
	if err == nil {
		return
	}
	text := complaint(called, err)
	if code := exitCode(err); code != exitUsage {
		t.Errorf("%q: exit code %d: %s", args, code, text)
	}
	lines := 3 + strings.Count(strings.Join(args, ""), "\n") // what was typed may have its own
	if !strings.HasPrefix(text, "zctrace: ") || strings.Count(text, "\n") > lines || !advice.MatchString(text) {
		t.Errorf("%q: not one short message that says what to do: %q", args, text)
	}
	if found := inTwoWords.FindString(text); found != "" {
		t.Errorf("%q: %q cannot be typed", args, found)
	}
	for _, c := range text {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("%q: %q reaches the terminal: %q", args, c, text)
		}
	}
}

// FuzzFlags combines the flags that there are with values that one of them takes.
func FuzzFlags(f *testing.F) {
	values := []string{
		"", "0", "1", "-1", "99999999999999999999", "64KiB", "4097", "99999999h", "5 s", "::1:80", "3GiB", "8EiB", "1us", "1s", "-1s", "zero", "auto:1MiB", "tcp", "unix", "pipe", "file", "file:/x", "null",
		"host:1", "read", "splice", "trunc", "zerocopy", "cold", "warm", "on", "off", "true", "false", "auto", "all", "derived", "fentry", "0,1",
		"sequential", "hugepage", "1..8", "512..1MiB", "sender.copies.to_user == 0", "sendfile: sender.payload_bytes > 0", "-", "\x1b[2J", "\xff",
	}
	flags := map[string][]string{}
	for _, cmd := range planned().Commands() {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { flags[cmd.Name()] = append(flags[cmd.Name()], flag.Name) })
	}
	for command := range fuzzedCommands { // each flag with each value
		for flag := range flags[fuzzedCommands[command]] {
			seed := []byte{byte(command), byte(flag)}
			for value := range values {
				f.Add(append(seed, byte(flag), byte(value)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, picks []byte) {
		if len(picks) < 2 {
			return
		}
		command := fuzzedCommands[int(picks[0])%len(fuzzedCommands)]
		args := []string{command, workloads.Strategies[int(picks[1])%len(workloads.Strategies)].Name}
		for picks = picks[2:]; len(picks) > 1; picks = picks[2:] {
			flag := flags[command][int(picks[0])%len(flags[command])]
			args = append(args, "--"+flag+"="+values[int(picks[1])%len(values)])
		}
		checkCommandLine(t, args)
	})
}

// FuzzDuration: a time that is taken is one, and written in a way that is taken again
// for the same.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"5s", "100ms", "0", "-1s", "1h1m1s", "1e9s", "9223372036854775807ns", "1d", "", ".5s", "1.s", "µs", "1µs", "+3s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parse := func(text string) (got time.Duration, err error) {
			root := &cobra.Command{Use: "zctrace", SilenceErrors: true, SilenceUsage: true}
			root.AddCommand(newRun(func(cmd *cobra.Command, name string, o *options) error {
				cfg, _, err := o.plan(cmd, name)
				got = cfg.Duration
				return err
			}))
			root.SetArgs([]string{"run", "sendfile", "--duration=" + text})
			return got, root.Execute()
		}
		got, err := parse(text)
		if err != nil {
			return
		}
		if got <= 0 {
			t.Fatalf("--duration %q is %v", text, got)
		}
		if again, err := parse(got.String()); err != nil || again != got {
			t.Errorf("%q is %v, and that is %v, %v", text, got, again, err)
		}
	})
}

// FuzzChunkRange: of a range of chunk sizes, each is within it and twice the one before.
func FuzzChunkRange(f *testing.F) {
	for _, seed := range []string{"512..1MiB", "1..2", "4KiB..64KiB", "..", "1..8EiB", "0..0", "1.5..3", "3..5", "1GiB..2GiB", "1...2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r chunkRange
		if r.Set(text) != nil {
			return
		}
		list := r.sizes()
		if len(list) < 2 || list[0] != int64(r.from) || list[len(list)-1] > int64(r.to) || list[len(list)-1] > workloads.MaxChunk {
			t.Fatalf("%q is %v", text, list)
		}
		for i, n := range list[1:] {
			if n != 2*list[i] {
				t.Fatalf("%q is %v", text, list)
			}
		}
	})
}

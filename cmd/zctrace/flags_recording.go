//go:build linux

package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/session"
)

// recordingFlags say how long it is watched, and how it is counted.
type recordingFlags struct {
	duration, interval span
	latency, copies    choice
	baseline           bool
}

func (r *recordingFlags) register(cmd *cobra.Command) {
	r.registerCounting(cmd, recordingTexts{
		latency:  "on",
		duration: "stop after `TIME`, e.g. 5s; with --bytes, whichever comes first (default 10s without --bytes)",
		interval: "take a sample every `TIME` (default 1s, 100ms on the dashboard)",
	})
	cmd.Flags().BoolVar(&r.baseline, "baseline", false, "do the same work untraced before, to tell what tracing costs")
}

// recordingTexts are in what recordings differ: whether they time calls by themselves, and what is said of two flags.
type recordingTexts struct{ latency, duration, interval string }

// registerCounting registers those of any recording.
func (r *recordingFlags) registerCounting(cmd *cobra.Command, texts recordingTexts) {
	r.latency = choice{texts.latency, []string{"on", "off"}}
	r.copies = choice{value: string(tracer.Auto)}
	for _, e := range tracer.EngineChoices {
		r.copies.values = append(r.copies.values, string(e))
	}
	f := cmd.Flags()
	f.VarP(&r.duration, "duration", "d", texts.duration)
	f.Var(&r.latency, "latency", "time every system call; off is cheaper")
	f.Var(&r.copies, "copies", "how to count copies: fentry sees them in the kernel's functions, breakpoint at the copy instructions (slow), derived infers them from the system calls; auto is fentry where the kernel allows it; all run side by side")
	f.VarP(&r.interval, "interval", "i", texts.interval)
	complete(cmd, "latency", r.latency.values...)
	complete(cmd, "copies", r.copies.values...)
	complete(cmd, "duration")
	complete(cmd, "interval")
}

// recording is what was asked for.
func (r *recordingFlags) recording(cmd *cobra.Command) (session.Recording, error) {
	how := session.Recording{
		Command:  append([]string{"zctrace"}, os.Args[1:]...),
		Tool:     tool(),
		Duration: time.Duration(r.duration),
		Interval: time.Duration(r.interval),
		Latency:  r.latency.value == "on",
		Copies:   ledger.Engine(r.copies.value),
	}
	if err := checkTime(cmd, "duration", r.duration == 0); err != nil {
		return how, err
	}
	if err := checkTime(cmd, "interval", r.interval == 0); err != nil {
		return how, err
	}
	switch {
	case r.duration < 0:
		return how, usageError("--duration %v: take a time that lies ahead, e.g. 5s", how.Duration)
	case how.Interval != 0 && how.Interval < time.Millisecond:
		return how, usageError("--interval %v: take at least 1ms", how.Interval)
	}
	return how, nil
}

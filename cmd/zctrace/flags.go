//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/workloads"
)

// options are the flags of run, and of compare and sweep but for a few.
type options struct {
	work      workFlags
	recording recordingFlags
	output    outputFlags
}

func (o *options) register(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	o.work.register(cmd)
	o.recording.register(cmd)
	o.output.register(cmd)
}

// config is the run that was asked for, checked as far as that can be done without
// the machine. Of several strategies, it is for the first.
func (o *options) config(cmd *cobra.Command, strategies []*workloads.Strategy) (cfg session.Config, err error) {
	o.output.jsonGiven = cmd.Flags().Changed("json")
	if cfg.Recording, err = o.recording.recording(cmd); err != nil {
		return cfg, err
	}
	cfg.Baseline = o.recording.baseline
	cfg.Work, err = o.work.work(strategies)
	return cfg, err
}

// complete offers the values of a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is registered before
	}
}

// checkTime refuses a time of 0, which stands for one that was not given.
func checkTime(cmd *cobra.Command, flag string, zero bool) error {
	if cmd.Flags().Changed(flag) && zero {
		return usageError("--%s 0: take a time such as 5s, or leave it out", flag)
	}
	return nil
}

// size is a flag in bytes: 64KiB, 1M, 512.
type size int64

func (s *size) Set(text string) error {
	n, err := human.ParseBytes(text)
	if err == nil && n == 0 {
		err = fmt.Errorf("0 bytes: take at least 1")
	}
	*s = size(n)
	return err
}

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return human.TypedBytes(int64(*s))
}

func (s *size) Type() string { return "SIZE" }

// depth is a flag: 1 to workloads.MaxDepth; 0 if it is not given.
type depth int64

func (d *depth) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > workloads.MaxDepth {
		return fmt.Errorf("take 1 to %d", workloads.MaxDepth)
	}
	*d = depth(n)
	return nil
}

func (d *depth) String() string {
	if *d == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*d), 10)
}

func (d *depth) Type() string { return "N" }

// choice is a flag with a few values.
type choice struct {
	value  string
	values []string
}

func (c *choice) Set(text string) error {
	for _, v := range c.values {
		if v == text {
			c.value = text
			return nil
		}
	}
	return fmt.Errorf("take %s", strings.Join(c.values, " or "))
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return strings.Join(c.values, "|") }

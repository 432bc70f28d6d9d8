//go:build linux

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

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
	o.output.register(cmd, "sender.copies.from_user == 0")
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

// complete offers the values of a flag; none: what it takes is no file.
func complete(cmd *cobra.Command, flag string, values ...string) {
	completeBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeOrFile offers the values of a flag that takes files, too.
func completeOrFile(cmd *cobra.Command, flag string, values ...string) {
	completeBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveDefault))
}

func completeBy(cmd *cobra.Command, flag string, by completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, by); err != nil {
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

// span is a flag: a time such as 5s; 0 if it is not given.
type span time.Duration

// aTime is one as time.ParseDuration takes it, of any length.
var aTime = regexp.MustCompile(`^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`)

func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	*s = span(d)
	switch {
	case err == nil:
		return nil
	case aTime.MatchString(text):
		return errors.New("it is longer than the 292 years that can be told: leave it out for no end, or take less")
	case aTime.MatchString(text + "s"):
		return fmt.Errorf("it has no unit: write %ss, or ms, m, h", text)
	}
	return errors.New("it is no time: take one such as 500ms, 5s or 1h30m")
}

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

func (s *span) Type() string { return "TIME" }

// count is a flag: a number of times.
type count int

func (c *count) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	*c = count(n)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return errors.New("it is out of range: take a smaller one")
	case err != nil:
		return errors.New("it is no number: take one such as 5")
	}
	return nil
}

func (c *count) String() string { return strconv.Itoa(int(*c)) }

func (c *count) Type() string { return "N" }

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

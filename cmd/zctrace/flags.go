//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/workloads"
)

const defaultDuration = 10 * time.Second

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
	return strings.ReplaceAll(human.FormatBytes(int64(*s)), " ", "")
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

// options are the flags of run, and of compare but for a few.
type options struct {
	bytes, chunk, rate size
	pipeSize           size
	depth              depth
	sqPoll             bool
	duration, interval time.Duration
	source             string
	sinks              []string
	receiver           string
	populate           bool
	advise             choice
	cache, latency     choice
	copies             choice
	verify, baseline   bool
	cpus               string
	expect             []string
	json               string
	jsonGiven          bool
	plain              bool
}

func (o *options) register(cmd *cobra.Command) {
	o.chunk = 64 << 10
	o.cache = choice{"warm", []string{"warm", "cold"}}
	o.advise = choice{"", workloads.Advices}
	o.latency = choice{"on", []string{"on", "off"}}
	o.copies = choice{value: string(tracer.Auto)}
	for _, e := range tracer.EngineChoices {
		o.copies.values = append(o.copies.values, string(e))
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&o.bytes, "bytes", "stop after this much payload, e.g. 64MiB")
	f.DurationVar(&o.duration, "duration", 0, "stop after `TIME`, e.g. 5s; with --bytes, whichever comes first (default 10s without --bytes)")
	f.Var(&o.chunk, "chunk", "payload per transfer, e.g. 64KiB")
	f.StringVar(&o.source, "source", "auto", "`FILE`, or auto[:SIZE]: a temporary file of that size (64MiB), gone afterwards, or zero: /dev/zero")
	f.StringArrayVar(&o.sinks, "sink", []string{"tcp"}, "`SINK`, one of tcp (loopback), unix, pipe, file[:PATH], null, or HOST:PORT: zctrace serve on another machine; given twice for tee")
	f.Lookup("sink").DefValue = "tcp" // not [tcp]
	f.StringVar(&o.receiver, "receiver", workloads.ReadReceiver.Name, receiverUsage())
	f.Var(&o.cache, "cache", "begin with the source in the page cache (warm), or with none of it (cold)")
	f.Var(&o.rate, "rate", "limit the payload to this many bytes per second")
	f.Var(&o.pipeSize, "pipe-size", "size of the pipe that splice, tee, vmsplice and io-uring-splice go through (default enough for a chunk, at most fs.pipe-max-size)")
	f.Var(&o.depth, "depth", fmt.Sprintf("chunks in flight with aio, or in a chain with io-uring, 1 to %d (default %d)", workloads.MaxDepth, workloads.DefaultDepth))
	f.BoolVar(&o.sqPoll, "sqpoll", false, "with io-uring, let a thread of the kernel submit (IORING_SETUP_SQPOLL)")
	f.BoolVar(&o.populate, "populate", false, "map the source with MAP_POPULATE: mmap maps all of its pages, and none is left to a page fault")
	f.Var(&o.advise, "advise", "tell madvise(2) how the source's mapping is read")
	f.BoolVar(&o.verify, "verify", false, "compare every byte that arrives with the source")
	f.Var(&o.latency, "latency", "time every system call; off is cheaper")
	f.Var(&o.copies, "copies", "how to count copies: fentry sees them in the kernel's functions, breakpoint at the copy instructions (slow), derived infers them from the system calls; auto is fentry where the kernel allows it; all run side by side")
	f.BoolVar(&o.baseline, "baseline", false, "do the same work untraced before, to tell what tracing costs")
	f.StringVar(&o.cpus, "cpu", "", "pin them to `SENDER,RECEIVER`, CPU numbers such as 0,1")
	f.DurationVar(&o.interval, "interval", 0, "take a sample every `TIME` (default 1s, 100ms on the dashboard)")
	f.StringArrayVar(&o.expect, "expect", nil, "exit with 4 unless `EXPR` holds, e.g. 'sender.copies.from_user == 0'; repeatable")
	f.StringVar(&o.json, "json", "", "write the trace to `FILE`, or - for standard output")
	f.BoolVar(&o.plain, "plain", false, "plain text, also on a terminal")

	fixed := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	for flag, complete := range map[string]cobra.CompletionFunc{
		"sink":     fixed("tcp", "unix", "pipe", "file", "null"),
		"receiver": fixed(receiverNames()...),
		"advise":   fixed(workloads.Advices...),
		"cache":    fixed(o.cache.values...),
		"latency":  fixed(o.latency.values...),
		"copies":   fixed(o.copies.values...),
	} {
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			panic(err) // the flag is registered above
		}
	}
}

func receiverNames() (names []string) {
	for _, m := range workloads.ReceiveMethods {
		names = append(names, m.Name)
	}
	return names
}

func receiverUsage() string {
	var what []string
	for _, m := range workloads.ReceiveMethods {
		what = append(what, m.Name+" ("+m.Summary+")")
	}
	return "`RECEIVER` of what arrives, one of " + strings.Join(what, ", ")
}

// receiveMethod is that of --receiver, if it goes with the sink.
func (o *options) receiveMethod() (*workloads.ReceiveMethod, error) {
	m, err := workloads.FindReceiveMethod(o.receiver)
	if err != nil {
		return nil, err
	}
	if len(o.sinks) > 1 && m != workloads.ReadReceiver {
		return nil, usageError("--receiver %s: two sinks are received from with read: leave it out", m.Name)
	}
	kind, remote := workloads.KindOf(o.sinks[0])
	if remote && m != workloads.ReadReceiver {
		return nil, fault.Errorf(fault.Usage, "leave it out, or take --sink tcp", "--receiver %s: zctrace serve receives at %s, and it reads", m.Name, o.sinks[0])
	}
	return m, m.Check(kind, o.verify)
}

func isRemote(sink string) bool {
	_, remote := workloads.KindOf(sink)
	return remote
}

// checkGiven looks at what was given on the command line, which a default could
// hide.
func (o *options) checkGiven(cmd *cobra.Command) error {
	o.jsonGiven = cmd.Flags().Changed("json")
	for name, given := range map[string]time.Duration{"duration": o.duration, "interval": o.interval} {
		if cmd.Flags().Changed(name) && given == 0 {
			return usageError("--%s 0: take a time such as 5s, or leave it out", name)
		}
	}
	return nil
}

// config checks what can be checked without the machine. A flag that is about some
// strategies only is for those among several.
func (o *options) config(strategies []*workloads.Strategy, command []string) (session.Config, error) {
	cfg := session.Config{
		Command:  command,
		Tool:     tool(),
		Strategy: strategies[0],
		Source:   o.source,
		Sink:     o.sinks[0],
		Bytes:    int64(o.bytes),
		Duration: o.duration,
		Chunk:    int64(o.chunk),
		Rate:     int64(o.rate),
		PipeSize: int64(o.pipeSize),
		Mapping:  workloads.Mapping{Populate: o.populate, Advice: o.advise.value},
		Depth:    int64(o.depth),
		SQPoll:   o.sqPoll,
		Cold:     o.cache.value == "cold",
		Verify:   o.verify,
		Latency:  o.latency.value == "on",
		Baseline: o.baseline,
		Copies:   ledger.Engine(o.copies.value),
		Interval: o.interval,
	}
	if len(o.sinks) > 1 {
		cfg.Sink2 = o.sinks[1]
	}
	switch {
	case len(o.sinks) > 1 && slices.ContainsFunc(o.sinks, isRemote):
		return cfg, fault.Errorf(fault.Usage, "take two of tcp, unix, pipe, file", "--sink HOST:PORT is not for two sinks: what goes to another machine is counted for one")
	case len(o.sinks) > 2:
		return cfg, usageError("--sink is given %d times: take one, or two for tee", len(o.sinks))
	case o.duration < 0:
		return cfg, usageError("--duration %v: take a time that lies ahead, e.g. 5s", o.duration)
	case o.pipeSize > 0 && !slices.ContainsFunc(strategies, (*workloads.Strategy).Piped):
		return cfg, usageError("--pipe-size is of no use to %s, without a pipe of its own: leave it out, or take splice", namesOf(strategies))
	case o.populate && !slices.ContainsFunc(strategies, (*workloads.Strategy).Mapped):
		return cfg, usageError("--populate is of no use to %s, without a mapping of the source: leave it out, or take mmap-write", namesOf(strategies))
	case o.advise.value != "" && !slices.ContainsFunc(strategies, (*workloads.Strategy).Mapped):
		return cfg, usageError("--advise is of no use to %s, without a mapping of the source: leave it out, or take mmap-write", namesOf(strategies))
	case o.depth > 0 && !slices.ContainsFunc(strategies, func(s *workloads.Strategy) bool { return s.Queued }):
		return cfg, usageError("--depth is of no use to %s, without a queue: leave it out, or take io-uring", namesOf(strategies))
	case o.sqPoll && !slices.ContainsFunc(strategies, (*workloads.Strategy).Ring):
		return cfg, usageError("--sqpoll is of no use to %s, without an io_uring: leave it out, or take io-uring", namesOf(strategies))
	case o.interval != 0 && o.interval < time.Millisecond:
		return cfg, usageError("--interval %v: take at least 1ms", o.interval)
	}
	if cfg.Bytes == 0 && cfg.Duration == 0 && !cfg.Cold { // a cold run ends with its source
		cfg.Duration = defaultDuration
	}
	var err error
	if cfg.Receive, err = o.receiveMethod(); err != nil {
		return cfg, err
	}
	cfg.CPUs, err = parseCPUs(o.cpus)
	return cfg, err
}

func namesOf(strategies []*workloads.Strategy) string {
	var names []string
	for _, s := range strategies {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// parseCPUs reads SENDER,RECEIVER.
func parseCPUs(text string) (*[2]int, error) {
	if text == "" {
		return nil, nil
	}
	sender, receiver, _ := strings.Cut(text, ",")
	var cpus [2]int
	for i, s := range []string{sender, receiver} {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, usageError("--cpu %q: take two CPU numbers, the sender's and the receiver's, e.g. 0,1", text)
		}
		cpus[i] = n
	}
	return &cpus, nil
}

//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/workloads"
)

// workFlags say what is to be done.
type workFlags struct {
	bytes, chunk, rate size
	pipeSize           size
	depth              depth
	sqPoll             bool
	source             string
	sinks              []string
	receiver           string
	populate           bool
	advise, cache      choice
	verify             bool
	cpus               string
}

func (w *workFlags) register(cmd *cobra.Command) {
	w.chunk = 64 << 10
	w.cache = choice{"warm", []string{"warm", "cold"}}
	w.advise = choice{"", workloads.Advices()}
	f := cmd.Flags()
	f.Var(&w.bytes, "bytes", "stop after this much payload, e.g. 64MiB")
	f.Var(&w.chunk, "chunk", "payload per transfer, e.g. 64KiB")
	f.StringVar(&w.source, "source", "auto", "`FILE`, or auto[:SIZE]: a temporary file of that size (64MiB), gone afterwards, or zero: /dev/zero")
	f.StringArrayVar(&w.sinks, "sink", []string{"tcp"}, "`SINK`, one of tcp (loopback), unix, pipe, file[:PATH], null, or HOST:PORT: zctrace serve on another machine; given twice for "+strategiesThat((*workloads.Strategy).TwoSinks))
	f.Lookup("sink").DefValue = "tcp" // not [tcp]
	f.StringVar(&w.receiver, "receiver", workloads.ReadReceiver.Name, receiverUsage())
	f.Var(&w.cache, "cache", "begin with the source in the page cache (warm), or with none of it (cold)")
	f.Var(&w.rate, "rate", "limit the payload to this many bytes per second")
	f.Var(&w.pipeSize, "pipe-size", "size of the pipe that "+strategiesThat((*workloads.Strategy).Piped)+" go through (default enough for a chunk, at most fs.pipe-max-size)")
	f.Var(&w.depth, "depth", fmt.Sprintf("chunks in flight with aio, or in a chain with io-uring, 1 to %d (default %d)", workloads.MaxDepth, workloads.DefaultDepth))
	f.BoolVar(&w.sqPoll, "sqpoll", false, "with io-uring, let a thread of the kernel submit (IORING_SETUP_SQPOLL)")
	f.BoolVar(&w.populate, "populate", false, "map the source with MAP_POPULATE: mmap maps all of its pages, and none is left to a page fault")
	f.Var(&w.advise, "advise", "tell madvise(2) how the source's mapping is read")
	f.BoolVar(&w.verify, "verify", false, "compare every byte that arrives with the source")
	f.StringVar(&w.cpus, "cpu", "", "pin them to `SENDER,RECEIVER`, CPU numbers such as 0,1")

	var kinds []string
	for _, kind := range workloads.SinkKinds {
		kinds = append(kinds, string(kind))
	}
	completeOrFile(cmd, "source", string(workloads.SourceAuto), string(workloads.SourceZero))
	completeBy(cmd, "sink", func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if strings.HasPrefix(toComplete, string(workloads.SinkFile)+":") {
			return nil, cobra.ShellCompDirectiveDefault // its path
		}
		return kinds, cobra.ShellCompDirectiveNoFileComp
	})
	for _, flag := range []string{"bytes", "chunk", "rate", "pipe-size", "depth", "cpu"} {
		complete(cmd, flag)
	}
	complete(cmd, "receiver", receiverNames()...)
	complete(cmd, "advise", w.advise.values...)
	complete(cmd, "cache", w.cache.values...)
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

// strategiesThat are the names of those of which it is true, for a sentence.
func strategiesThat(have func(*workloads.Strategy) bool) string {
	names := workloads.Names(have)
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func namesOf(strategies []*workloads.Strategy) string {
	var names []string
	for _, s := range strategies {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// work is what was asked for, checked as far as that can be done without the machine.
// Of several strategies it is for the first, and a flag that is about some strategies
// only is for those.
func (w *workFlags) work(strategies []*workloads.Strategy) (work workloads.Work, err error) {
	work = workloads.Work{
		Strategy: strategies[0],
		Bytes:    int64(w.bytes),
		Chunk:    int64(w.chunk),
		Rate:     int64(w.rate),
		PipeSize: int64(w.pipeSize),
		Mapping:  workloads.Mapping{Populate: w.populate, Advice: workloads.ParseAdvice(w.advise.value)},
		Depth:    int64(w.depth),
		SQPoll:   w.sqPoll,
		Cold:     w.cache.value == "cold",
		Verify:   w.verify,
	}
	if work.Source, err = workloads.ParseSource(w.source); err != nil {
		return work, err
	}
	for _, text := range w.sinks {
		sink, err := workloads.ParseSink(text)
		if err != nil {
			return work, err
		}
		work.Sinks = append(work.Sinks, sink)
	}
	if work.Receive, err = workloads.FindReceiveMethod(w.receiver); err != nil {
		return work, err
	}
	if err := w.checkUse(strategies); err != nil {
		return work, err
	}
	if work.CPUs, err = parseCPUs(w.cpus); err != nil {
		return work, err
	}
	return work, work.Check()
}

// checkUse refuses a flag that none of the strategies has a use for.
func (w *workFlags) checkUse(strategies []*workloads.Strategy) error {
	for _, flag := range []struct {
		name           string
		given          bool
		use            func(*workloads.Strategy) bool
		lacks, instead string
	}{
		{"pipe-size", w.pipeSize > 0, (*workloads.Strategy).Piped, "a pipe of its own", "splice"},
		{"populate", w.populate, (*workloads.Strategy).Mapped, "a mapping of the source", "mmap-write"},
		{"advise", w.advise.value != "", (*workloads.Strategy).Mapped, "a mapping of the source", "mmap-write"},
		{"depth", w.depth > 0, func(s *workloads.Strategy) bool { return s.Queued }, "a queue", "io-uring"},
		{"sqpoll", w.sqPoll, (*workloads.Strategy).Ring, "an io_uring", "io-uring"},
	} {
		if flag.given && !slices.ContainsFunc(strategies, flag.use) {
			return usageError("--%s is of no use to %s, without %s: leave it out, or take %s", flag.name, namesOf(strategies), flag.lacks, flag.instead)
		}
	}
	return nil
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

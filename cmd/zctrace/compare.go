//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/export"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// defaultComparedBytes is enough for 1,024 transfers of the default size.
const defaultComparedBytes = 64 << 20

// startCompare starts a comparison with what was asked for.
type startCompare func(cmd *cobra.Command, strategies []string, o *compareOptions) error

// compareOptions are the flags of compare.
type compareOptions struct {
	options
	rounds count
	form   form
	sizes  chunkRange // of sweep
	start  startCompare
}

// chunks are the chunk sizes to run with.
func (o *compareOptions) chunks() []int64 {
	if o.sizes == (chunkRange{}) {
		return []int64{int64(o.work.chunk)}
	}
	return o.sizes.sizes()
}

func newCompare(start startCompare) *cobra.Command {
	o := compareOptions{rounds: 5, start: start}
	return o.command("run each strategy `N` times", &cobra.Command{
		Use:   "compare [STRATEGY...]",
		Short: "Do the same work through several strategies, and rank them",
		Long: `compare moves the same data through each strategy (all that source, sink and sizes
allow, unless some are named), in interleaved rounds whose order rotates, and
ranks them by the median throughput, with what each cost next to the textbook.
What is counted must be the same in every round; what is not is marked.

On a terminal bars grow as the runs go, and the one under way shows what it does
(q ends it with what there is, ? explains); otherwise, or with --plain, there is a
line on standard error for each run. The ranking goes to standard output. --json keeps one trace for each run, without
samples, in the order in which they ran, and the ranking. --duration and --bytes
are for each run.`,
		Example: `  sudo zctrace compare
  sudo zctrace compare read-write sendfile --sink unix --rounds 9
  sudo zctrace compare --json c.json --markdown
  sudo zctrace compare --expect 'sendfile: sender.copies.from_user == 0'
  zctrace show c.json`,
	})
}

// command completes cmd, which is compare or sweep.
func (o *compareOptions) command(roundsUsage string, cmd *cobra.Command) *cobra.Command {
	cmd.ValidArgsFunction = each(workloads.AllNames()...)
	cmd.Args = func(*cobra.Command, []string) error { return o.form.check() }
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		return o.start(cmd, args, o)
	})
	o.register(cmd)
	cmd.Flags().Var(&o.rounds, "rounds", roundsUsage)
	complete(cmd, "rounds")
	o.form.register(cmd, export.OfSets())
	o.adaptFlags(cmd)
	return cmd
}

// notForCompare are the flags of run that compare and sweep refuse, and why.
var notForCompare = map[string]string{
	"baseline": "all runs here are traced: take zctrace run STRATEGY --baseline to learn what tracing costs",
	"interval": "no samples are kept here: take zctrace run STRATEGY --interval TIME for those of one run",
}

// adaptFlags says what is different here. No latency is shown, and timing every
// call would slow down those strategies most that make many.
func (o *compareOptions) adaptFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	for name := range notForCompare {
		_ = f.MarkHidden(name) // it is registered
	}
	for name, usage := range map[string]string{
		"bytes":    "stop each run after this much payload (default 64MiB without --duration)",
		"duration": "stop each run after `TIME`, e.g. 5s; with --bytes, whichever comes first",
		"source":   "`FILE`, or auto[:SIZE]: a temporary file of that size (64MiB), made once and gone afterwards, or zero: /dev/zero",
		"sink":     "`SINK`, one of tcp (loopback), unix, pipe, file, null, or HOST:PORT: zctrace serve on another machine; a new one for each run; given twice for tee",
		"copies":   "how to count copies: fentry sees them in the kernel's functions, breakpoint at the copy instructions (slow), derived infers them from the system calls; auto is fentry where the kernel allows it; all is for zctrace run alone",
		"latency":  "time every system call, for the traces of --json; off is cheaper",
		"expect":   "exit with 4 unless `EXPR` holds in every run, or, as 'STRATEGY: EXPR', in every run of that strategy; repeatable",
		"json":     "write the traces and the ranking to `FILE`, or - for standard output",
		"plain":    "no live view, also on a terminal",
		"quiet":    "print errors only, no ranking as text and nothing meanwhile: for --json, --csv, --markdown and --expect",
	} {
		f.Lookup(name).Usage = usage
	}
	o.recording.latency.value = "off"
	f.Lookup("latency").DefValue = "off"
}

// gate is an expectation of the runs of one strategy, or of all.
type gate struct {
	strategy string // "": all
	trace.Expectation
}

// comparison is several runs, as far as their front end is concerned.
type comparison struct {
	frontEnd
	name    string // of the command
	configs []session.Config
	rounds  int
	gates   []gate
	form    form
	leftOut []string // why strategies that nobody named are not compared
}

// compared is what was asked for, as far as it can be checked without the machine.
type compared struct {
	strategies []*workloads.Strategy
	gates      []gate
	cfg        session.Config
}

func (o *compareOptions) plan(cmd *cobra.Command, names []string) (p compared, err error) {
	for name, why := range notForCompare {
		if cmd.Flags().Changed(name) {
			return p, usageError("--%s: %s", name, why)
		}
	}
	if p.strategies, err = findStrategies(names); err != nil {
		return p, err
	}
	if p.gates, err = parseGates(o.output.expect); err != nil {
		return p, err
	}
	if p.cfg, err = o.config(cmd, p.strategies); err != nil {
		return p, err
	}
	if p.cfg.Bytes == 0 && p.cfg.Duration == 0 && !p.cfg.Cold { // a cold run ends with its source
		p.cfg.Bytes = defaultComparedBytes
	}
	p.cfg.Interval = dashboardInterval
	return p, o.checkCompare(p.cfg, len(p.strategies)*len(o.chunks()))
}

func compareStrategies(cmd *cobra.Command, names []string, o *compareOptions) error {
	p, err := o.plan(cmd, names)
	if err != nil {
		return err
	}
	file, err := o.output.file(p.cfg.Work)
	if err != nil {
		return err
	}
	ctx, interrupt := context.WithCancelCause(cmd.Context())
	defer interrupt(nil)
	c := &comparison{
		frontEnd: frontEnd{cfg: p.cfg, ctx: ctx, interrupt: interrupt, json: file, stdout: os.Stdout, quiet: o.output.quiet},
		name:     cmd.Name(),
		rounds:   int(o.rounds), gates: p.gates, form: o.form,
	}
	defer c.interruptOnSignal()()
	if err := c.tryRemote(); err != nil {
		return cmp.Or(interrupted(ctx, err), err)
	}
	source, err := c.openSource()
	if err != nil {
		return cmp.Or(interrupted(ctx, err), err)
	}
	defer source.Close()
	if err := c.choose(p.strategies, len(names) > 0, source, o.chunks()); err != nil {
		return err
	}
	front := c.lines
	if file == "-" {
		c.stdout = os.Stderr
	} else if !o.output.plain && !c.quiet && canDraw() {
		front = c.live
	}
	outcomes, err := front()
	if !c.quiet && slices.ContainsFunc(outcomes, func(o session.Outcome) bool { return o.Trace != nil }) {
		for _, why := range c.leftOut {
			fmt.Fprintln(os.Stderr, "zctrace: left out: "+human.Sanitize(why))
		}
	}
	return c.finish(outcomes, err)
}

// findStrategies are those of that name, or all.
func findStrategies(names []string) ([]*workloads.Strategy, error) {
	if len(names) == 0 {
		return workloads.Strategies, nil
	}
	var list []*workloads.Strategy
	for _, name := range names {
		s, err := workloads.Find(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, s) {
			return nil, usageError("%s is named twice: take --rounds to run it more often", name)
		}
		list = append(list, s)
	}
	return list, nil
}

// checkCompare checks what is different for each of so many runs a round.
func (o *compareOptions) checkCompare(cfg session.Config, each int) error {
	named := slices.IndexFunc(cfg.Sinks, func(sink workloads.SinkSpec) bool { return sink.Path != "" })
	switch runs := int(o.rounds) * each; {
	case o.rounds < 1:
		return usageError("--rounds %d: take at least 1", o.rounds)
	case runs > trace.MaxSetTraces:
		return fault.Errorf(fault.Usage, "take fewer rounds, strategies or sizes", "--rounds %d: %d runs are more than the %d of which traces are kept", o.rounds, runs, trace.MaxSetTraces)
	case cfg.Copies == tracer.All:
		return usageError("--copies all compares the engines of one run: take zctrace run STRATEGY --copies all")
	case named >= 0:
		return usageError("--sink %s: each run needs an empty file of its own: take --sink file", cfg.Sinks[named])
	}
	return nil
}

// parseGates reads EXPR or STRATEGY: EXPR. No path has a colon.
func parseGates(texts []string) ([]gate, error) {
	var gates []gate
	for _, text := range texts {
		name, expression, named := strings.Cut(text, ":")
		if !named {
			name, expression = "", text
		} else if _, err := workloads.Find(strings.TrimSpace(name)); err != nil {
			return nil, err
		}
		e, err := parseExpectations([]string{strings.TrimSpace(expression)})
		if err != nil {
			return nil, err
		}
		gates = append(gates, gate{strings.TrimSpace(name), e[0]})
	}
	return gates, nil
}

// tryRemote connects to a sink on another machine once, before every run fails to.
func (c *comparison) tryRemote() error {
	if !c.cfg.Sinks[0].IsRemote() {
		return nil
	}
	sink, err := workloads.Dial(c.ctx, c.cfg.Sinks[0].Host, false)
	if err == nil {
		sink.Close()
	}
	return err
}

// openSource opens the source of all runs.
func (c *comparison) openSource() (*workloads.Source, error) {
	user, err := workloads.InvokingUser()
	if err != nil {
		return nil, err
	}
	doing := announcer(c.quiet)
	doing("opening source " + c.cfg.Source.String())
	defer doing("")
	return workloads.OpenSource(c.ctx, c.cfg.Source, user)
}

// choose makes a configuration for each strategy that can do the work, with each
// chunk size that it can do. One that was named and cannot is refused.
func (c *comparison) choose(strategies []*workloads.Strategy, named bool, source *workloads.Source, chunks []int64) error {
	var refused error
	able := map[*workloads.Strategy][]int64{}
	for _, s := range strategies {
		sizes, err := c.able(s, source, chunks)
		if err != nil && named {
			return err
		} else if err != nil {
			refused = cmp.Or(refused, err)
			c.leftOut = append(c.leftOut, human.FirstLine(err.Error()))
		}
		able[s] = sizes
	}
	for _, chunk := range chunks { // what is compared runs close together
		for _, s := range strategies {
			if !slices.Contains(able[s], chunk) {
				continue
			}
			cfg := c.cfg
			cfg.Strategy, cfg.Shared, cfg.Chunk = s, source, chunk
			c.configs = append(c.configs, cfg)
		}
	}
	if len(c.configs) == 0 {
		return refused
	}
	for _, g := range c.gates {
		if g.strategy != "" && !slices.ContainsFunc(c.configs, func(cfg session.Config) bool { return cfg.Strategy.Name == g.strategy }) {
			return usageError("--expect '%s: %s': %s is not compared here", g.strategy, g, g.strategy)
		}
	}
	return nil
}

// able are the chunk sizes with which the strategy can do the work. The error says
// why there is none; some that it cannot do are left out.
func (c *comparison) able(s *workloads.Strategy, source *workloads.Source, chunks []int64) (sizes []int64, err error) {
	work := c.cfg.Work
	work.Strategy = s
	if err := support(work, source); err != nil {
		return nil, err
	}
	var out []string
	for _, chunk := range chunks {
		work.Chunk = chunk
		if e := work.CheckChunk(); e != nil {
			err = cmp.Or(err, e)
			out = append(out, human.FormatBytes(chunk))
			continue
		}
		sizes = append(sizes, chunk)
	}
	if err == nil || len(chunks) == 1 {
		return sizes, err
	}
	why := human.FirstLine(err.Error()) // its remedy is about a single size
	if len(sizes) == 0 {
		return nil, fault.Errorf(fault.Usage, "take sizes that are whole blocks, or leave "+s.Name+" out", "%s", why)
	}
	c.leftOut = append(c.leftOut, fmt.Sprintf("%s at %s: %s", s.Name, strings.Join(out, ", "), why))
	return sizes, nil
}

// support is nil when the strategy can move the payload, and takes the sinks.
func support(work workloads.Work, source *workloads.Source) error {
	if err := work.CheckSinks(); err != nil {
		return err
	}
	if err := work.CheckBytes(source); err != nil {
		return err
	}
	for _, sink := range work.Sinks {
		if err := workloads.Support(work.Strategy, source, sink.Kind); err != nil {
			return err
		}
	}
	return nil
}

// labels name the configurations, with the chunk size if there are several.
func (c *comparison) labels() []string {
	var names []string
	for _, cfg := range c.configs {
		name := cfg.Strategy.Name
		if c.configs[0].Chunk != c.configs[len(c.configs)-1].Chunk {
			name += " " + human.FormatBytes(cfg.Chunk)
		}
		names = append(names, name)
	}
	return names
}

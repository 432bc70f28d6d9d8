package ui

import (
	"strconv"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// rankColumn is a number of a ranking, in all forms of its table.
type rankColumn struct {
	block  rankBlock
	name   string // in the heading
	key    string // in CSV, and the path in JSON
	in     func(*trace.Ranked) *trace.Spread
	format func(float64) string
	rare   bool // left out of the text where it is 0 for all
}

// rankBlock is a part of the table of a ranking.
type rankBlock int

const (
	speedBlock rankBlock = iota
	eventBlock
	passBlock
)

var rankBlocks = map[rankBlock]string{speedBlock: "CPU", eventBlock: "Per MiB", passBlock: "Passes"}

var rankColumns = []rankColumn{
	{speedBlock, "throughput", "throughput", func(r *trace.Ranked) *trace.Spread { return &r.Throughput }, human.Rate, false},
	{speedBlock, "CPU ns/KiB", "cpu_ns_per_kib.total", func(r *trace.Ranked) *trace.Spread { return &r.CPUNSPerKiB.Total }, human.ThreeDigits, false},
	{speedBlock, "user", "cpu_ns_per_kib.user", func(r *trace.Ranked) *trace.Spread { return &r.CPUNSPerKiB.User }, human.ThreeDigits, false},
	{speedBlock, "kernel", "cpu_ns_per_kib.system", func(r *trace.Ranked) *trace.Spread { return &r.CPUNSPerKiB.System }, human.ThreeDigits, false},
	{eventBlock, "system calls", "per_mib.calls", func(r *trace.Ranked) *trace.Spread { return &r.PerMiB.Calls }, perMiB, false},
	{eventBlock, "mode switches", "per_mib.mode_switches", func(r *trace.Ranked) *trace.Spread { return &r.PerMiB.ModeSwitches }, perMiB, false},
	{eventBlock, "context switches", "per_mib.context_switches", func(r *trace.Ranked) *trace.Spread { return &r.PerMiB.ContextSwitches }, perMiB, false},
	{eventBlock, "page faults", "per_mib.page_faults", func(r *trace.Ranked) *trace.Spread { return &r.PerMiB.PageFaults }, perMiB, false},
	{passBlock, "to_user", "passes.to_user", func(r *trace.Ranked) *trace.Spread { return &r.Passes.ToUser }, human.Passes, false},
	{passBlock, "from_user", "passes.from_user", func(r *trace.Ranked) *trace.Spread { return &r.Passes.FromUser }, human.Passes, false},
	{passBlock, "in_kernel", "passes.in_kernel", func(r *trace.Ranked) *trace.Spread { return &r.Passes.InKernel }, human.Passes, false},
	{passBlock, "user_space", "passes.user_space", func(r *trace.Ranked) *trace.Spread { return &r.Passes.UserSpace }, human.Passes, true},
	{passBlock, "page_refs", "passes.page_refs", func(r *trace.Ranked) *trace.Spread { return &r.Passes.PageRefs }, human.Passes, false},
	{passBlock, "disk read", "passes.disk_read", func(r *trace.Ranked) *trace.Spread { return &r.Passes.DiskRead }, human.Passes, true},
	{passBlock, "disk written", "passes.disk_written", func(r *trace.Ranked) *trace.Spread { return &r.Passes.DiskWritten }, human.Passes, true},
	{passBlock, "cache left", "passes.cache_left", func(r *trace.Ranked) *trace.Spread { return &r.Passes.CacheLeft }, human.Passes, true},
}

// text is the column's median, or n/a.
func (c rankColumn) text(r *trace.Ranked) string {
	v, known := c.in(r).Median.Get()
	if !known {
		return human.NotCounted
	}
	return c.format(v)
}

// fullName is the column's where no block's heading stands beside it.
func (c rankColumn) fullName() string {
	switch {
	case c.block == eventBlock:
		return c.name + "/MiB"
	case c.block == passBlock:
		return c.name + ", passes"
	case c.name == "user", c.name == "kernel":
		return "of it " + c.name
	}
	return c.name
}

// varied marks a count that should be the same in every round, and was not.
const varied = "*"

// mark is where the number comes from, and whether the rounds agreed on it. Times
// never agree.
func (c rankColumn) mark(r *trace.Ranked) string {
	s := c.in(r)
	mark := ""
	if s.Median.Known() {
		mark = strings.TrimSpace(markOf(s.Provenance))
	}
	if c.block != speedBlock && s.Varies() {
		mark += varied
	}
	return mark
}

// zeroForAll reports whether the number is known to be 0 in every round of all
// that have one.
func (c rankColumn) zeroForAll(ranking []trace.Ranked) bool {
	any := false
	for i := range ranking {
		s := c.in(&ranking[i])
		if ranking[i].Rounds > 0 && (!s.Max.Known() || s.Max.Or(0) != 0) {
			return false
		}
		any = any || ranking[i].Rounds > 0
	}
	return any
}

// perMiB is a count by payload. What is not 0 is never shown as 0.00.
func perMiB(v float64) string {
	switch {
	case v > 0 && v < 0.005:
		return "<0.01"
	case v < 1e6:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return human.Short(v)
}

// fromTo is a spread of rates, in the unit of the larger.
func fromTo(s trace.Spread) string {
	low, known := s.Min.Get()
	if !known {
		return "-"
	}
	high := s.Max.Or(0)
	to, unit, _ := strings.Cut(human.Rate(high), " ")
	shown, err := strconv.ParseFloat(to, 64)
	if err != nil || shown <= 0 || high <= 0 {
		return human.Rate(low) + ".." + human.Rate(high)
	}
	digits := 0
	if _, fraction, dotted := strings.Cut(to, "."); dotted {
		digits = len(fraction)
	}
	if low < high && digits == 0 { // a round number is written without a decimal
		digits, to = 1, to+".0"
	}
	return strconv.FormatFloat(low/rateUnit(high), 'f', digits, 64) + ".." + to + " " + unit
}

// rateUnit is the size of the unit in which rate writes a number.
func rateUnit(v float64) float64 {
	unit := 1.0
	for _, written, _ := strings.Cut(human.Rate(v), " "); human.Rate(unit) != "1 "+written && unit < 1<<60; {
		unit *= 1024
	}
	return unit
}

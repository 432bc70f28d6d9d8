package ui

import (
	"strconv"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// rankColumn is a number of a ranking, in all forms of its table.
type rankColumn struct {
	block  rankBlock
	name   string // in the heading
	key    string // in CSV, and the path in JSON
	format func(float64) string
	rare   bool // left out of the text where it is 0 for all
	// derive makes the number of others, instead of finding it by its key.
	derive func(*trace.Ranked) *trace.Spread
}

func (c rankColumn) spread(r *trace.Ranked) *trace.Spread {
	if c.derive != nil {
		return c.derive(r)
	}
	return r.Spread(c.key)
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
	{block: speedBlock, name: "throughput", key: "throughput", format: human.Rate},
	{block: speedBlock, name: "CPU ns/KiB", key: "cpu_ns_per_kib.total", format: human.ThreeDigits},
	{block: speedBlock, name: "user", key: "cpu_ns_per_kib.user", format: human.ThreeDigits},
	{block: speedBlock, name: "kernel", key: "cpu_ns_per_kib.system", format: human.ThreeDigits},
	{block: eventBlock, name: "system calls", key: "per_mib.calls", format: perMiB},
	{block: eventBlock, name: "mode switches", key: "per_mib.mode_switches", format: perMiB},
	{block: eventBlock, name: "context switches", key: "per_mib.context_switches", format: perMiB},
	{block: eventBlock, name: "page faults", key: "per_mib.page_faults", format: perMiB},
	{block: passBlock, name: "to_user", key: "passes.to_user", format: human.Passes},
	{block: passBlock, name: "from_user", key: "passes.from_user", format: human.Passes},
	{block: passBlock, name: "in_kernel", key: "passes.in_kernel", format: human.Passes},
	{block: passBlock, name: "user_space", key: "passes.user_space", format: human.Passes, rare: true},
	{block: passBlock, name: "page_refs", key: "passes.page_refs", format: human.Passes},
	{block: passBlock, name: "disk read", key: "passes.disk_read", format: human.Passes, rare: true},
	{block: passBlock, name: "disk written", key: "passes.disk_written", format: human.Passes, rare: true},
	{block: passBlock, name: "cache left", key: "passes.cache_left", format: human.Passes, rare: true},
}

// text is the column's median, or n/a.
func (c rankColumn) text(r *trace.Ranked) string {
	v, known := c.spread(r).Median.Get()
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
	s := c.spread(r)
	mark := ""
	if s.Median.Known() {
		mark = strings.TrimSpace(reading.Mark(s.Provenance))
	}
	if c.block != speedBlock && s.Varies() {
		mark += varied
	}
	return mark
}

// zeroForAll reports whether the number is known to be 0 in every round of all
// that have one.
func (c rankColumn) zeroForAll(ranking []trace.Ranked) bool {
	counted := false
	for i := range ranking {
		s := c.spread(&ranking[i])
		if ranking[i].Rounds > 0 && (!s.Max.Known() || s.Max.Or(0) != 0) {
			return false
		}
		counted = counted || ranking[i].Rounds > 0
	}
	return counted
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

package reading

import (
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Column is a number of a ranking, in all forms of its table.
type Column struct {
	Block  Block
	Name   string // below the block's
	Path   string // in the JSON of a row, such as "passes.to_user"
	Rare   bool   // not worth a column where it is 0 for all
	format func(float64) string
	// derive makes the number of others, instead of finding it by its path.
	derive func(*trace.Ranked) *trace.Spread
}

// Block is a part of the table of a ranking.
type Block int

// The blocks, in the order in which they are shown.
const (
	SpeedBlock Block = iota
	EventBlock
	PassBlock
)

// String is the heading of the block.
func (b Block) String() string { return [...]string{"CPU", "Per MiB", "Passes"}[b] }

// Columns are those of every number of a ranking, in the order in which they are shown; the first is
// what it is ranked by.
var Columns = []Column{
	{Block: SpeedBlock, Name: "throughput", Path: "throughput", format: human.Rate},
	{Block: SpeedBlock, Name: "CPU ns/KiB", Path: "cpu_ns_per_kib.total", format: human.ThreeDigits},
	{Block: SpeedBlock, Name: "user", Path: "cpu_ns_per_kib.user", format: human.ThreeDigits},
	{Block: SpeedBlock, Name: "kernel", Path: "cpu_ns_per_kib.system", format: human.ThreeDigits},
	{Block: EventBlock, Name: "system calls", Path: "per_mib.calls", format: human.PerMiB},
	{Block: EventBlock, Name: "mode switches", Path: "per_mib.mode_switches", format: human.PerMiB},
	{Block: EventBlock, Name: "context switches", Path: "per_mib.context_switches", format: human.PerMiB},
	{Block: EventBlock, Name: "page faults", Path: "per_mib.page_faults", format: human.PerMiB},
	{Block: PassBlock, Name: "to_user", Path: "passes.to_user", format: human.Passes},
	{Block: PassBlock, Name: "from_user", Path: "passes.from_user", format: human.Passes},
	{Block: PassBlock, Name: "in_kernel", Path: "passes.in_kernel", format: human.Passes},
	{Block: PassBlock, Name: "user_space", Path: "passes.user_space", format: human.Passes, Rare: true},
	{Block: PassBlock, Name: "page_refs", Path: "passes.page_refs", format: human.Passes},
	{Block: PassBlock, Name: "disk read", Path: "passes.disk_read", format: human.Passes, Rare: true},
	{Block: PassBlock, Name: "disk written", Path: "passes.disk_written", format: human.Passes, Rare: true},
	{Block: PassBlock, Name: "cache left", Path: "passes.cache_left", format: human.Passes, Rare: true},
}

// ColumnOf is that of the number at a path, which there must be.
func ColumnOf(path string) Column {
	for _, c := range Columns {
		if c.Path == path {
			return c
		}
	}
	panic("no column " + path)
}

// CopiesInAll is what the CPU copied in all, which is the sum of other columns.
var CopiesInAll = Column{Block: PassBlock, Name: "copies", format: human.Passes, derive: copiesInAll}

func copiesInAll(r *trace.Ranked) *trace.Spread {
	sum := r.Passes.ToUser
	for _, s := range []trace.Spread{r.Passes.FromUser, r.Passes.InKernel, r.Passes.UserSpace} {
		sum.Median, sum.Min, sum.Max = added(sum.Median, s.Median), added(sum.Min, s.Min), added(sum.Max, s.Max)
		if s.Provenance != trace.Observed && (sum.Provenance == trace.Observed || s.Provenance == trace.Unavailable) {
			sum.Provenance = s.Provenance
		}
	}
	return &sum
}

func added(a, b trace.Real) trace.Real {
	x, known := a.Get()
	y, too := b.Get()
	if !known || !too {
		return trace.Real{}
	}
	return trace.KnownReal(x + y)
}

// Spread is the column's number in a row.
func (c Column) Spread(row *trace.Ranked) *trace.Spread {
	if c.derive != nil {
		return c.derive(row)
	}
	return row.Spread(c.Path)
}

// Text is the median in a row, or n/a.
func (c Column) Text(row *trace.Ranked) string {
	v, known := c.Spread(row).Median.Get()
	if !known {
		return human.NotCounted
	}
	return c.format(v)
}

// FullName is the column's where no block's heading stands beside it.
func (c Column) FullName() string {
	switch {
	case c.Block == EventBlock:
		return c.Name + "/MiB"
	case c.Block == PassBlock:
		return c.Name + ", passes"
	case c.Name == "user", c.Name == "kernel":
		return "of it " + c.Name
	}
	return c.Name
}

// Varies is whether a count that should be the same in every round was not. Times never are.
func (c Column) Varies(row *trace.Ranked) bool {
	return c.Block != SpeedBlock && c.Spread(row).Varies()
}

// Mark is that of where the median comes from; "" of one that is observed, or unknown.
func (c Column) Mark(row *trace.Ranked) string {
	if s := c.Spread(row); s.Median.Known() {
		return strings.TrimSpace(Mark(s.Provenance))
	}
	return ""
}

// Marks are all that stand beside the number in a row.
func (c Column) Marks(row *trace.Ranked) string {
	if c.Varies(row) {
		return c.Mark(row) + VariesMark
	}
	return c.Mark(row)
}

// Range is the least and the most of a throughput over the rounds, or a dash.
func Range(throughput trace.Spread) string {
	least, known := throughput.Min.Get()
	if !known {
		return "-"
	}
	return human.RateRange(least, throughput.Max.Or(0))
}

// ZeroForAll is whether the number is known to be 0 in every round of all rows that have one.
func (c Column) ZeroForAll(rows []trace.Ranked) bool {
	counted := false
	for i := range rows {
		s := c.Spread(&rows[i])
		if rows[i].Rounds > 0 && (!s.Max.Known() || s.Max.Or(0) != 0) {
			return false
		}
		counted = counted || rows[i].Rounds > 0
	}
	return counted
}

package export

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// csvFormat is the table of a comparison for a spreadsheet: numbers in base units, n/a where nobody counted.
// What is not observed, or not the same in every round, is named in columns of its own.
var csvFormat = Format{Name: "csv", Help: "print the ranking as CSV", Extension: "csv", Set: writeCSV}

func writeCSV(out io.Writer, s *trace.Set) error {
	w, r := csv.NewWriter(out), reading.NewRanking(s)
	columns := reading.Columns[1:] // the first has its least and most, too
	head := []string{"rank", "strategy", "chunk_bytes", "rounds", "failed", "throughput", "throughput_min", "throughput_max"}
	for _, c := range columns {
		head = append(head, c.Path)
	}
	_ = w.Write(append(head, "derived", "estimated", "varies", "textbook")) // Error tells
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := []string{orNotCounted(row.Rank), human.Sanitize(row.Strategy), integer(row.ChunkBytes), integer(row.Rounds), integer(row.Failed),
			orNotCounted(row.Throughput.Median), orNotCounted(row.Throughput.Min), orNotCounted(row.Throughput.Max)}
		var derived, estimated, varies []string
		for _, c := range columns {
			s := c.Spread(row)
			cells = append(cells, orNotCounted(s.Median))
			switch {
			case !s.Median.Known():
			case s.Provenance == trace.Derived:
				derived = append(derived, c.Path)
			case s.Provenance == trace.Estimated:
				estimated = append(estimated, c.Path)
			}
			if c.Varies(row) {
				varies = append(varies, c.Path)
			}
		}
		for _, paths := range [][]string{derived, estimated, varies} {
			cells = append(cells, strings.Join(paths, " "))
		}
		verdict, _ := r.Verdict(row)
		_ = w.Write(append(cells, human.Sanitize(verdict.String())))
	}
	w.Flush()
	return w.Error()
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

// orNotCounted is a number that may be unknown.
func orNotCounted(n interface {
	Known() bool
	String() string
}) string {
	if !n.Known() {
		return human.NotCounted
	}
	return n.String()
}

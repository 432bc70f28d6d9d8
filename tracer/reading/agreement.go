package reading

import (
	"math"
	"slices"
)

// Agreement is how a measured number stands to the textbook's.
type Agreement int

// The agreements, from none to the worst.
const (
	Unmeasured Agreement = iota // null, or nothing to compare with
	Same
	Explained // differs for a reason that the trace itself gives
	Differs
)

// Differing are the rows that the trace does not explain.
func (v Verdict) Differing() []Row {
	var list []Row
	for _, row := range v.Rows {
		if row.Agreement == Differs && row.Subject != CPUCopies { // the sum of the rows above it
			list = append(list, row)
		}
	}
	return list
}

// Row is the one of a subject; one of no agreement if there is none.
func (v Verdict) Row(s Subject) Row {
	if i := slices.IndexFunc(v.Rows, func(r Row) bool { return r.Subject == s }); i >= 0 {
		return v.Rows[i]
	}
	return Row{Subject: s}
}

// Complete is whether every row was measured. What was not may differ.
func (v Verdict) Complete() bool {
	return !slices.ContainsFunc(v.Rows, func(r Row) bool { return r.Agreement == Unmeasured })
}

// Agreement is that of the calls and copies furthest from the textbook, or none where one was not
// measured and none differs. DMA is not the strategy's doing.
func (v Verdict) Agreement() Agreement {
	worst, unknown := Unmeasured, false
	for _, row := range v.Rows {
		if row.Subject != DMAIn && row.Subject != DMAOut {
			worst, unknown = max(worst, row.Agreement), unknown || row.Agreement == Unmeasured
		}
	}
	if unknown && worst != Differs {
		return Unmeasured
	}
	return worst
}

// agree compares as precisely as is shown: in hundredths.
func agree(measured float64, textbook int) Agreement {
	if math.Abs(measured-float64(textbook)) < 0.005 {
		return Same
	}
	return Differs
}

package reading

import (
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Mark is the character behind a number that tells where it comes from: d for derived, ~ for estimated,
// else a space. n/a says itself that it was not observed.
func Mark(from trace.Provenance) string {
	switch from {
	case trace.Derived:
		return "d"
	case trace.Estimated:
		return "~"
	}
	return " "
}

// Text is a number as format writes it, or n/a.
func Text(n trace.Int, format func(int64) string) string {
	if v, known := n.Get(); known {
		return format(v)
	}
	return human.NotCounted
}

// Grown is how much a number has grown since a moment before. One that was not there then was 0.
func Grown(now, back trace.Int) trace.Int {
	n, known := now.Get()
	if !known {
		return trace.Int{}
	}
	return trace.Known(n - back.Or(0))
}

// RateText is what has grown between Back and Now, per second, as format writes it, or n/a.
func (m Moment) RateText(grown trace.Int, format func(float64) string) string {
	return perSecond(grown, m.Seconds(), format)
}

func perSecond(grown trace.Int, seconds float64, format func(float64) string) string {
	if v, known := grown.Get(); known && seconds > 0 {
		return format(float64(v) / seconds)
	}
	return human.NotCounted
}

// LimitText is the rate that a run is held to; "" where it is not.
func LimitText(limit trace.Int) string {
	if perSecond, limited := limit.Get(); limited {
		return "at most " + human.Rate(float64(perSecond))
	}
	return ""
}

// CountRateText is a count per second in at most width characters, or n/a.
func (m Moment) CountRateText(now, back trace.Int, width int) string {
	return m.RateText(Grown(now, back), func(v float64) string { return human.PerSecond(v, width) })
}

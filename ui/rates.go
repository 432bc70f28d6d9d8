package ui

import "github.com/zctrace/zctrace/tracer/trace"

// rates are how much a cumulative number grew per second in each column of a chart; -1
// where no sample is. position says in which column a sample is, and how far into it.
// Samples without the number are passed over; known is whether any has it.
func rates(samples []trace.Sample, columns int, position func(*trace.Sample) float64, number func(*trace.Sample) trace.Int) (values []float64, known bool) {
	grew, took := make([]float64, columns), make([]float64, columns)
	before, last := &trace.Sample{}, int64(0)
	for i := range samples {
		sample := &samples[i] // a sample is large
		n, counted := number(sample).Get()
		if !counted {
			continue
		}
		known = true
		amount, ns := float64(n-last), float64(sample.ElapsedNS-before.ElapsedNS)
		spread(position(before), position(sample), func(column int, share float64) {
			if column >= 0 && column < columns {
				grew[column] += amount * share
				took[column] += ns * share
			}
		})
		before, last = sample, n
	}
	for i := range grew {
		if took[i] <= 0 {
			grew[i] = -1
			continue
		}
		grew[i] = max(0, grew[i]) * 1e9 / took[i]
	}
	return grew, known
}

// spread shares what lies between two positions among the columns that it
// covers.
func spread(from, to float64, add func(column int, share float64)) {
	if !(to > from) || to-from > 1e6 { // stood still, or nonsense
		add(int(from), 1)
		return
	}
	for column := int(max(from, 0)); float64(column) < to; column++ {
		covered := min(to, float64(column+1)) - max(from, float64(column))
		if covered > 0 {
			add(column, covered/(to-from))
		}
	}
}

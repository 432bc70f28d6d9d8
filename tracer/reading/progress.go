package reading

import "github.com/zctrace/zctrace/tracer/trace"

// Progress is how far a run is towards the limit that it will meet first.
type Progress struct {
	Limited  bool
	ByBytes  bool    // the limit is one of bytes, not of time
	Fraction float64 // from 0 to 1
	LeftNS   int64   // until the limit, as fast as until now
}

// ProgressOf is how far a run is after some time, and so many bytes of payload.
func ProgressOf(r *trace.Run, elapsedNS, payload int64) Progress {
	var p Progress
	if limit, ok := r.LimitDurationNS.Get(); ok && limit > 0 {
		p = Progress{Limited: true, Fraction: float64(elapsedNS) / float64(limit), LeftNS: limit - elapsedNS}
	}
	if limit, ok := r.LimitBytes.Get(); ok && limit > 0 && payload > 0 {
		fraction := float64(payload) / float64(limit)
		left := int64(min(float64(elapsedNS)*(1-fraction)/fraction, 1e18))
		if !p.Limited || left < p.LeftNS {
			p = Progress{Limited: true, ByBytes: true, Fraction: fraction, LeftNS: left}
		}
	}
	p.Fraction = min(max(p.Fraction, 0), 1)
	p.LeftNS = max(p.LeftNS, 0)
	return p
}

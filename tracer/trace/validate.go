package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// maxBuckets is as many as the logarithms of an int64 can fill.
const maxBuckets = 64

// Validate checks what holds of every trace, and returns the first thing that does not:
// no number is negative; each provenance is one that there is, and is said of a number
// that there is; a number is null exactly where its provenance says so; the total equals
// the last sample; numbers that follow from each other agree, unless events were lost.
func (t *Trace) Validate() error {
	if t.Schema != Schema {
		return fmt.Errorf("invalid trace: schema is %.40q, want %q", t.Schema, Schema)
	}
	for _, check := range []func() error{
		t.validateHooks, t.validatePlain, t.validateTotal, t.validateSamples,
	} {
		if err := check(); err != nil {
			return fmt.Errorf("invalid trace: %w", err)
		}
	}
	return nil
}

func (t *Trace) validateHooks() error { return validateHooks(t.Hooks) }

func validateHooks(hooks []Hook) error {
	for i, h := range hooks {
		if n := h.Misses.Or(0); n < 0 {
			return negative(fmt.Sprintf("hooks[%d].misses", i), n)
		}
		// A hook that is not attached feeds nothing, so it may leave this empty.
		if h.Provenance == "" && !h.Attached {
			continue
		}
		if err := h.Provenance.validate(); err != nil {
			return fmt.Errorf("hooks[%d].provenance %w", i, err)
		}
	}
	return nil
}

// validatePlain checks what is outside of the counters.
func (t *Trace) validatePlain() error {
	if err := t.Run.Ended.validate(); err != nil {
		return err
	}
	numbers := map[string]int64{
		"host.cpus":               int64(t.Host.CPUs),
		"host.cpus_allowed":       int64(t.Host.CPUsAllowed),
		"run.chunk_bytes":         t.Run.ChunkBytes,
		"run.interval_ns":         t.Run.IntervalNS,
		"run.elapsed_ns":          t.Run.ElapsedNS,
		"run.limit_bytes":         t.Run.LimitBytes.Or(0),
		"run.limit_duration_ns":   t.Run.LimitDurationNS.Or(0),
		"run.pipe_bytes":          t.Run.PipeBytes.Or(0),
		"run.limit_rate":          t.Run.LimitRate.Or(0),
		"run.untraced_elapsed_ns": t.Run.UntracedElapsedNS.Or(0),
		"run.payload_bytes":       t.Run.PayloadBytes.Or(0),
		"run.source.bytes":        t.Run.Source.Bytes.Or(0),
	}
	for cause, n := range t.Losses {
		numbers["losses."+cause] = n
	}
	if b := t.Textbook; b != nil {
		numbers["textbook.transfer_calls"] = int64(b.TransferCalls)
		numbers["textbook.mode_switches"] = int64(b.ModeSwitches)
		numbers["textbook.copies.to_user"] = int64(b.Copies.ToUser)
		numbers["textbook.copies.from_user"] = int64(b.Copies.FromUser)
		numbers["textbook.copies.in_kernel"] = int64(b.Copies.InKernel)
		numbers["textbook.dma.in"] = int64(b.DMA.In)
		numbers["textbook.dma.out"] = int64(b.DMA.Out)
	}
	return cmp.Or(validateNatural(numbers), t.Run.validateExtents())
}

// validateNatural checks that no number is negative.
func validateNatural(numbers map[string]int64) error {
	for _, path := range slices.Sorted(maps.Keys(numbers)) {
		if numbers[path] < 0 {
			return negative(path, numbers[path])
		}
	}
	return nil
}

func (e Ended) validate() error {
	switch e {
	case "", Done, Interrupted, Failed:
		return nil
	}
	return fmt.Errorf("run.ended is %.40q, want %q, %q, %q or nothing", e, Done, Interrupted, Failed)
}

func (r *Run) validateExtents() error {
	sink2 := cmp.Or(r.Sink2, &Sink{})
	return cmp.Or(r.Source.Extents.validate("run.source.extents"), r.Sink.Extents.validate("run.sink.extents"), sink2.Extents.validate("run.sink2.extents"))
}

// lossless reports whether every event was counted.
func (t *Trace) lossless() bool {
	for _, n := range t.Losses {
		if n != 0 {
			return false
		}
	}
	return true
}

func (t *Trace) validateTotal() error {
	lossless := t.lossless()
	if err := t.Total.validate("total", lossless); err != nil || !lossless || t.Run.Ended == "" {
		// While it runs, a call may be counted, and not yet be in its histogram.
		return err
	}
	for party, c := range t.Total.Parties() {
		if err := c.Syscalls.validateTimes(); err != nil {
			return fmt.Errorf("total.%s: %w", party, err)
		}
	}
	return nil
}

func (t *Trace) validateSamples() error {
	if len(t.Samples) == 0 {
		return nil
	}
	if len(t.Samples) > MaxSamples {
		return fmt.Errorf("%d samples, the most is %d", len(t.Samples), MaxSamples)
	}
	lossless, before := t.lossless(), int64(0)
	for i := range t.Samples {
		s, name := &t.Samples[i], fmt.Sprintf("samples[%d]", i)
		if s.ElapsedNS < before {
			return fmt.Errorf("%s.elapsed_ns is %d, less than %d before it", name, s.ElapsedNS, before)
		}
		before = s.ElapsedNS
		if err := s.validate(name, lossless); err != nil {
			return err
		}
		for party, c := range s.Parties() {
			for call := range c.Syscalls.ByName {
				if len(c.Syscalls.ByName[call].LatencyLog2) > 0 {
					return fmt.Errorf("%s.%s has a histogram, which only the total has", name, party)
				}
			}
		}
	}
	last := &t.Samples[len(t.Samples)-1]
	if path := t.Total.difference(&last.Totals); path != "" {
		return fmt.Errorf("total.%s is not that of the last sample", printable(path))
	}
	return nil
}

func (t *Totals) validate(name string, lossless bool) error {
	for party, c := range t.Parties() {
		if err := c.validate(lossless); err != nil {
			return fmt.Errorf("%s.%s: %w", name, party, err)
		}
	}
	return nil
}

func (c *Counters) validate(lossless bool) error {
	for _, path := range slices.Sorted(maps.Keys(c.Provenance)) {
		if err := cmp.Or(checkOrigin(path), c.Provenance[path].validate()); err != nil {
			return fmt.Errorf("provenance of %s %w", printable(path), err)
		}
	}
	every := func(Number) bool { return true }
	if err := cmp.Or(c.validateNumbers(every), c.Syscalls.validateHistograms(), c.validateErrnos()); err != nil {
		return err
	}
	if lossless {
		return c.validateSums()
	}
	return nil
}

// validateNumbers checks each number of those that there are.
func (c *Counters) validateNumbers(are func(Number) bool) error {
	for n, key := range c.places() {
		if !are(n) {
			continue
		}
		number, amount := catalog[n].find(c, key)
		path := n.pathOf(key)
		if amount == nil {
			if err := c.validatePlain(path, number); err != nil {
				return err
			}
		} else if err := amount.validate(); err != nil {
			return fmt.Errorf("%s %w", printable(path), err)
		}
	}
	return nil
}

func (c *Counters) validatePlain(path string, number Int) error {
	if number.Or(0) < 0 {
		return negative(path, number.Or(0))
	}
	if number.Known() && c.Origin(path).Provenance == Unavailable {
		return fmt.Errorf("%s is %s, but its provenance is %q", printable(path), number, Unavailable)
	}
	return nil
}

// validateSums checks the numbers that follow from each other.
func (c *Counters) validateSums() error {
	calls, known := c.Syscalls.Calls.Get()
	if !known {
		return nil
	}
	if switches, ok := c.ModeSwitches.Get(); ok && (switches%2 != 0 || switches/2 != calls) {
		return fmt.Errorf("mode_switches is %d, want two for each of %d calls", switches, calls)
	}
	if transfers := c.Syscalls.TransferCalls.Or(0); transfers > calls {
		return fmt.Errorf("syscalls.transfer_calls is %d of %d calls", transfers, calls)
	}
	named := Known(0)
	for _, call := range c.Syscalls.ByName {
		named = named.Add(Known(call.Calls.Or(0)))
	}
	if sum, ok := named.Get(); !ok || sum > calls {
		return fmt.Errorf("syscalls.by_name has %s of %d calls", named, calls)
	}
	return nil
}

func (s *Syscalls) validateHistograms() error {
	for _, name := range slices.Sorted(maps.Keys(s.ByName)) {
		call, path := s.ByName[name], printable(byNamePrefix+name+".latency_log2")
		if len(call.LatencyLog2) > maxBuckets {
			return fmt.Errorf("%s has %d buckets, the most is %d", path, len(call.LatencyLog2), maxBuckets)
		}
		for _, n := range call.LatencyLog2 {
			if n < 0 {
				return negative(path, n)
			}
		}
	}
	return nil
}

// validateTimes checks that every call was timed.
func (s *Syscalls) validateTimes() error {
	for _, name := range slices.Sorted(maps.Keys(s.ByName)) {
		call, sum := s.ByName[name], Known(0)
		for _, n := range call.LatencyLog2 {
			sum = sum.Add(Known(n))
		}
		if len(call.LatencyLog2) > 0 && call.Calls.Known() && sum != call.Calls {
			return fmt.Errorf("%s has %s calls in it, want %s", printable(byNamePrefix+name+".latency_log2"), sum, call.Calls)
		}
	}
	return nil
}

// validateErrnos checks that there are no more errors by errno than errors, of calls and of requests.
func (c *Counters) validateErrnos() error {
	for _, name := range slices.Sorted(maps.Keys(c.Syscalls.ByName)) {
		call := c.Syscalls.ByName[name]
		if err := validateErrnos(byNamePrefix+name, call.Errors, call.Errnos); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Requests)) {
		if !isErrno(name) {
			return fmt.Errorf("requests has %.40q, which is the name of no request", name)
		}
		request := c.Requests[name]
		if err := validateErrnos(requestsPrefix+name, request.Errors, request.Errnos); err != nil {
			return err
		}
	}
	return nil
}

func validateErrnos(of string, errors Int, errnos map[string]Int) error {
	path := printable(of + ".errnos")
	for errno := range errnos {
		if !isErrno(errno) {
			return fmt.Errorf("%s has %.40q, which is the name of no errno", path, errno)
		}
	}
	if other := otherErrors(errors, errnos); len(errnos) > 0 && other.Or(-1) < 0 {
		return fmt.Errorf("%s has more in it than the %s errors", path, errors)
	}
	return nil
}

func (a *Amount) validate() error {
	bytes, known := a.Bytes.Get()
	derived := a.DerivedBytes.Or(0)
	if err := (Origin{a.Provenance, a.Reason}).validate(); err != nil {
		return err
	}
	switch {
	case known && a.Provenance == Unavailable:
		return fmt.Errorf("is %d, but its provenance is %q", bytes, Unavailable)
	case !known && a.Provenance != Unavailable:
		return fmt.Errorf("is null, but its provenance is %q", a.Provenance)
	case bytes < 0 || derived < 0:
		return fmt.Errorf("is %d, of which %d derived: a count is never negative", bytes, derived)
	case derived > bytes:
		return fmt.Errorf("is %s, of which %d derived", a.Bytes, derived)
	case a.Provenance == Observed && derived > bytes-derived,
		a.Provenance == Derived && a.DerivedBytes.Known() && derived < bytes-derived:
		return fmt.Errorf("is %d, of which %d derived, but its provenance is %q", bytes, derived, a.Provenance)
	}
	return nil
}

func (o Origin) validate() error {
	if o.Provenance == Unavailable && o.Reason == "" {
		return fmt.Errorf("is %q without a reason", Unavailable)
	}
	return o.Provenance.validate()
}

func (p Provenance) validate() error {
	switch p {
	case Observed, Derived, Estimated, Unavailable:
		return nil
	}
	return fmt.Errorf("is %.40q, want %q, %q, %q or %q", string(p), Observed, Derived, Estimated, Unavailable)
}

// difference is the path of the first thing in which the two differ, histograms
// apart, or "".
func (t *Totals) difference(u *Totals) string {
	for party := range u.Parties() {
		if t.Party(party) == nil {
			return party
		}
	}
	for party, c := range t.Parties() {
		d := u.Party(party)
		if d == nil {
			return party
		}
		if path := c.difference(d); path != "" {
			return party + "." + path
		}
	}
	return ""
}

func (c *Counters) difference(d *Counters) string {
	theirs := d.whole()
	for path, n := range c.whole() {
		if m, ok := theirs[path]; !ok || m != n {
			return path
		}
		delete(theirs, path)
	}
	for path := range theirs {
		return path
	}
	if (c.Syscalls.ByName == nil) != (d.Syscalls.ByName == nil) {
		return "syscalls.by_name"
	}
	if !maps.Equal(c.Provenance, d.Provenance) {
		return "provenance"
	}
	return ""
}

func negative(path string, n int64) error {
	return fmt.Errorf("%s is %d: a count is never negative", printable(path), n)
}

// printable is a path for an error text. Parts of it, such as the names of
// system calls, may come from the file and must not reach a terminal as they
// are.
func printable(path string) string {
	if len(path) > 100 {
		path = path[:100]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, path)
}

package ui

import "github.com/zctrace/zctrace/tracer/trace"

// fork is a path that tee doubles, and what went each way, now and then.
type fork struct{ now, back forked }

// forked is the bytes of a path to two sinks: referred to on the way into the
// first pipe, by tee, and by each sink that is no file; copied into each file.
type forked struct{ in, teed, taken, copied trace.Int }

// forkOf tells the ways of a fork apart; nil: there is none, or it cannot.
func (s *surveyor) forkOf() *fork {
	if s.pipes < 2 || s.run.Sink2 == nil {
		return nil
	}
	now, apart := s.forkedIn(s.sender.now, s.sender.payload(s.data))
	if !apart {
		return nil
	}
	back, _ := s.forkedIn(s.sender.back, s.sender.back.PayloadBytes)
	return &fork{now, back}
}

// forkedIn follows from what the payload is: what both sinks have got. splice copies
// into files and nowhere else, so if more was copied than the files got, nobody can
// tell where.
func (s *surveyor) forkedIn(c *trace.Counters, payload trace.Int) (f forked, apart bool) {
	files := int64(0)
	for _, sink := range []trace.Sink{s.run.Sink, *s.run.Sink2} {
		if sink.Kind == "file" {
			files++
		}
	}
	n, moved := payload.Get()
	refs, referred := pageRefs.of(c).Bytes.Get()
	copied, counted := inKernel.of(c).Bytes.Get()
	teed, called := c.Syscalls.ByName["tee"].Bytes.Get()
	if !moved || !referred || !counted || !called || copied > files*(n+s.run.ChunkBytes) {
		return forked{}, false
	}
	return forked{
		in:     trace.Known(max(refs-teed-(2-files)*n, 0)),
		teed:   trace.Known(teed),
		taken:  trace.Known(n),
		copied: trace.Known(copied / max(files, 1)),
	}, true
}

// forked is the part of a stream that went one way of the fork.
func (s *surveyor) forked(all stream, part func(forked) trace.Int) stream {
	all.bytes.value, all.back = part(s.fork.now), part(s.fork.back)
	if all.bytes.from == trace.Observed {
		all.bytes.from = trace.Derived
	}
	return all
}

// outOfFork is how the payload gets from a pipe of the fork into its sink.
func (s *surveyor) outOfFork(sink trace.Sink) []stream {
	if sink.Kind == "file" {
		return []stream{s.forked(s.of(byCopy, inKernel), func(f forked) trace.Int { return f.copied })}
	}
	_, out := s.references()
	return []stream{out}
}

// addBranch adds the way to the second sink.
func (s *surveyor) addBranch(pipe int) {
	if s.fork == nil {
		return
	}
	teed := s.forked(s.of(byReference, pageRefs), func(f forked) trace.Int { return f.teed })
	payload := s.sender.payload(s.data)
	s.branch = &branch{
		from:   pipe,
		ends:   [2]place{{names: []string{"pipe"}}, s.sinkPlace(*s.run.Sink2)},
		teed:   hop{streams: []stream{teed}, payload: payload},
		onward: hop{streams: s.outOfFork(*s.run.Sink2), payload: payload},
	}
}

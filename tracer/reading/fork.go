package reading

import "github.com/zctrace/zctrace/tracer/trace"

// fork is a path that tee doubles, and what went each way, now and then.
type fork struct{ now, back forkBytes }

// forkBytes are those of a path to two sinks: referred to on the way into the first
// pipe, by tee, and by each sink that is no file; copied into each file.
type forkBytes struct{ piped, teed, taken, copied trace.Int }

// forkOf tells the ways of a fork apart; nil: there is none, or it cannot.
func (s *surveyor) forkOf() *fork {
	if len(s.side) != 2 || s.run.Sink2 == nil {
		return nil
	}
	now, known := s.apart(s.sender.Now, s.sender.Payload())
	if !known {
		return nil
	}
	back, _ := s.apart(s.sender.Back, s.sender.Back.PayloadBytes)
	return &fork{now, back}
}

// apart tells the bytes of a fork apart, from what both sinks have got: the payload.
// splice copies into files and nowhere else, so if more was copied than the files got,
// nobody can tell where.
func (s *surveyor) apart(c *trace.Counters, payload trace.Int) (f forkBytes, known bool) {
	files := int64(0)
	for _, sink := range []trace.Sink{s.run.Sink, *s.run.Sink2} {
		if sink.Kind == "file" {
			files++
		}
	}
	n, moved := payload.Get()
	refs, referred := c.Int(trace.PageRefs).Get()
	copied, counted := c.Int(trace.InKernel).Get()
	teed, called := c.Syscalls.ByName[s.teeCall()].Bytes.Get()
	if !moved || !referred || !counted || !called || copied > files*(n+s.run.ChunkBytes) {
		return forkBytes{}, false
	}
	return forkBytes{
		piped:  trace.Known(max(refs-teed-(2-files)*n, 0)),
		teed:   trace.Known(teed),
		taken:  trace.Known(n),
		copied: trace.Known(copied / max(files, 1)),
	}, true
}

// teeCall is the call that doubles the path, which tee(2) does.
func (s *surveyor) teeCall() string {
	if calls := s.side[0].Calls; len(calls) > 0 {
		return calls[0]
	}
	return ""
}

// oneWay is the part of a stream that went one way of the fork.
func (s *surveyor) oneWay(all Stream, part func(forkBytes) trace.Int) Stream {
	all.Bytes.Int, all.Back = part(s.fork.now), part(s.fork.back)
	if all.Bytes.Origin.Provenance == trace.Observed {
		all.Bytes.Origin.Provenance = trace.Derived
	}
	return all
}

// outOfFork is how the payload gets from a pipe of the fork into its sink.
func (s *surveyor) outOfFork(sink trace.Sink) []Stream {
	if sink.Kind == "file" {
		return []Stream{s.oneWay(s.stream(ByCopy, trace.InKernel), func(f forkBytes) trace.Int { return f.copied })}
	}
	_, out := s.references()
	return []Stream{out}
}

// addBranch adds the way to the second sink.
func (s *surveyor) addBranch(pipe int) {
	if s.fork == nil {
		return
	}
	teed := s.oneWay(s.stream(ByReference, trace.PageRefs), func(f forkBytes) trace.Int { return f.teed })
	payload := s.sender.Payload()
	s.Branch = &Branch{
		From:   pipe,
		Call:   s.teeCall(),
		Ends:   [2]Place{{Names: []string{"pipe"}}, s.sinkPlace(*s.run.Sink2)},
		Teed:   Hop{Streams: []Stream{teed}, Payload: payload},
		Onward: Hop{Streams: s.outOfFork(*s.run.Sink2), Payload: payload},
	}
}

// references shares the page references of a path through a pipe between the
// way in and the way out: what reached the sink and was not copied there left
// the pipe by reference. Two pipes share their pages, and nobody can tell.
func (s *surveyor) references() (in, out Stream) {
	all := s.stream(ByReference, trace.PageRefs)
	switch {
	case s.fork != nil:
		return s.oneWay(all, func(f forkBytes) trace.Int { return f.piped }), s.oneWay(all, func(f forkBytes) trace.Int { return f.taken })
	case len(s.side) > 0:
		return all, all
	}
	part := func(c *trace.Counters, payload trace.Int) (in, out trace.Int) {
		n, known := c.Int(trace.PageRefs).Get()
		copied, counted := c.Int(trace.InKernel).Get()
		p, have := payload.Get()
		if !known || !counted || !have {
			return trace.Int{}, trace.Int{}
		}
		left := min(max(p-copied, 0), n)
		return trace.Known(n - left), trace.Known(left)
	}
	in, out = all, all
	in.Bytes.Int, out.Bytes.Int = part(s.sender.Now, s.sender.Payload())
	in.Back, out.Back = part(s.sender.Back, s.sender.Back.PayloadBytes)
	if all.Bytes.Origin.Provenance == trace.Observed {
		in.Bytes.Origin.Provenance, out.Bytes.Origin.Provenance = trace.Derived, trace.Derived
	}
	return in, out
}

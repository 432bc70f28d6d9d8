//go:build linux

package ledger

import "github.com/zctrace/zctrace/tracer/trace"

const whyTold = "from the system calls, their descriptors and their results"

// hooked is a number of bytes that only a hook tells; missing says why there is none.
func hooked(n uint64, missing string) trace.Amount {
	if missing != "" {
		return unavailable(missing)
	}
	return trace.Amount{Bytes: trace.Known(int64(n)), DerivedBytes: trace.Known(0), Provenance: trace.Observed}
}

// derived is a number of bytes that no hook saw.
func derived(n int64, reason string) trace.Amount {
	return trace.Amount{Bytes: trace.Known(n), DerivedBytes: trace.Known(n), Provenance: trace.Derived, Reason: reason}
}

// mixed is a number of bytes of which a hook saw a part, and the rest is derived.
func mixed(bytes, seen int64, reason string) trace.Amount {
	a := trace.Amount{Bytes: trace.Known(bytes), DerivedBytes: trace.Known(bytes - seen), Provenance: trace.Derived, Reason: reason}
	if 2*seen > bytes {
		a.Provenance = trace.Observed
		if seen == bytes {
			a.Reason = ""
		}
	}
	return a
}

// unavailable is a number of bytes that nobody counted.
func unavailable(reason string) trace.Amount {
	return trace.Amount{Provenance: trace.Unavailable, Reason: reason}
}

func (a *account) copies(t *tally) {
	s, missing := a.slot, a.party.Missing
	a.Copies = trace.Copies{
		ToUser:      t.amount(toUser),
		FromUser:    t.amount(fromUser),
		InKernel:    t.amount(inKernel),
		Fill:        a.fill(t),
		UserSpace:   unavailable(whyUndeclared),
		COW:         hooked(s.CowBytes, missing[COW]),
		NetInternal: hooked(s.NetInternalBytes, missing[NetInternal]),
	}
	if n, known := a.party.UserSpace.Get(); known {
		a.Copies.UserSpace = derived(n, whyDeclared)
	}
	if s.Sent.LinearBytes > 0 && a.Copies.InKernel.Bytes.Known() {
		a.Copies.InKernel.Reason = "its packets reached the NIC in one piece, so the stack has copied them together"
	}
	if internal := &a.Copies.NetInternal; internal.Bytes.Known() {
		internal.Provenance = trace.Estimated
		internal.Reason = "of packets that belong to the socket already; it depends on timing"
	}
}

// fill is what was zero-filled, unless page faults or holes may have been, which no
// system call's result tells.
func (a *account) fill(t *tally) trace.Amount {
	p, added := a.party, a.cacheAdded()
	const holes = "pages of holes are zero-filled when they are added to the page cache"
	switch {
	case p.MapsSink:
		return unavailable("faults on the sink's mapping fill its new pages; that needs a hook on the fault functions")
	case p.Maps && !p.Cached:
		return unavailable("faults on the mapping fill pages; that needs a hook on the fault functions")
	case p.Cached && p.Missing[PageCache] != "":
		return unavailable(holes + ": " + p.Missing[PageCache])
	case p.Cached && added > 0 && p.Missing[Disk] != "":
		return unavailable(holes + ", and not read from the disk: " + p.Missing[Disk])
	case p.Cached && p.Zeros == trace.Known(0) && p.Encoded: // fewer bytes on the disk are no zeros
		return t.amount(fill)
	case p.Cached && added > a.diskRead() && p.Zeros == count(added-a.diskRead()) && !p.Encoded && t.unknown[fill] == "":
		return derived(t.bytes[fill]+p.Zeros.Or(0), "pages of the source's holes, and of what is unwritten (FIEMAP), that were added to the page cache")
	case p.Cached && added > a.diskRead():
		return unavailable("more pages were added to the cache than the disk was read for: those of holes are zero-filled")
	}
	return t.amount(fill)
}

func (a *account) moved(t *tally) {
	a.Moved = trace.Moved{PageRefs: t.amount(pageRefs), Cloned: t.amount(cloned), Mapped: a.mapped()}
}

// mapped is what page faults made visible of the source, and what a receiver had
// mapped of its socket's pages.
func (a *account) mapped() trace.Amount {
	s, missing, received := a.slot, a.party.Missing, a.calls.received
	faulted := int64(s.Cache.MappedBytes + s.Helpers.Cache.MappedBytes)
	switch {
	case missing[MappedPages] != "" && a.party.Maps:
		// mm_filemap_map_pages does not see folios that are mapped by a PMD
		// (mm/filemap.c: filemap_map_pmd).
		return unavailable("no tracepoint sees all that faults map: " + missing[MappedPages])
	case received > 0 && missing[ReceivedPages] != "":
		return mixed(faulted+received, faulted, "what TCP_ZEROCOPY_RECEIVE reported")
	case missing[MappedPages] == "" || received > 0:
		return hooked(uint64(faulted)+s.ReceivedBytes, "")
	}
	return derived(0, "it maps no file")
}

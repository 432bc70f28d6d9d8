//go:build linux

package ledger

import (
	"cmp"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

func (a *account) pageCache() {
	a.left()
	switch {
	case a.lacks(PageCache):
	case a.party.MayCache && !a.cached():
		say(&a.Counters, trace.Unavailable, "whether the source is read through it depends on who keeps its data, and nothing was added to it", trace.CacheHitBytes, trace.CacheMissBytes, trace.ReadaheadBytes)
	case !a.party.Cached && !a.party.MayCache:
		say(&a.Counters, trace.Unavailable, "it does not read a file through it", trace.CacheHitBytes, trace.CacheMissBytes, trace.ReadaheadBytes)
	default:
		a.PageCache.MissBytes = count(a.cacheAdded())
		a.hits()
	}
}

// cached is whether it shows that the source is read through the page cache: by a mapping, by pages that were
// added, or because a daemon of FUSE asked for nothing else.
func (a *account) cached() bool {
	if a.party.Maps || a.cacheAdded() > 0 {
		return true
	}
	for c := range cellsOf(a.slot) {
		if attr(c.Key.In, bpf.ObjectFdAttrFD_CACHED) {
			return true
		}
	}
	for c := range requestsOf(a.slot) {
		if attr(c.Key.In, bpf.ObjectFdAttrFD_CACHED) {
			return true
		}
	}
	return false
}

// hits are what of the payload was in the cache, and what was read ahead.
func (a *account) hits() {
	s, p, added := a.slot, a.party, a.cacheAdded()
	switch {
	case added == 0:
		a.PageCache.ReadaheadBytes = trace.Known(0)
		say(&a.Counters, trace.Derived, "nothing was added to the cache", trace.ReadaheadBytes)
		a.hit(0, trace.Derived, "nothing was added to the cache, so all was there")
	case a.lacks(ReadAhead):
		a.hit(added, trace.Estimated, "payload less what was added to the cache, read-ahead included")
	default:
		a.PageCache.ReadaheadBytes = count(s.Cache.AheadBytes + s.Helpers.Cache.AheadBytes)
		missed := s.Cache.MissedBytes + s.Helpers.Cache.MissedBytes
		if byPages := p.Maps || a.Syscalls.ShortTransfers == trace.Known(0); p.Pages && byPages {
			a.hit(missed, trace.Derived, "payload less what was asked for and not in the cache")
		} else {
			a.hit(missed, trace.Estimated, "payload less the pages asked for and not in the cache; requests began and ended within pages")
		}
	}
}

// hit sets what was in the cache: the payload but for what was not, or was cloned.
func (a *account) hit(missed uint64, kind trace.Provenance, reason string) {
	payload, known := a.party.Payload.Get()
	if !known {
		say(&a.Counters, trace.Unavailable, whyUndeclared, trace.CacheHitBytes)
		return
	}
	shared, known := a.Moved.Cloned.Bytes.Get() // nobody asks the cache for what is cloned
	if !known {
		say(&a.Counters, trace.Unavailable, "what is cloned is not asked for: "+a.Moved.Cloned.Reason, trace.CacheHitBytes)
		return
	}
	switch {
	case a.Moved.Cloned.Provenance == trace.Estimated:
		kind, reason = trace.Estimated, reason+"; less what is cloned, which is estimated "+a.Moved.Cloned.Reason
	case shared > 0:
		reason += "; less what is cloned, which is not asked for"
	}
	a.PageCache.HitBytes = trace.Known(max(0, payload-int64(missed)-shared))
	say(&a.Counters, kind, reason, trace.CacheHitBytes)
}

func (a *account) left() {
	left := a.party.Left
	a.PageCache.LeftBytes = left.Bytes
	if left.Bytes.Known() {
		say(&a.Counters, trace.Derived, left.Reason, trace.CacheLeftBytes)
	} else {
		say(&a.Counters, trace.Unavailable, cmp.Or(left.Reason, whyUndeclared), trace.CacheLeftBytes)
	}
}

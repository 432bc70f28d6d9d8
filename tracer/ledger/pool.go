//go:build linux

package ledger

import (
	"cmp"
	"slices"

	"github.com/zctrace/zctrace/bpf"
)

// copies are bytes that hooks saw copied, by class.
type copies [inKernel + 1]int64

func copiesOf(c bpf.ObjectCopied) copies {
	return copies{toUser: int64(c.ToUser), fromUser: int64(c.FromUser), inKernel: int64(c.InKernel)}
}

func (p *copies) add(more copies) {
	for c, n := range more {
		p[c] += n
	}
}

func (p *copies) sum() int64 { return p[toUser] + p[fromUser] + p[inKernel] }

// take takes out of the pool the copies that requests made which moved n bytes. If their
// memory is registered, so are those that a hook took for copies within the kernel.
func (p *copies) take(v ruling, n int64, registered bool) (taken copies) {
	draw := func(seen, counted class) {
		took := min(p[seen], n)
		p[seen] -= took
		taken[counted] += took
		n -= took
	}
	for _, c := range v.copies() {
		draw(c, c)
		if registered {
			draw(inKernel, c)
		}
	}
	return taken
}

// copies are the classes of copies that a ruling leaves possible, of bytes that
// went by reference too: the kernel may have had to copy them.
func (v ruling) copies() (list []class) {
	for _, c := range append(slices.Clone(v.certain), v.unknown...) {
		switch {
		case c <= inKernel:
			list = append(list, c)
		case c == pageRefs && v.turn() == byReferenceTurn:
			return []class{fromUser, inKernel}
		}
	}
	return list
}

// Turns are the order in which requests take from the pool.
const (
	certainTurn = iota
	uncertainTurn
	byReferenceTurn
)

func (v ruling) turn() int {
	switch {
	case len(v.unknown) > 0:
		return uncertainTurn
	case slices.ContainsFunc(v.certain, func(c class) bool { return c <= inKernel }):
		return certainTurn
	}
	return byReferenceTurn
}

// settle counts the requests of a slot. Nothing tells which request made which of the
// copies that hooks saw while requests were carried out, in any context: they are a
// pool. Requests take theirs in turns: first those whose copies are certain, then those
// that may have copied, then those that go by reference unless the kernel copied
// after all. What is left belongs to no request that has completed.
func (t *tally) settle(s *bpf.ObjectSlot) {
	type group struct {
		request
		ruling
		cell *bpf.ObjectRequestCell
	}
	var groups []group
	for c := range requestsOf(s) {
		if r := requestOf(c.Key.Nr); r.rule != nil {
			groups = append(groups, group{r, r.rule(c.Key.In, c.Key.Out, c.Key.Flags), c})
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(a.turn(), b.turn()) })
	t.pool.add(t.sawIn(&s.Helpers.Seen))
	for _, g := range groups {
		n := int64(g.cell.Bytes)
		seen := t.pool.take(g.ruling, n, g.fixed && t.engine == Breakpoint)
		t.place(g.ruling, n, g.cell.Requests > g.cell.Errors, seen)
	}
	for _, g := range groups {
		left := s.State != bpf.ObjectSlotStateOPEN && g.surplus(t.pool, 0) // of an attempt that io_uring repeated
		t.notMade(g.ruling, g.cell.Errors > 0 || left)
	}
	if t.engine == Fentry { // the others are before the copy, which may fail or be done in two goes
		t.saw(t.pool)
	}
	if why := t.party.Missing[UringRequests]; why != "" && usesUring(s) {
		t.notKnown(notCounted(why))
	}
}

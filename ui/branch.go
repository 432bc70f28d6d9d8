package ui

import "strings"

// branchArrow is one of the two arrows of a branch, and where it leads.
type branchArrow struct {
	hop
	label, name string
}

// shaftsOfBranch is how many stretches of shaft a branch has: one at each side of
// the labels.
const shaftsOfBranch = 4

func (c *canvas) branchArrows() (list [2]branchArrow, fixed int) {
	for i, h := range []hop{c.branch.teed, c.branch.onward} {
		label := c.topLabel(h, onOneLine)
		if h.main().surprise {
			label = c.differs + " " + label
		}
		list[i] = branchArrow{h, " " + label + " ", " " + c.nameOf(c.branch.ends[i])}
		fixed += cells(list[i].label+c.head+list[i].name) + shaftsOfBranch/2
	}
	list[0].label, list[0].name = " tee,"+list[0].label, list[0].name+" "
	return list, fixed + cells(" tee, ")
}

// branches reports whether there is a branch, and room for it below the box that
// it leaves.
func (c *canvas) branches() bool {
	if c.branch == nil || !c.boxed {
		return false
	}
	_, fixed := c.branchArrows()
	return c.leaves(c.branch.from)+1+fixed <= c.width
}

// branchLine draws the way to a second sink, from the box above or by itself; none
// if there is none.
func (c *canvas) branchLine() []string {
	if c.branch == nil {
		return nil
	}
	from, begin := 0, c.name(c.branch.from)+" "
	if c.branches() {
		from, begin = c.leaves(c.branch.from), c.bends[2]
	}
	arrows, fixed := c.branchArrows()
	room := c.width - from - cells(begin) - fixed
	if amount := c.amount(c.branch.onward, room-1); amount != "" {
		arrows[1].label += amount + " "
		room -= cells(amount) + 1
	}
	longer := min(max(room, 0)/shaftsOfBranch, onOneLine)
	ink := c.strong
	if from > 0 {
		ink = c.labelInk(arrows[0].hop)
	}
	var l line
	l.to(from).put(ink, begin)
	for _, a := range arrows {
		ink, carries := c.inkOf(a.hop)
		shaft, head := a.main().way.shaft(c.look), c.head
		if !carries {
			shaft, head = c.nothing, c.nothing
		}
		shaft = strings.Repeat(shaft, 1+longer)
		l.put(ink, shaft+a.label+shaft+head).put(c.strong, a.name)
	}
	return []string{c.fit(l.String(), c.width)}
}

package ui

import (
	"strings"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// branchArrow is one of the two arrows of a branch, and where it leads.
type branchArrow struct {
	reading.Hop
	label, name string
}

// shaftsOfBranch is how many stretches of shaft a branch has: one at each side of
// the labels.
const shaftsOfBranch = 4

func (c *canvas) branchArrows() (list [2]branchArrow, fixed int) {
	for i, h := range []reading.Hop{c.branch.Teed, c.branch.Onward} {
		label := c.topLabel(h, onOneLine)
		if h.Main().Surprise {
			label = c.Surprise + " " + label
		}
		list[i] = branchArrow{h, " " + label + " ", " " + c.nameOf(c.branch.Ends[i])}
		fixed += term.Width(list[i].label+c.Head+list[i].name) + shaftsOfBranch/2
	}
	begin := " " + c.Text(c.branch.Call) + ","
	list[0].label, list[0].name = begin+list[0].label, list[0].name+" "
	return list, fixed + term.Width(begin) + 1
}

// branches reports whether there is a branch, and room for it below the box that
// it leaves.
func (c *canvas) branches() bool {
	if c.branch == nil || !c.boxed {
		return false
	}
	_, fixed := c.branchArrows()
	return c.leaves(c.branch.From)+1+fixed <= c.width
}

// branchLine draws the way to a second sink, from the box above or by itself; none
// if there is none.
func (c *canvas) branchLine() []string {
	if c.branch == nil {
		return nil
	}
	from, begin := 0, c.name(c.branch.From)+" "
	if c.branches() {
		from, begin = c.leaves(c.branch.From), c.Bends[2]
	}
	arrows, fixed := c.branchArrows()
	room := c.width - from - term.Width(begin) - fixed
	if amount := c.amount(c.branch.Onward, room-1); amount != "" {
		arrows[1].label += amount + " "
		room -= term.Width(amount) + 1
	}
	longer := min(max(room, 0)/shaftsOfBranch, onOneLine)
	ink := c.Strong
	if from > 0 {
		ink = c.labelInk(arrows[0].Hop)
	}
	var l term.Line
	l.PadTo(from).Put(ink, begin)
	for _, a := range arrows {
		ink, carries := c.inkOf(a.Hop)
		shaft, head := shaftOf(c.Look, a.Main().Way), c.Head
		if !carries {
			shaft, head = c.Nothing, c.Nothing
		}
		shaft = strings.Repeat(shaft, 1+longer)
		l.Put(ink, shaft+a.label+shaft+head).Put(c.Strong, a.name)
	}
	return []string{c.Fit(l.String(), c.width)}
}

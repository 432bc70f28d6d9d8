package ui

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/ui/term"
)

// panel draws one subject; see data.
type panel func(d data, width int) string

// band is one row of panels, side by side.
type band struct {
	panels []panel
	widths []int
	least  int // rows below which it is of no use
}

const gutter = 2 // between panels

// draw renders the band in so many rows; 0: as many as it wants.
func (b band) draw(d data, rows int) []string {
	d.rows = rows
	columns := make([][]string, len(b.panels))
	height := 0
	for i, p := range b.panels {
		columns[i] = strings.Split(p(d, b.widths[i]), "\n")
		height = max(height, len(columns[i]))
	}
	if len(columns) == 1 {
		return columns[0]
	}
	lines := make([]string, height)
	for y := range lines {
		var l strings.Builder
		for i, c := range columns {
			text := ""
			if y < len(c) {
				text = c[y]
			}
			if i < len(columns)-1 {
				text = term.PadRight(text, b.widths[i]+gutter)
			}
			l.WriteString(text)
		}
		lines[y] = l.String()
	}
	return lines
}

// bandsFor arranges the panels, top to bottom.
func bandsFor(d data, width, height int) []band {
	one := func(p panel, least int) band { return band{[]panel{p}, []int{width}, least} }
	header, progress, copies := one(headerPanel, 1), one(progressPanel, 2), one(copiesPanel, 4)
	trust := len(d.alerts())
	if height >= leastForTrust {
		trust++ // and a line of where the numbers come from
	}
	status := one(statusPanel, trust)
	bands := []band{header, progress, copies, one(textbookPanel, 2), one(syscallsPanel, 3), one(switchesPanel, 3), one(resourcesPanel, 0), status}
	if width >= leastForTwo {
		widths := columnsFor(width)
		bands = []band{
			header, progress, copies,
			{[]panel{syscallsPanel, textbookPanel}, widths, 5},
			{[]panel{switchesPanel, resourcesPanel}, widths, 3},
			status,
		}
		if height >= leastForCharts {
			half := (width - gutter) / 2
			charts := band{[]panel{copiedPanel, contextPanel}, []int{half, width - gutter - half}, lowestSeries}
			bands = slices.Insert(bands, len(bands)-1, charts)
		}
	}
	// The picture is left out where it would push something else out.
	needed := pictureRows(d, width)
	if needed == 0 {
		return bands
	}
	sum := needed
	for _, b := range bands {
		sum += b.least
	}
	if sum > height {
		return bands
	}
	return slices.Insert(bands, 2, one(picturePanel, needed))
}

// leastForTrust is the height from which there is a line for the provenance of
// the numbers even if that takes one from the other panels.
const leastForTrust = 20

// leastForCharts is the height from which there are charts over time beside the
// throughput's.
const leastForCharts = 47

// leastForTwo is the width from which panels stand side by side.
const leastForTwo = 78

// columnsFor divides a width in two. The left column gets what its system
// calls need; then the right one what it needs to say why the textbook is
// wrong; what is left is for exact bytes, errors and so on, on the left.
func columnsFor(width int) []int {
	const left, right, notes = 46, 30, 18
	extra := width - left - gutter - right
	toRight := min(extra, notes) + max(0, extra-4*notes)/4
	return []int{left + extra - toRight, right + toRight}
}

// Numbers of rows that are no number of rows; see data.
const (
	asMuchAsWanted = 0
	plenty         = 1000
)

// shared is a band and what it has been given.
type shared struct {
	band
	rows  int
	drawn []string // in some number of rows
}

// share gives each band its rows and says whether blank lines may part them.
// Every band gets its least, from the top as far as it goes; then they take
// turns until each has what it wants; then come the blank lines; and what is
// still left goes, in turns again, to the bands that can show yet more.
func share(bands []band, d data, height int) (list []shared, parted bool) {
	list = make([]shared, len(bands))
	free := height
	give := func(i, n int) {
		n = max(0, min(n, free))
		list[i].rows += n
		free -= n
	}
	turns := func(wanted int) {
		for i := range list {
			list[i].drawn = list[i].draw(d, wanted)
		}
		for given := true; given && free > 0; {
			given = false
			for i := range list {
				if list[i].rows < len(list[i].drawn) && free > 0 {
					give(i, 1)
					given = true
				}
			}
		}
	}

	for i, b := range bands {
		list[i].band = b
	}
	// What says that the numbers are not to be believed is not cut off.
	last := len(bands) - 1
	give(last, bands[last].least)
	for i, b := range bands[:last] {
		give(i, b.least)
	}
	turns(asMuchAsWanted)
	if free >= len(bands)-2 {
		free -= len(bands) - 2
		parted = true
	}
	if free > 0 {
		turns(plenty)
	}
	return list, parted
}

// dashboard fills width × height cells, without the footer.
func dashboard(d data, width, height int) []string {
	list, parted := share(bandsFor(d, width, height), d, height)
	lines := make([]string, 0, height)
	for i, s := range list {
		if s.rows == 0 {
			continue
		}
		if parted && i > 1 { // header and progress belong together
			lines = append(lines, "")
		}
		if len(s.drawn) != s.rows { // else it is what was drawn to find out
			s.drawn = s.draw(d, s.rows)
		}
		lines = append(lines, s.drawn[:min(len(s.drawn), s.rows)]...)
	}
	return lines[:min(len(lines), height)]
}

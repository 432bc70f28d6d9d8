package ui

import "strings"

// helpLines explain keys, signs and words in one screen of the smallest size.
func helpLines(l *look, k keyMap, width int) []string {
	lines := []string{
		l.heading("KEYS", width),
		helpRow(l, l.key, k.quit.Help().Key, "quit; a run that still goes on is ended first"),
		helpRow(l, l.key, k.interrupt.Help().Key, "interrupt the run and quit; twice: quit at once"),
		helpRow(l, l.key, k.pause.Help().Key, "pause the view; the run goes on"),
		helpRow(l, l.key, k.save.Help().Key, "save the trace as JSON"),
		l.heading("SIGNS AND WORDS", width),
		helpRow(l, l.copied, last(l.copyBar), "bytes that the CPU copied"),
		helpRow(l, l.moved, last(l.moveBar), "bytes handed on by reference, without a copy"),
		helpRow(l, l.strong, "d", "derived from the system call, its files, its result"),
		helpRow(l, l.strong, "~", "estimated: sampled or bounded, not exact"),
		helpRow(l, l.strong, notCounted, "not counted; numbers without a sign were observed"),
		helpRow(l, l.strong, l.same+" "+l.explained+" "+l.differs, "as the textbook; differs, and why; differs"),
		helpRow(l, l.strong, "passes", "bytes / payload: 1.00 is the whole payload once"),
		helpRow(l, l.strong, "mode", "switches into the kernel and back: 2 a system call"),
		helpRow(l, l.strong, "context", "switches by the scheduler to another thread"),
	}
	return lines
}

func helpRow(l *look, p paint, left, right string) string {
	var b line
	return b.left(p, left, 8).put(l.plain, right).String()
}

func last(list []string) string { return strings.Repeat(list[len(list)-1], 3) }

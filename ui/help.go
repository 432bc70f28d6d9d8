package ui

import "strings"

// helpLines explain keys, signs and words in one screen of the smallest size.
func helpLines(l *look, k keyMap, width int) []string {
	keys := func(list ...string) string { return strings.Join(list, " ") }
	shaft := func(w way) string { return strings.Repeat(w.shaft(l), 2) + l.head }
	return []string{
		l.heading("KEYS", width),
		helpRow(l, l.key, keys("1-5", k.next.Help().Key), "overview, system calls, time, hooks, counters"),
		helpRow(l, l.key, k.quit.Help().Key, "quit; a run that still goes on is ended first"),
		helpRow(l, l.key, k.interrupt.Help().Key, "interrupt the run and quit; twice: quit at once"),
		helpRow(l, l.key, keys(k.pause.Help().Key, k.save.Help().Key, k.again.Help().Key), "pause the view; save the trace; run again"),
		helpRow(l, l.key, keys(k.side.Help().Key, k.longer.Help().Key, k.shorter.Help().Key), "sender or receiver; longer, shorter interval"),
		helpRow(l, l.key, "arrows", "scroll; saved trace: time, space plays, x other"),
		l.heading("SIGNS AND WORDS", width),
		helpRow(l, l.copied, strings.Repeat(last(l.copyBar), 3)+" "+shaft(byCopy), "bytes that the CPU copied"),
		helpRow(l, l.moved, strings.Repeat(last(l.moveBar), 3)+" "+shaft(byReference), "bytes handed on by reference, without a copy"),
		helpRow(l, l.device, shaft(byDMA)+" "+shaft(byMapping), "moved by a device; made visible in memory"),
		helpRow(l, l.strong, keys("d", "~", notCounted), "derived; estimated; not counted; else observed"),
		helpRow(l, l.strong, keys(l.same, l.explained, l.differs), "as the textbook; differs, and why; differs"),
		helpRow(l, l.strong, "1.00", "the payload once: passes, or bytes / payload"),
		helpRow(l, l.strong, "switches", "mode: into the kernel or back; context: scheduler"),
	}
}

func helpRow(l *look, p paint, left, right string) string {
	var b line
	return b.left(p, left, 10).put(l.plain, right).String()
}

func last(list []string) string { return list[len(list)-1] }

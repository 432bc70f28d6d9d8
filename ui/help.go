package ui

import (
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// help explains keys, signs and words in one screen of the smallest size.
func (r runScreen) help(st stage) []string {
	l, k := st.look, st.keys
	width, _ := st.room()
	keys := func(list ...string) string { return strings.Join(list, " ") }
	shaft := func(w reading.Way) string { return strings.Repeat(shaftOf(l, w), 2) + l.Head }
	return []string{
		l.Heading("KEYS", width),
		helpRow(l, l.Key, keys("1-5", k.next.Help().Key), "overview, system calls, time, hooks, counters"),
		helpRow(l, l.Key, k.quit.Help().Key, "quit; a run that still goes on is ended first"),
		helpRow(l, l.Key, k.interrupt.Help().Key, "interrupt the run and quit; twice: quit at once"),
		helpRow(l, l.Key, keys(k.pause.Help().Key, k.save.Help().Key, k.again.Help().Key), "pause the view; save the trace; run again"),
		helpRow(l, l.Key, keys(k.side.Help().Key, k.longer.Help().Key, k.shorter.Help().Key), "sender or receiver; longer, shorter interval"),
		helpRow(l, l.Key, "arrows", "scroll; saved trace: time, space plays, x other"),
		l.Heading("SIGNS AND WORDS", width),
		helpRow(l, l.Copied, strings.Repeat(last(l.CopyBar), 3)+" "+shaft(reading.ByCopy), "bytes that the CPU copied"),
		helpRow(l, l.Moved, strings.Repeat(last(l.MoveBar), 3)+" "+shaft(reading.ByReference), "bytes handed on by reference, without a copy"),
		helpRow(l, l.Device, shaft(reading.ByDMA)+" "+shaft(reading.ByMapping), "moved by a device; made visible in memory"),
		helpRow(l, l.Strong, keys("d", "~", human.NotCounted), "derived; estimated; not counted; else observed"),
		helpRow(l, l.Strong, keys(l.Same, l.Explained, l.Differs), "as the textbook; differs, known why; differs"),
		helpRow(l, l.Strong, "1.00", "the payload once: passes, or bytes / payload"),
		helpRow(l, l.Strong, "switches", "mode: into the kernel or back; context: scheduler"),
	}
}

func helpRow(l *term.Look, p term.Paint, left, right string) string {
	var b term.Line
	return b.Left(p, left, 10).Put(l.Plain, right).String()
}

func last(list []string) string { return list[len(list)-1] }

package term

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// What Width counts itself is what the library counts.
func TestWidth(t *testing.T) {
	for _, s := range []string{
		"", "plain", "─━█▏░╌▟■►·µ…", "█\u0301", "e\u0301█", "読み書き", "👩\u200d🚀─", "\ttab", "\x7f",
		"\x1b[38;2;192;112;160m█\x1b[0m", "\x1b[1mbold\x1b[m", "\x1b[2Kx", "\x1b[", "\x1b[31", "\x1b]0;title\am", "\xe2\x96", "\xe2",
	} {
		if got, want := Width(s), ansi.StringWidth(s); got != want {
			t.Errorf("%q: %d cells, want %d", s, got, want)
		}
	}
}

// A name or a flag is not taken apart, so that what is printed can be typed.
func TestWrapKeepsWords(t *testing.T) {
	const text = "zctrace run read-write --bytes 64MiB --sink file:/var/tmp/a-b-c --plain --copies=all, non-blocking"
	for width := 21; width < 100; width++ {
		lines := Wrap(text, width)
		if got := strings.Join(lines, " "); got != text {
			t.Errorf("in %d cells: %q", width, lines)
		}
		for _, line := range lines {
			if Width(line) > width {
				t.Errorf("%q is wider than %d cells", line, width)
			}
		}
	}
	if got := Wrap("a-very-long-word", 6); len(got) != 3 || strings.Join(got, "") != "a-very-long-word" {
		t.Errorf("%q", got)
	}
}

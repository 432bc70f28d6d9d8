package term

import (
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

package human

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestSanitize(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "/var/tmp/file-1", "/var/tmp/file-1"},
		{"other scripts", "Größe 大きさ", "Größe 大きさ"},
		{"line breaks and tabs", "a\nb\tc\r", "a b c "},
		{"colour", "\x1b[31mred", "[31mred"},
		{"title", "\x1b]0;owned\x07", "]0;owned"},
		{"C1 CSI", "a\u009b31mb", "a31mb"},
		{"right to left override", "a\u202eb\u2066c", "abc"},
		{"zero width", "a\u200b\u200d\ufeffb", "ab"},
		{"line separator", "a\u2028b", "ab"},
		{"invalid UTF-8", "a\xffb", "a?b"},
		{"variation selector", "\u2764\ufe0f", "\u2764"},
		{"an accent", "e\u0301", "e\u0301"},
		{"a pile of accents", "e" + strings.Repeat("\u0301", 40), "e\u0301\u0301"},
		{"an accent on nothing", "\u0301a", "a"},
		{"private use", "a\ue000b", "ab"},
	} {
		if got := Sanitize(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzSanitize(f *testing.F) {
	f.Add("a\x1b]0;owned\x07\x1b[2J\x1b[31mb\r\n\tc\u202edcba\u200b\u009b1me\x7f\x00f\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Sanitize(s)
		if ansi.Strip(got) != got || strings.ContainsAny(got, "\n\r\t\x1b\x7f") {
			t.Errorf("%q became %q", s, got)
		}
		if Sanitize(got) != got {
			t.Errorf("%q is sanitized twice to %q", got, Sanitize(got))
		}
	})
}

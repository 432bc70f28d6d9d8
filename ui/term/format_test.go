package term

import (
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestNumbersForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Grouped(0), "0"},
		{Grouped(999), "999"},
		{Grouped(67108864), "67,108,864"},
		{Grouped(-1234), "-1,234"},
		{Grouped(math.MinInt64), "-9,223,372,036,854,775,808"},
		{Count(1301640, 9), "1,301,640"},
		{Count(1301640, 8), "1.30M"},
		{Short(999.4), "999"},
		{Short(999.6), "1.00k"},
		{Short(2.5), "2.5"},
		{Passes(0), "0.00"},
		{Passes(1.0 / 1024), "<0.01"},
		{Passes(2), "2.00"},
		{Passes(math.NaN()), "?"},
		{Passes(1e15), "1e+15"},
		{Latency(240, "us"), "240 ns"},
		{Latency(3100, "us"), "3.10 us"},
		{Latency(999_600, "us"), "1.00 ms"},
		{Latency(1.5e9, "us"), "1.50 s"},
		{Clock(6.2e9), "6.2 s"},
		{Clock(99.96e9), "1m 39s"},
		{Clock(3725e9), "1h 02m"},
		{Clock(-1), "0.0 s"},
		{Seconds(10_134_000_000), "10.134 s"},
		{Seconds(20_480_000), "20.5 ms"},
		{Plural(1, "CPU"), "1 CPU"},
		{Plural(1024, "transfer"), "1,024 transfers"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

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

func TestBar(t *testing.T) {
	for _, c := range []struct {
		fraction float64
		width    int
		want     string
	}{
		{0, 4, ""}, {1, 4, "████"}, {0.5, 4, "██"}, {2, 4, "████"}, {0.0001, 4, "▏"}, {0.53125, 4, "██▏"}, {math.NaN(), 4, ""}, {1, 0, ""},
	} {
		if got := Bar(c.fraction, c.width, UnicodeGlyphs.CopyBar); got != c.want {
			t.Errorf("bar(%v, %d) = %q, want %q", c.fraction, c.width, got, c.want)
		}
	}
}

func TestChart(t *testing.T) {
	got := strings.Join((&Look{Glyphs: UnicodeGlyphs}).Chart([]float64{0, 1, 2, 4, -1}, 2), "\n")
	if want := "   █ \n▁▄██ "; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

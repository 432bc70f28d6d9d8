package ui

import (
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/tracer/trace"
)

func TestNumbersForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(67108864), "67,108,864"},
		{grouped(-1234), "-1,234"},
		{grouped(math.MinInt64), "-9,223,372,036,854,775,808"},
		{counted(1301640, 9), "1,301,640"},
		{counted(1301640, 8), "1.30M"},
		{short(999.4), "999"},
		{short(999.6), "1.00k"},
		{short(2.5), "2.5"},
		{passes(0), "0.00"},
		{passes(1.0 / 1024), "<0.01"},
		{passes(2), "2.00"},
		{passes(math.NaN()), "?"},
		{passes(1e15), "1e+15"},
		{latency(240, "us"), "240 ns"},
		{latency(3100, "us"), "3.10 us"},
		{latency(999_600, "us"), "1.00 ms"},
		{latency(1.5e9, "us"), "1.50 s"},
		{clock(6.2e9), "6.2 s"},
		{clock(99.96e9), "1m 39s"},
		{clock(3725e9), "1h 02m"},
		{clock(-1), "0.0 s"},
		{seconds(10_134_000_000), "10.134 s"},
		{seconds(20_480_000), "20.5 ms"},
		{plural(1, "CPU"), "1 CPU"},
		{plural(1024, "transfer"), "1,024 transfers"},
		{sized(512), "512 bytes"},
		{sized(65536), "65,536 bytes (64 KiB)"},
		{commandLine([]string{"zctrace", "run", "--expect", "sender.copies.from_user == 0"}), "zctrace run --expect 'sender.copies.from_user == 0'"},
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
	f.Add(hostile)
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
		if got := bar(c.fraction, c.width, unicodeGlyphs.copyBar); got != c.want {
			t.Errorf("bar(%v, %d) = %q, want %q", c.fraction, c.width, got, c.want)
		}
	}
}

func TestChart(t *testing.T) {
	got := strings.Join(uncoloured(false).chart([]float64{0, 1, 2, 4, -1}, 2), "\n")
	if want := "   █ \n▁▄██ "; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestThroughputStaysWhereItWas: as the run goes on, the columns of the chart
// that are complete do not change.
func TestThroughputStaysWhereItWas(t *testing.T) {
	before := newData(uncoloured(false), runOf("read-write", 20), running)
	later := newData(uncoloured(false), runOf("read-write", 40), running)
	p := progressOf(later.trace.Run, later.now.ElapsedNS, later.payload().Or(0))
	a, b := before.throughput(p, 50), later.throughput(p, 50)
	for i := range 20 {
		if math.Abs(a[i]-b[i]) > 1 {
			t.Errorf("column %d was %.0f and is %.0f", i, a[i], b[i])
		}
	}
	if a[20] >= 0 || b[39] < 0 || b[40] >= 0 {
		t.Errorf("columns of the future are drawn, or those of the past are not: %v", b)
	}
}

// TestProgress takes the limit that will be met first.
func TestProgress(t *testing.T) {
	tr := runOf("read-write", 10) // 2 s of 10 s
	payload := tr.Total.Sender.PayloadBytes.Or(0)
	p := progressOf(tr.Run, tr.Run.ElapsedNS, payload)
	if p.byBytes || p.fraction != 0.2 || p.etaNS != 8*second {
		t.Errorf("by duration: %+v", p)
	}
	tr.Run.LimitBytes = trace.Known(12_000_000_000)
	if p = progressOf(tr.Run, tr.Run.ElapsedNS, payload); !p.byBytes || p.etaNS > 8*second || p.fraction < 0.4 {
		t.Errorf("by bytes: %+v", p)
	}
	tr.Run.LimitBytes, tr.Run.LimitDurationNS = tr.Run.UntracedElapsedNS, tr.Run.UntracedElapsedNS
	if p = progressOf(tr.Run, tr.Run.ElapsedNS, payload); p.limited {
		t.Errorf("no limit: %+v", p)
	}
}

package human

import (
	"math"
	"testing"
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

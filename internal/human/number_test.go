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
		{short(999.4), "999"},
		{short(999.6), "1.00k"},
		{short(2.5), "2.5"},
		{Passes(0), "0.00"},
		{Passes(1.0 / 1024), "<0.01"},
		{Passes(2), "2.00"},
		{Passes(math.NaN()), "?"},
		{Passes(12_345), "12.3k"},
		{Passes(1e18), "1e+18"},
		{Fixed(0.004, 2), "<0.01"},
		{Fixed(-0.004, 2), ">-0.01"},
		{Whole(0.4), "<1"},
		{Whole(52_340.6), "52,341"},
		{Percent(0), "0 %"},
		{Percent(0.001), "<1 %"},
		{Percent(0.999), ">99 %"},
		{Percent(1), "100 %"},
		{Rate(0.75), "0.75 B/s"},
		{Rate(0.001), "<0.01 B/s"},
		{Rate(2.9963), "3.00 B/s"},
		{Rate(3), "3 B/s"},
		{Rate(1023.96), "1.00 KiB/s"},
		{Rate(64 << 20), "64 MiB/s"},
		{Rate(64<<20 + 0.5), "64.0 MiB/s"},
		{Rate(math.Inf(1)), "4 EiB/s"},
		{BitRate(391.6 * 1024), "3.21 Mbit/s"},
		{BitRate(1.25e8), "1.00 Gbit/s"},
		{BitRate(0.0001), "<0.01 bit/s"},
		{PerSecond(9.97, 9), "10"},
		{PerSecond(10, 9), "10"},
		{PerSecond(10.6, 9), "11"},
		{PerSecond(0.01, 9), "<1"},
		{Latency(0.3, "us"), "<1 ns"},
		{Clock(4e7), "<0.1 s"},
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

func TestRateRange(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for want, s := range map[string][2]float64{
		"2.50..3.25 GiB/s":   {2.5 * gib, 3.25 * gib},
		"0.49..1.75 GiB/s":   {500 * mib, 1.75 * gib},
		"1..1 GiB/s":         {gib, gib},
		"0.5..1.0 GiB/s":     {gib / 2, gib},
		"100.0..301.7 MiB/s": {100 * mib, 301.7 * mib},
		"0 B/s..0 B/s":       {0, 0},
	} {
		got := RateRange(s[0], s[1])
		if got != want {
			t.Errorf("%v: %q, want %q", s, got, want)
		}
	}
}

func TestPerMiB(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00", 0.001: "<0.01", 16: "16.00", 2048.5: "2048.50", 3e6: "3.00M"} {
		if got := PerMiB(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

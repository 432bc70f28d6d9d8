package human

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// amounts are what the units of this package stand for, in what the functions are given.
var amounts = map[string]float64{
	"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "%": 0.01, "x": 1,
	"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50, "EiB": 1 << 60,
	"bit/s": 1. / 8, "kbit/s": 1e3 / 8, "Mbit/s": 1e6 / 8, "Gbit/s": 1e9 / 8,
	"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9,
}

// numberIn reads a text of one number and its unit: the number, and the unit of its last digit.
func numberIn(t *testing.T, text string) (v, last float64) {
	t.Helper()
	end := strings.IndexAny(text, " kMGTPE")
	if end < 0 {
		end = len(text)
	}
	digits, unit := strings.ReplaceAll(text[:end], ",", ""), strings.TrimSpace(text[end:])
	amount, known := amounts[unit]
	if !known {
		amount, known = amounts[strings.TrimSuffix(unit, "/s")]
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known {
		t.Fatalf("%q is no number with a unit", text)
	}
	_, decimals, _ := strings.Cut(digits, ".")
	return v * amount, amount * math.Pow10(-len(decimals))
}

// What is not 0 is never written as 0, and what is written is the number, as far as its last
// digit goes.
func TestNothingButZeroIsZero(t *testing.T) {
	whole := func(f func(int64) string) func(float64) (string, float64) {
		return func(v float64) (string, float64) {
			n := int64(math.Min(v, 1<<53))
			return f(n), float64(n)
		}
	}
	real := func(f func(float64) string) func(float64) (string, float64) {
		return func(v float64) (string, float64) { return f(v), v }
	}
	below := func(most float64, f func(float64) string) func(float64) (string, float64) {
		return func(v float64) (string, float64) { v = math.Mod(v, most); return f(v), v }
	}
	for name, format := range map[string]func(float64) (string, float64){
		"Grouped":     whole(Grouped),
		"Count":       whole(func(n int64) string { return Count(n, 5) }),
		"ExactBytes":  whole(func(n int64) string { return ExactBytes(n, 5) }),
		"FormatBytes": whole(FormatBytes),
		"Seconds":     whole(Seconds),
		"Clock":       func(v float64) (string, float64) { n := int64(math.Mod(v, 99e9)); return Clock(n), float64(n) },
		"short":       below(1e21, short),
		"ThreeDigits": below(1e3, ThreeDigits),
		"Whole":       below(1e15, Whole),
		"Percent":     below(1, Percent),
		"Rate":        below(1<<60, Rate),
		"BitRate":     below(1e12, BitRate),
		"Passes":      below(1e18, Passes),
		"PerMiB":      below(1e18, PerMiB),
		"PerSecond":   below(1e18, func(v float64) string { return PerSecond(v, 9) }),
		"Latency":     real(func(v float64) string { return Latency(v, "us") }),
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(15, 7373))
			for i := range 20_000 {
				x := math.Exp2(random.Float64()*120 - 60)
				if i%3 == 0 { // where rounding decides
					x = math.Pow10(random.IntN(20)-6) * (1 + (random.Float64()-0.5)/100)
				}
				text, v := format(x)
				if (strings.ContainsAny(text, "123456789")) != (v != 0) {
					t.Fatalf("%g is %q", v, text)
				}
				if bound, less := strings.CutPrefix(text, "<"); less {
					if least, _ := numberIn(t, bound); v >= least {
						t.Fatalf("%g is %q", v, text)
					}
					continue
				}
				if bound, more := strings.CutPrefix(text, ">"); more {
					if most, _ := numberIn(t, bound); v <= most {
						t.Fatalf("%g is %q", v, text)
					}
					continue
				}
				if read, last := numberIn(t, text); math.Abs(read-v) > last*0.5001+math.Abs(v)*1e-12 {
					t.Fatalf("%g is %q, which is %g", v, text, read)
				}
			}
		})
	}
	for _, text := range []string{Rate(0), BitRate(0), Passes(0), PerMiB(0), Percent(0), Seconds(0), Clock(0), Latency(0, "us"), PerSecond(0, 9), FormatBytes(0)} {
		if strings.ContainsAny(text, "123456789<") {
			t.Errorf("0 is %q", text)
		}
	}
}

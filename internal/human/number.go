package human

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// NotCounted stands where a number is null. It is never drawn as 0.
const NotCounted = "n/a"

// Grouped is an integer with thousands separators: 67,108,864.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return sign + string(out)
}

// short is a count in at most six characters: 52.1k, 3.40M.
func short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size*0.9995 {
			return ThreeDigits(v/unit.size) + unit.name
		}
	}
	if math.Abs(v) < 9.95 && v != math.Trunc(v) {
		return Fixed(v, 1)
	}
	return Fixed(v, 0)
}

// Fixed is a number with so many decimals. What is not 0 is never written as 0, but as
// less than the least that has these decimals: <0.01.
func Fixed(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if v == 0 || strings.Trim(text, "-.0") != "" {
		return text
	}
	least := strconv.FormatFloat(math.Pow10(-decimals), 'f', decimals, 64)
	if v < 0 {
		return ">-" + least
	}
	return "<" + least
}

// Whole is a number without decimals, with thousands separators.
func Whole(v float64) string {
	if math.Abs(v) < 999.5 {
		return Fixed(v, 0)
	}
	return Grouped(int64(math.Round(v)))
}

// Percent is a share. Only nothing is 0 %, and only all of it 100 %.
func Percent(fraction float64) string {
	if v := fraction * 100; v < 99.5 || v >= 100 {
		return Fixed(v, 0) + " %"
	}
	return ">99 %"
}

// Count is a count in at most width characters: exact if it fits, short
// otherwise.
func Count(n int64, width int) string {
	if s := Grouped(n); len(s) <= width {
		return s
	}
	return short(float64(n))
}

// ThreeDigits is a number below 1000 in three digits.
func ThreeDigits(v float64) string {
	switch a := math.Abs(v); {
	case a < 9.995:
		return Fixed(v, 2)
	case a < 99.95:
		return Fixed(v, 1)
	}
	return Fixed(v, 0)
}

// ExactBytes is a size in bytes, exact if that fits and for people otherwise.
func ExactBytes(n int64, width int) string {
	if s := Grouped(n); len(s) <= width {
		return s
	}
	return FormatBytes(n)
}

// Rate is bytes per second.
func Rate(bytesPerSecond float64) string {
	v := min(max(bytesPerSecond, 0), math.MaxInt64/2)
	return inUnits(v, func(quarter int64) bool { return math.Mod(v, float64(quarter)) == 0 }) + "/s"
}

// BitRate is bytes per second in bits, in the powers of 1000 that networks are sold by.
func BitRate(bytesPerSecond float64) string {
	v := max(bytesPerSecond, 0) * 8
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.size*0.9995 {
			return ThreeDigits(v/unit.size) + " " + unit.name + "bit/s"
		}
	}
	return ThreeDigits(v) + " bit/s"
}

// Passes is how often the payload was copied: 1.00 is once.
func Passes(v float64) string {
	switch {
	case v < 0 || math.IsNaN(v):
		return "?"
	case v < 99.995:
		return Fixed(v, 2)
	case v < 9999.5:
		return Fixed(v, 0)
	case v < 1e18:
		return short(v)
	}
	return strconv.FormatFloat(v, 'e', 0, 64)
}

// Latency is a duration in three digits. micro is "µs", or "us" in ASCII.
func Latency(ns float64, micro string) string {
	switch {
	case ns < 999.5:
		return Fixed(ns, 0) + " ns"
	case ns < 999.5e3:
		return ThreeDigits(ns/1e3) + " " + micro
	case ns < 999.5e6:
		return ThreeDigits(ns/1e6) + " ms"
	}
	return ThreeDigits(ns/1e9) + " s"
}

// Clock is a time for people who wait: 6.2 s, 1m 12s, 2h 05m.
func Clock(ns int64) string {
	switch d := time.Duration(max(ns, 0)); {
	case d < 100*time.Second-50*time.Millisecond:
		return Fixed(d.Seconds(), 1) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Seconds is an elapsed time for the record: 10.134 s, 20.5 ms.
func Seconds(ns int64) string {
	if ns == 0 {
		return "0 s"
	}
	if ns > -int64(time.Second) && ns < int64(time.Second) {
		return Latency(float64(ns), "us")
	}
	return strconv.FormatFloat(float64(ns)/1e9, 'f', 3, 64) + " s"
}

// FirstLine is what an error says without what to do about it, which follows on a line of its own.
func FirstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// Plural is a count with its noun.
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(n) + " " + noun + "s"
}

// RateRange is two rates, the lower one first, in the unit of the other.
func RateRange(low, high float64) string {
	most, unit, _ := strings.Cut(Rate(high), " ")
	shown, err := strconv.ParseFloat(most, 64)
	if err != nil || shown <= 0 || high <= 0 {
		return Rate(low) + ".." + Rate(high)
	}
	digits := 0
	if _, fraction, dotted := strings.Cut(most, "."); dotted {
		digits = len(fraction)
	}
	if low < high && digits == 0 { // a round number is written without a decimal
		digits, most = 1, most+".0"
	}
	return Fixed(low/rateUnit(high), digits) + ".." + most + " " + unit
}

// rateUnit is the size of the unit in which Rate writes a number.
func rateUnit(v float64) float64 {
	unit := 1.0
	for _, written, _ := strings.Cut(Rate(v), " "); Rate(unit) != "1 "+written && unit < 1<<60; {
		unit *= 1024
	}
	return unit
}

// PerMiB is a count by payload.
func PerMiB(v float64) string {
	if v < 1e6 {
		return Fixed(v, 2)
	}
	return short(v)
}

// PerSecond is a count per second in at most width characters: whole, as its column is.
func PerSecond(v float64, width int) string {
	switch {
	case v < 0: // a thinned sample cannot be later; a foreign trace may say so
		return NotCounted
	case v < 0.5:
		return Fixed(v, 0)
	}
	return Count(int64(v+0.5), width)
}

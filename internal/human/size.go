// Package human reads and writes what people type and read: sizes, numbers, times, and names
// that were nearly right.
package human

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// units are the powers of 1024, smallest first.
var units = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// ParseBytes reads a size: "512", "64KiB", "64K", "1M" (= 1 MiB), "1.5 GiB".
// A fraction must give whole bytes. Zero is a size. KB, MB and so on are
// refused, for some readers take them for 1000 and some for 1024.
func ParseBytes(s string) (int64, error) {
	text := strings.TrimSpace(s)
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(text)
	}
	number, suffix := text[:end], strings.TrimSpace(text[end:])

	whole, fraction, dotted := strings.Cut(number, ".")
	if whole == "" || dotted && fraction == "" || strings.Contains(fraction, ".") || len(number) > 40 {
		return 0, fmt.Errorf("size %.60q: want a number of bytes such as 512, 64KiB or 1M", s)
	}
	power, err := unitPower(number, suffix)
	if err != nil {
		return 0, fmt.Errorf("size %.60q: %w", s, err)
	}
	// number is digits and at most one dot here, so this cannot fail.
	size, _ := new(big.Rat).SetString(number)
	size.Mul(size, new(big.Rat).SetInt64(1<<(10*power)))
	switch {
	case !size.IsInt():
		return 0, fmt.Errorf("size %.60q is not a whole number of bytes (round it)", s)
	case !size.Num().IsInt64():
		return 0, fmt.Errorf("size %.60q is too large (the most is 8 EiB less one byte)", s)
	}
	return size.Num().Int64(), nil
}

// unitPower is the exponent of 1024 that a suffix stands for.
func unitPower(number, suffix string) (int, error) {
	for power, unit := range units {
		if strings.EqualFold(suffix, unit) || strings.EqualFold(suffix, unit[:1]) {
			return power, nil
		}
		if power > 0 && strings.EqualFold(suffix, unit[:1]+"B") {
			return 0, fmt.Errorf("%s counts in 1000 to some and in 1024 to others (write %s%s, or the bytes in full)", suffix, number, unit)
		}
	}
	if suffix == "" {
		return 0, nil
	}
	return 0, fmt.Errorf("unknown unit %.20q (want B, KiB, MiB, GiB, TiB, or K, M, G, T for the same)", suffix)
}

// FormatBytes writes a size for people in the largest unit that it fills: "512 B",
// "64 KiB", "1.46 GiB", "301.7 MiB". Without a decimal point it is exact: "64 MiB"
// is that to the byte, and "64.0 MiB" is close to it.
func FormatBytes(n int64) string {
	// n itself is asked because a float holds no more than 53 bits of it.
	return inUnits(float64(n), func(quarter int64) bool { return n%quarter == 0 })
}

// TypedBytes writes a size as it is typed: what ParseBytes reads of it is the same to the
// byte.
func TypedBytes(n int64) string {
	text := strings.ReplaceAll(FormatBytes(n), " ", "")
	if same, err := ParseBytes(text); err != nil || same != n {
		return strconv.FormatInt(n, 10)
	}
	return text
}

// inUnits writes v bytes in the largest unit that they fill. A decimal is exact only if
// they are so many whole quarters of it.
func inUnits(v float64, whole func(quarter int64) bool) string {
	value, power := v, 0
	for (value >= 1024 || value <= -1024) && power < len(units)-1 {
		value /= 1024 // a power of two: exact
		power++
	}
	text := round(value)
	if text == "1024.0" || text == "-1024.0" { // 1023.99 KiB rounds up into the next unit
		value, power = value/1024, power+1
		text = round(value)
	}
	if rounded, _ := strconv.ParseFloat(text, 64); rounded == value && whole(max(1, int64(1)<<(10*power)/4)) {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " " + units[power]
}

// round gives at least three significant digits.
func round(value float64) string {
	if value > -9.995 && value < 9.995 {
		return Fixed(value, 2)
	}
	return Fixed(value, 1)
}

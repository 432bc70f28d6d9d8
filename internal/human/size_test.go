package human

import (
	"math"
	"strings"
	"testing"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "512": 512, "0512": 512, "512B": 512, "1": 1,
		"64KiB": 64 << 10, "64K": 64 << 10, "64k": 64 << 10, "64kib": 64 << 10, " 64 KiB ": 64 << 10,
		"1M": 1 << 20, "1MiB": 1 << 20, "1.5M": 3 << 19, "0.5KiB": 512, "1.0": 1, "1.46484375K": 1500,
		"2G": 2 << 30, "3T": 3 << 40, "4P": 4 << 50, "7E": 7 << 60, "0E": 0,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestParseBytesRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"":                       "want a number",
		"K":                      "want a number",
		"-1":                     "want a number",
		"+1":                     "want a number",
		"1.":                     "want a number",
		".5K":                    "want a number",
		"1.2.3":                  "want a number",
		"NaN":                    "want a number",
		"1e3":                    "unknown unit",
		"0x10":                   "unknown unit",
		"1_000":                  "unknown unit",
		"1 K 2":                  "unknown unit",
		"1Kb":                    "write 1KiB",
		"1MB":                    "write 1MiB",
		"2GB":                    "write 2GiB",
		"1.5":                    "whole number",
		"1.0001K":                "whole number",
		"8E":                     "too large",
		"9223372036854775808":    "too large",
		"9999999999999999999999": "too large",
		strings.Repeat("9", 100): "want a number",
	} {
		if got, err := ParseBytes(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("ParseBytes(%q) = %d, %v, want an error with %q", text, got, err, why)
		}
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 512: "512 B", 1000: "1000 B", 1023: "1023 B",
		1024: "1 KiB", 1025: "1.00 KiB", 1500: "1.46 KiB", 1536: "1.5 KiB", 1280: "1.25 KiB",
		10_235: "10.0 KiB", 10_240: "10 KiB", 64 << 10: "64 KiB", 64<<10 + 1: "64.0 KiB", 100<<10 + 512: "100.5 KiB", 102_700: "100.3 KiB", 102_401: "100.0 KiB", 9_999_999: "9.54 MiB", 10_480_000: "9.99 MiB", 10_485_759: "10.0 MiB",
		1<<20 - 1: "1.00 MiB", 1 << 20: "1 MiB", 67108864: "64 MiB", 1_567_000_000: "1.46 GiB",
		1 << 40: "1 TiB", 1<<60 + 1: "1.00 EiB", math.MaxInt64: "8.00 EiB",
		-512: "-512 B", -1536: "-1.5 KiB", -(1<<20 - 1): "-1.00 MiB", math.MinInt64: "-8 EiB",
	} {
		if got := FormatBytes(n); got != want {
			t.Errorf("FormatBytes(%d) = %q, want %q", n, got, want)
		}
	}
}

// What is typed, or told to be typed, is exact and one word.
func TestTypedBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 512: "512B", 4096: "4KiB", 1536: "1.5KiB", 998_307: "998307", 64 << 20: "64MiB", 1<<40 + 1: "1099511627777"} {
		got := TypedBytes(n)
		if back, err := ParseBytes(got); got != want || err != nil || back != n {
			t.Errorf("TypedBytes(%d) = %q, which is %d, %v; want %q", n, got, back, err, want)
		}
	}
}

// FuzzParseBytes: a size is never negative, and what FormatBytes writes of it
// without a decimal point is read as the same.
func FuzzParseBytes(f *testing.F) {
	for _, seed := range []string{"0", "512", "64KiB", "1M", "1.5G", "8E", "1MB", "-1", "1e3", " 7 TiB ", "0.0009765625K", "9223372036854775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseBytes(s)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("ParseBytes(%q) = %d", s, n)
		}
		written := FormatBytes(n)
		if again, err := ParseBytes(TypedBytes(n)); err != nil || again != n {
			t.Fatalf("TypedBytes(%d) = %q, which is %d", n, TypedBytes(n), again)
		}
		if again, err := ParseBytes(written); !strings.Contains(written, ".") && (err != nil || again != n) {
			t.Fatalf("FormatBytes(%d) = %q, which is %d", n, written, again)
		}
	})
}

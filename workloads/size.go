//go:build linux

package workloads

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the binary multiples; `1M` and `1MB` mean 1 MiB too, as in dd,
// fio and iperf3.
var sizeUnits = []struct {
	letter string
	shift  uint
}{{"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}}

// ParseSize reads a positive number of bytes: 512, 64K, 64KiB, 1M, 2GiB.
func ParseSize(s string) (int64, error) {
	bad := func(why string) error {
		return errorf(Usage, "write it like 512, 64KiB, 1M or 2GiB", "size %q %s", s, why)
	}
	digits := strings.TrimRight(s, "BKMGTibkmgt")
	unit := strings.ToUpper(s[len(digits):])
	var shift uint
	switch {
	case unit == "" || unit == "B":
	default:
		known := false
		for _, u := range sizeUnits {
			if unit == u.letter || unit == u.letter+"B" || unit == u.letter+"IB" {
				shift, known = u.shift, true
			}
		}
		if !known {
			return 0, bad("has an unknown unit")
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 {
		return 0, bad("is not a positive whole number")
	}
	if n > math.MaxInt64>>shift {
		return 0, bad("is too large")
	}
	return n << shift, nil
}

// formatSize writes a size for an error message: in the largest unit that
// divides it, so that nothing is rounded away.
func formatSize(n int64) string {
	unit := "bytes"
	for _, u := range sizeUnits {
		if n == 0 || n%(1<<u.shift) != 0 {
			break
		}
		unit = fmt.Sprintf("%d %siB", n>>u.shift, u.letter)
	}
	if unit == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return unit
}

//go:build linux

package tracer

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The addresses that a program looks up are those that the kernel lists, and it has none of a function that there is not.
func TestAddressesAreTheKernels(t *testing.T) {
	needTracing(t)
	names := []string{"_copy_to_iter", "_copy_from_iter", "copy_page_from_iter_atomic", "copy_folio_from_iter_atomic", "zctrace_is_no_function"}
	listed := map[string]uint64{}
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		for _, name := range names {
			if address, ok := strings.CutSuffix(lines.Text(), " T "+name); ok {
				if listed[name], err = strconv.ParseUint(address, 16, 64); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	answers, err := lookUp(names)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if got := answers[i]; got.Address != listed[name] || (got.Result == 0) != (listed[name] != 0) {
			t.Errorf("%s is said to be at %#x (result %d), and listed at %#x", name, got.Address, got.Result, listed[name])
		}
	}
	if listed["_copy_to_iter"] == 0 {
		t.Error("/proc/kallsyms does not list what breakpoints are set on")
	}
}

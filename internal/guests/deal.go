package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// durations has how many seconds each test takes: for each a line, with the kernel of the last accepted
// run where it took longest.
const durations = "internal/guests/seconds.txt"

// deal gives out tests in at most n shares that take about as long: those that take longest first, each to
// the share that is shortest by then. A test that has not been measured counts as one of a second.
func deal(tests []string, seconds map[string]int, n int) [][]string {
	takes := func(test string) int { return max(1, seconds[test]) }
	tests = slices.Clone(tests)
	slices.SortStableFunc(tests, func(a, b string) int { return takes(b) - takes(a) })
	dealt := make([][]string, min(n, max(1, len(tests))))
	sums := make([]int, len(dealt))
	for _, test := range tests {
		i := slices.Index(sums, slices.Min(sums))
		dealt[i] = append(dealt[i], test)
		sums[i] += takes(test)
	}
	return dealt
}

// readSeconds reads the file of durations.
func readSeconds(text string) (map[string]int, error) {
	all := map[string]int{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var test string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d\n", &test, &n); err != nil {
			return nil, fmt.Errorf("%q is no test and its seconds: %w", line, err)
		}
		all[test] = n
	}
	return all, nil
}

// secondsText is what readSeconds reads.
func secondsText(all map[string]int) string {
	var b strings.Builder
	b.WriteString("# How many seconds each test takes in a guest, on the kernel where it takes longest: the guests' shares are dealt by it.\n# Written by: make accept-vm\n")
	for _, test := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s %d\n", test, all[test])
	}
	return b.String()
}

func loadSeconds() (map[string]int, error) {
	text, err := os.ReadFile(durations)
	if err != nil {
		return nil, err
	}
	all, err := readSeconds(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", durations, err)
	}
	return all, nil
}

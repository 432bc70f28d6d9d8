package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// count is how many tests passed and were skipped under a top-level test, itself
// included.
type count struct{ passed, skipped int }

func (c count) String() string {
	if c.skipped > 0 {
		return fmt.Sprintf("%d+%dskip", c.passed, c.skipped)
	}
	return strconv.Itoa(c.passed)
}

var countFormat = regexp.MustCompile(`^(\d+)(?:\+(\d+)skip)?$`)

func parseCount(s string) (count, error) {
	m := countFormat.FindStringSubmatch(s)
	if m == nil {
		return count{}, fmt.Errorf("%q is no count like 16 or 15+1skip", s)
	}
	var c count
	c.passed, _ = strconv.Atoi(m[1])
	c.skipped, _ = strconv.Atoi(m[2])
	return c, nil
}

// counts are a guest's, by package and top-level test: "tracer/TestCountsExactly".
type counts map[string]count

// table is what is expected, by kernel.
type table map[string]counts

const tableHead = `# How many tests pass on each kernel, subtests included, by top-level test: all, or in KERNEL-part
# those that make test runs where kernels.txt says part: there a "-" leaves out what the same kernel runs in full
# (put there by hand, and kept).
# Written by: make accept-vm
`

// readTable reads passes.txt: a line of kernels, then a line for each test, with "-"
// where the kernel does not have the test.
func readTable(r io.Reader) (table, error) {
	t := table{}
	var kernels []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
			continue
		case kernels == nil:
			kernels = fields[1:]
			for _, k := range kernels {
				t[k] = counts{}
			}
			continue
		case len(fields) != len(kernels)+1:
			return nil, fmt.Errorf("%q has %d columns, want %d", line, len(fields), len(kernels)+1)
		}
		for i, k := range kernels {
			if fields[i+1] == "-" {
				continue
			}
			c, err := parseCount(fields[i+1])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fields[0], err)
			}
			t[k][fields[0]] = c
		}
	}
	return t, lines.Err()
}

// leavesOut is whether a job of which only a part runs does not run a test. One of which the table does not know runs everywhere.
func (t table) leavesOut(j job, test string) bool {
	_, runs := t[j.column()][test]
	_, inFull := t[j.name][test]
	return j.part != "" && inFull && !runs
}

func (t table) write(w io.Writer) error {
	kernels := slices.DeleteFunc(columns(), func(k string) bool { return t[k] == nil })
	tests := map[string]bool{}
	for _, c := range t {
		for name := range c {
			tests[name] = true
		}
	}
	if _, err := io.WriteString(w, tableHead); err != nil {
		return err
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, "test\t"+strings.Join(kernels, "\t"))
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		row := name
		for _, k := range kernels {
			cell := "-"
			if c, ok := t[k][name]; ok {
				cell = c.String()
			}
			row += "\t" + cell
		}
		fmt.Fprintln(tabs, row)
	}
	return tabs.Flush()
}

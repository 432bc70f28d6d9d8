//go:build linux

// Command overhead measures what zctrace and other tracers cost the program that they
// watch, and prints it as a table in Markdown. Each tracer watches the same programs
// for a moment, by turns, several times over; what is compared is time per round
// of the work, with the untraced program's of the same turn, and of that the
// median is taken.
//
//	overhead [-rounds N] [-slice D] [-only REGEXP] [-work REGEXP]
//
// Both ends of a program are on one CPU, so that no cost hides behind the other
// end's work. It is run by `make bench`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	err := error(nil)
	if len(os.Args) > 1 && os.Args[1] == "work" {
		err = workMain(os.Args[2:])
	} else {
		err = benchMain()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overhead:", err)
		os.Exit(1)
	}
}

func workMain(args []string) error {
	if len(args) != 5 {
		return errors.New("work is how it starts its own programs")
	}
	i, err1 := strconv.Atoi(args[0])
	cookie, err2 := strconv.ParseUint(args[1], 10, 64)
	slice, err3 := time.ParseDuration(args[2])
	cpu, err4 := strconv.Atoi(args[3])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	return runWork(works[i], cookie, slice, cpu, args[4])
}

// bench is one measurement of everything.
type bench struct {
	self   string // this program
	dir    string // for reports
	rounds int
	slice  time.Duration
	cpu    int // of both ends
	works  []work
	rows   []contender
}

func benchMain() (err error) {
	b := &bench{cpu: runtime.NumCPU() - 1}
	flag.IntVar(&b.rounds, "rounds", 11, "turns that each tracer has")
	flag.DurationVar(&b.slice, "slice", 100*time.Millisecond, "how long a program works each time")
	only := flag.String("only", "", "measure tracers that match this `REGEXP`, beside untraced")
	which := flag.String("work", "", "and works that match this `REGEXP`")
	flag.Parse()
	rowsRE, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	worksRE, err := regexp.Compile(*which)
	if err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "zctrace-overhead-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	for i, c := range contenders() {
		if i == 0 || rowsRE.MatchString(c.name) {
			b.rows = append(b.rows, c)
		}
	}
	for _, w := range works {
		if worksRE.MatchString(w.name) {
			b.works = append(b.works, w)
		}
	}
	b.describe(os.Stdout)
	took, err := b.measure()
	if err != nil {
		return err
	}
	b.print(os.Stdout, took)
	return nil
}

// measure returns nanoseconds per round of the work, by row, work and turn.
func (b *bench) measure() ([][][]float64, error) {
	took := make([][][]float64, len(b.rows))
	for i := range took {
		took[i] = make([][]float64, len(b.works))
	}
	for turn := range b.rounds {
		for j, w := range b.works {
			for k := range b.rows {
				i := (k + turn) % len(b.rows) // nobody is always the first
				if b.rows[i].unable != "" {
					continue
				}
				d, err := b.rows[i].run(b, w)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", b.rows[i].name, w.name, err)
				}
				took[i][j] = append(took[i][j], float64(d.NS)/float64(d.Rounds))
			}
		}
		fmt.Fprintf(os.Stderr, "turn %d of %d\n", turn+1, b.rounds)
	}
	return took, nil
}

// describe says where and how this was measured.
func (b *bench) describe(out io.Writer) {
	fmt.Fprintf(out, "%s; %d CPUs; Linux %s; medians of %d turns of %v.\n", cpuModel(), runtime.NumCPU(), firstLine("uname", "-r"), b.rounds, b.slice)
	fmt.Fprintf(out, "%s; %s; %s.\n\n", firstLine("bpftrace", "--version"), firstLine("perf", "--version"), firstLine("strace", "--version"))
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// firstLine is what the command prints first.
func firstLine(command ...string) string {
	text, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func (b *bench) print(out io.Writer, took [][][]float64) {
	head, rule := "|", "|---|"
	for _, w := range b.works {
		head += " | " + w.name
		rule += "---|"
	}
	fmt.Fprintf(out, "%s |\n%s\n", head, rule)
	for i, row := range b.rows {
		if row.unable != "" {
			continue
		}
		fmt.Fprintf(out, "| %s", row.name)
		for j := range b.works {
			fmt.Fprintf(out, " | %s", cell(i, took[i][j], took[0][j]))
		}
		fmt.Fprintln(out, " |")
	}
	fmt.Fprintln(out)
	for _, row := range b.rows {
		if row.unable != "" {
			fmt.Fprintf(out, "Not measured: %s: %s\n", row.name, row.unable)
		}
	}
	b.printBystander(out, took)
}

// cell is time per round of the untraced program, in the first row, and by that in the others.
func cell(row int, took, untraced []float64) string {
	if row == 0 {
		return fmt.Sprintf("%.0f ns", median(took))
	}
	r := median(ratios(took, untraced))
	if r >= 10 {
		return fmt.Sprintf("%.0f", r)
	}
	return fmt.Sprintf("%.2f", r)
}

// printBystander says what a program pays that is not traced while another one is, by
// what empty programs cost it, for the first work, which makes nothing but system calls.
func (b *bench) printBystander(out io.Writer, took [][][]float64) {
	row := func(name string) []float64 {
		i := slices.IndexFunc(b.rows, func(c contender) bool { return c.name == name })
		if i < 0 {
			return nil
		}
		return took[i][0]
	}
	nothing, other := row(emptyName), row(bystanderName)
	if len(nothing) == 0 || len(other) == 0 {
		return
	}
	var least, paid []float64
	for i, untraced := range took[0][0] {
		least = append(least, nothing[i]-untraced)
		paid = append(paid, other[i]-untraced)
	}
	fmt.Fprintf(out, "%s: empty programs cost %.0f ns a round; a program that is not traced pays %.0f ns, %.2f times that.\n",
		b.works[0].name, median(least), median(paid), median(paid)/median(least))
}

func ratios(v, by []float64) (r []float64) {
	for i := range v {
		r = append(r, v[i]/by[i])
	}
	return r
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

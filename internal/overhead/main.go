//go:build linux

// Command overhead measures what zctrace and other tracers cost the program that they
// watch, and prints it as a table in Markdown.
//
//	overhead [-rounds N] [-slice D] [-only REGEXP] [-work REGEXP] [-against BINARY]
//
// The program times each batch of its work by itself. What zctrace attaches is attached to it
// for a few milliseconds at a time, in random order; another tool starts a program of its own.
// The figure is the 5 % quantile of all batches: what the work takes when
// nothing comes between, which repeats to some 2 ns where medians scatter by tens.
//
// With -against the programs of another build of this command, of an older commit, take part in the
// same turns, and the differences are printed below the table.
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

	"github.com/zctrace/zctrace/internal/human"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "work":
		err = workerMain(args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "hold":
		err = holdMain(args[1])
	default:
		err = benchMain()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overhead:", err)
		os.Exit(1)
	}
}

func workerMain(index, cpu, path string) error {
	i, err1 := strconv.Atoi(index)
	n, err2 := strconv.Atoi(cpu)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return workMain(works[i], n, path)
}

// bench is one measurement of everything.
type bench struct {
	self   string // this program
	dir    string // for sockets
	rounds int
	slice  time.Duration
	cpu    int // of both ends
	works  []work
	rows   []contender
	peers  []*peer // that were started in this round
}

func benchMain() (err error) {
	b := &bench{cpu: runtime.NumCPU() - 1}
	flag.IntVar(&b.rounds, "rounds", 20, "how often everything is started afresh")
	flag.DurationVar(&b.slice, "slice", 60*time.Millisecond, "how long each tracer watches in each round")
	only := flag.String("only", "", "measure tracers that match this `REGEXP`, beside untraced")
	which := flag.String("work", "", "and works that match this `REGEXP`")
	against := flag.String("against", "", "let zctrace as it is in this other build of overhead take part")
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
	for i, c := range contenders(b.self, *against) {
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

// measure returns nanoseconds per round of the work, by work and row.
func (b *bench) measure() ([][]float64, error) {
	took := make([][][]float64, len(b.works)) // of each batch
	for j := range took {
		took[j] = make([][]float64, len(b.rows))
	}
	for n := range b.rounds {
		for j, w := range b.works {
			if err := b.round(w, took[j]); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, b.rounds)
	}
	figures := make([][]float64, len(b.works))
	for j := range took {
		for i := range took[j] {
			figures[j] = append(figures[j], quiet(took[j][i]))
		}
	}
	return figures, nil
}

const quietQuantile = 0.05

// quiet is what a batch takes when nothing comes between; 0 without any.
func quiet(took []float64) float64 {
	if len(took) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(took))[int(quietQuantile*float64(len(took)))]
}

// describe says where and how this was measured.
func (b *bench) describe(out io.Writer) {
	fmt.Fprintf(out, "%s; %s; Linux %s; 5 %% quantiles of all batches of %d rounds of the work in %d times %v.\n", cpuModel(), human.Plural(int64(runtime.NumCPU()), "CPU"), firstLine("uname", "-r"), batch, b.rounds, b.slice)
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

func (b *bench) print(out io.Writer, took [][]float64) {
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
			fmt.Fprintf(out, " | %s", cell(i, took[j]))
		}
		fmt.Fprintln(out, " |")
	}
	fmt.Fprintln(out)
	for _, row := range b.rows {
		if row.unable != "" {
			fmt.Fprintf(out, "Not measured: %s: %s\n", row.name, row.unable)
		}
	}
	b.printDifferences(out, took)
	b.printBystanders(out, took)
}

// cell is time per round of the untraced program, in the first row, and by that in the others.
func cell(row int, took []float64) string {
	switch {
	case row == 0:
		return fmt.Sprintf("%.0f ns", took[0])
	case took[row] == 0:
		return "-"
	}
	r := took[row] / took[0]
	if r >= 10 {
		return fmt.Sprintf("%.0f", r)
	}
	return fmt.Sprintf("%.2f", r)
}

// printDifferences says what the other build's programs cost, next to this one's.
func (b *bench) printDifferences(out io.Writer, took [][]float64) {
	for i, row := range b.rows {
		other := b.row(row.name + otherName)
		if other < 0 || row.unable != "" {
			continue
		}
		for j, w := range b.works {
			this, that := took[j][i], took[j][other]
			if this == 0 {
				continue
			}
			fmt.Fprintf(out, "%s, %s: %.1f ns a round, the other build %.1f, a difference of %+.1f.\n", row.name, w.name, this, that, this-that)
		}
	}
}

// printBystanders says what a program pays that is not traced while another one is, by
// what empty programs cost it, for the first work, which makes nothing but system calls.
func (b *bench) printBystanders(out io.Writer, took [][]float64) {
	for _, pair := range bystanders {
		nothing, other := b.row(pair.empty), b.row(pair.name)
		if nothing < 0 || other < 0 || took[0][other] == 0 {
			continue
		}
		least, paid := took[0][nothing]-took[0][0], took[0][other]-took[0][0]
		fmt.Fprintf(out, "%s, %s: empty programs cost %.1f ns a round; a program that is not traced pays %.1f ns, %.2f times that; in all it takes %.3f times as long as with empty programs.\n",
			b.works[0].name, pair.name, least, paid, paid/least, took[0][other]/took[0][nothing])
	}
}

// row is that row's index, or -1.
func (b *bench) row(name string) int {
	return slices.IndexFunc(b.rows, func(c contender) bool { return c.name == name })
}

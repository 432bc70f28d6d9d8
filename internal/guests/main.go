// Command guests runs the privileged tests in emulated guests, some for each
// kernel, and compares what passed with what is expected to (passes.txt), and what the engines
// see with docs/kernels.md: a kernel of which a guest ran nothing, hung, crashed or skipped a test fails.
//
//	guests [-run REGEXP] [-timeout D]      on all kernels of kernels.txt, on some a part, as it says
//	guests [-run REGEXP] -all              all tests on all kernels
//	guests [-run REGEXP] KERNEL...         all tests on these
//	guests -accept [-all] [KERNEL...]      write passes.txt and the page from the last run's results
//
// It is run in the root of the tree, by `make test-vm` and `make accept-vm`.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	passes = "internal/guests/passes.txt"
	logs   = ".bin/vm/log"
)

// shares are how many guests a job's tests are dealt to, so that no CPU is idle while one guest
// has much left to do.
func shares(j job) int {
	if j.part != "" {
		return 3
	}
	return 4
}

// atOnce is how many guests run at a time. Each keeps a CPU busy for little more than half of
// its time: the rest it waits, most of all for the kernel to let go of functions that fentry hooked.
// Its memory has to be there.
func atOnce() int {
	n := 2 * runtime.NumCPU()
	info, _ := os.ReadFile("/proc/meminfo")
	if m := regexp.MustCompile(`MemAvailable: +(\d+) kB`).FindSubmatch(info); m != nil {
		kB, _ := strconv.Atoi(string(m[1]))
		n = min(n, kB/(3<<20)) // scripts/vm gives it 3 GiB
	}
	return max(1, n)
}

// packages have the tests that need the kernel.
var packages = []string{"tracer", "cmd/zctrace"}

func main() {
	run := flag.String("run", "", "only the tests that match this regular `expression`")
	timeout := flag.Duration("timeout", 80*time.Minute, "how long a guest may take")
	all := flag.Bool("all", false, "all tests on all kernels")
	guests := flag.Int("guests", atOnce(), "how many run at a time")
	accept := flag.Bool("accept", false, "write "+passes+" and "+page+" from the last run's results")
	flag.Parse()
	if *all {
		_ = os.Setenv("ZCTRACE_TEST_ALL", "1") // for the tests in the guests
	}
	list, err := jobs(flag.Args(), *all)
	switch {
	case err != nil:
	case *accept:
		err = acceptResults(list)
	default:
		err = test(list, *run, *timeout, *guests)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guests:", err)
		os.Exit(1)
	}
}

// prepare fetches the kernels and builds the tests, as this user, so that the files are not root's.
func prepare(list []job) error {
	fmt.Println("fetching the kernels and building the tests ...")
	for _, j := range list {
		fetch := exec.Command("./scripts/vm", "--fetch", j.name)
		fetch.Stderr = os.Stderr // which releases it fetches, or that it cannot
		if err := fetch.Run(); err != nil {
			return fmt.Errorf("fetch the kernel %s: %w", j.name, err)
		}
		if err := build(j.arch); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(logs, j.column())); err != nil {
			return err
		}
	}
	return nil
}

// test boots the guests of all jobs, so many at a time.
func test(list []job, run string, timeout time.Duration, atOnce int) error {
	if err := prepare(list); err != nil {
		return err
	}
	listed, err := listTests(run)
	if err != nil {
		return err
	}
	expected, err := loadTable()
	if err != nil {
		return err
	}
	seconds, err := loadSeconds()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var bad []string
	var all sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, j := range list {
		start := time.Now()
		var guests sync.WaitGroup
		var failed []string // to boot
		toRun := slices.DeleteFunc(slices.Clone(listed), func(test string) bool { return expected.leavesOut(j, test) })
		if len(toRun) == 0 && len(listed) > 0 {
			fmt.Printf("--    %-17s  runs these in full only\n", j.column())
			continue
		}
		dealt := deal(toRun, seconds, shares(j))
		for i, tests := range dealt {
			free <- struct{}{}
			guests.Go(func() {
				defer func() { <-free }()
				dir := filepath.Join(logs, j.column(), strconv.Itoa(i+1))
				defer follow(os.Stdout, fmt.Sprintf("%s, guest %d of %d", j.column(), i+1, len(dealt)), dir, len(tests), everyMinute)()
				if err := boot(j, dir, tests, timeout); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, err.Error())
				}
			})
		}
		all.Go(func() {
			guests.Wait()
			s := judge(j, toRun, expected[j.column()])
			s.leftOut = len(listed) - len(toRun)
			mu.Lock()
			defer mu.Unlock()
			s.problems = append(failed, s.problems...)
			if fmt.Print(s.text(j, len(toRun), time.Since(start))); len(s.problems) > 0 {
				bad = append(bad, j.column())
			}
		})
	}
	all.Wait()
	if len(bad) > 0 {
		return fmt.Errorf("failed on %s", strings.Join(bad, ", "))
	}
	return nil
}

// summary is what came of a job.
type summary struct {
	problems  []string
	image     string // what ran
	tests     int    // that passed
	passes    int    // with subtests
	elsewhere int    // tests that need no guest
	leftOut   int    // tests that this kernel runs in full only
}

// text says what came of it: each problem, and a line that names what ran.
func (s *summary) text(j job, listed int, took time.Duration) string {
	var b strings.Builder
	for _, p := range s.problems {
		fmt.Fprintf(&b, "%s: %s\n", j.column(), strings.TrimRight(p, "\n"))
	}
	word, part := "ok  ", ""
	if len(s.problems) > 0 {
		word = "FAIL"
	}
	if j.part != "" {
		part = fmt.Sprintf(", each strategy with one file system, of some tables every other row, without %d tests that make test-all runs here", s.leftOut)
	}
	fmt.Fprintf(&b, "%s  %-17s  %3d of %d tests, %d passes with subtests%s, %v, on %s; logs in %s\n", word, j.column(),
		s.tests, listed-s.elsewhere, s.passes, part, took.Round(time.Second), s.image, filepath.Join(logs, j.column()))
	return b.String()
}

// judge compares what a job's guests left with what is expected.
func judge(j job, listed []string, expected counts) *summary {
	r, err := load(j)
	if err != nil {
		return &summary{problems: []string{err.Error()}}
	}
	s := &summary{problems: append(r.failures(), r.differences(listed, expected)...), elsewhere: len(r.elsewhere())}
	for _, c := range r.counts() {
		s.passes += c.passed
		if c.passed > 0 {
			s.tests++
		}
	}
	f, err := found(j)
	if err == nil {
		s.image = f.image()
		err = f.differs()
	}
	if err != nil {
		s.problems = append(s.problems, err.Error())
	}
	return s
}

func binaries(arch string) string { return filepath.Join(".bin/vm/test", arch) }

func build(arch string) error {
	for _, pkg := range packages {
		cmd := exec.Command("go", "test", "-c", "-trimpath", "-ldflags", "-s -w",
			"-o", filepath.Join(binaries(arch), filepath.Base(pkg)+".test"), "./"+pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the tests of %s for %s: %w\n%s", pkg, arch, err, out)
		}
	}
	cmd := exec.Command("cmd/zctrace/testdata/programs/build", binaries(arch))
	cmd.Env = append(os.Environ(), "GOARCH="+arch)
	if arch != runtime.GOARCH {
		cmd.Env = append(cmd.Env, "CC=aarch64-linux-gnu-gcc")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build testdata/programs for %s: %w\n%s", arch, err, out)
	}
	return nil
}

// listTests names the tests that are to run. It asks the binaries for this machine, so
// that no guest can make the list short.
func listTests(run string) ([]string, error) {
	only, err := regexp.Compile(run)
	if err != nil {
		return nil, err
	}
	if err := build(runtime.GOARCH); err != nil {
		return nil, err
	}
	var listed []string
	for _, pkg := range packages {
		out, err := exec.Command(filepath.Join(binaries(runtime.GOARCH), filepath.Base(pkg)+".test"), "-test.list", "^Test").Output()
		if err != nil {
			return nil, fmt.Errorf("list the tests of %s: %w", pkg, err)
		}
		for name := range strings.FieldsSeq(string(out)) {
			if only.MatchString(name) {
				listed = append(listed, pkg+"/"+name)
			}
		}
	}
	return listed, nil
}

// boot runs tests in a guest, which leaves what came of them in dir.
func boot(j job, dir string, tests []string, timeout time.Duration) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	// Go's own time limit is the shorter one: it says what every goroutine does.
	args := []string{"./scripts/vm", j.name, "sh", "internal/guests/guest.sh", binaries(j.arch), dir, (timeout * 3 / 4).String(), j.part}
	for _, pkg := range packages {
		var names []string
		for _, test := range tests {
			if name, ok := strings.CutPrefix(test, pkg+"/"); ok {
				names = append(names, name)
			}
		}
		args = append(args, pkg, "^("+strings.Join(names, "|")+")$")
	}
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-E"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "CI=1", fmt.Sprintf("TIMEOUT=%d", int(timeout.Seconds())))
	console, err := cmd.CombinedOutput()
	// How the guest ended shows in what it left.
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return err
	}
	for line := range strings.Lines(string(console)) {
		if strings.HasPrefix(line, "vm: ") { // that it was booted again, say
			fmt.Printf("      %s, guest %s: %s", j.column(), filepath.Base(dir), line)
		}
	}
	return os.WriteFile(filepath.Join(dir, "console.log"), console, 0o666)
}

// load reads what a job's guests left.
func load(j job) (*result, error) {
	guests, err := filepath.Glob(filepath.Join(logs, j.column(), "*"))
	if err != nil {
		return nil, err
	}
	if len(guests) == 0 {
		return nil, fmt.Errorf("no guest with %s has left anything in %s", j.name, filepath.Join(logs, j.column()))
	}
	r := &result{tests: map[string]*outcome{}, exits: map[string]string{}, consoles: map[string]string{}}
	for _, dir := range guests {
		guest := filepath.Base(dir)
		console, _ := os.ReadFile(filepath.Join(dir, "console.log"))
		r.consoles[guest] = lastLines(console, 15)
		for _, program := range packages {
			log, err := os.ReadFile(filepath.Join(dir, filepath.Base(program)+".log"))
			exit, _ := os.ReadFile(filepath.Join(dir, filepath.Base(program)+".exit"))
			r.exits[guest+"/"+program] = strings.TrimSpace(string(exit))
			if err != nil {
				continue
			}
			cmd := exec.Command("go", "tool", "test2json")
			cmd.Stdin = bytes.NewReader(log)
			events, err := cmd.Output()
			if err != nil {
				return nil, fmt.Errorf("read the results of %s: %w", program, err)
			}
			if err := r.read(program, bytes.NewReader(events)); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func loadTable() (table, error) {
	f, err := os.Open(passes)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readTable(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", passes, err)
	}
	return t, nil
}

// acceptResults takes over what the last run counted and saw, if nothing failed in it.
func acceptResults(list []job) error {
	all, err := listTests("")
	if err != nil {
		return err
	}
	t, err := loadTable()
	if err != nil {
		return err
	}
	measured, err := loadSeconds()
	if err != nil {
		return err
	}
	longest := map[string]int{} // in this run
	for _, j := range list {
		r, err := load(j)
		if err != nil {
			return err
		}
		if failures := r.failures(); len(failures) > 0 {
			return fmt.Errorf("the last run on %s failed: %s", j.column(), strings.Join(failures, "\n"))
		}
		f, err := found(j)
		if err != nil {
			return err
		}
		if err := f.accept(); err != nil {
			return err
		}
		column := t[j.column()]
		if column == nil {
			column = counts{}
			t[j.column()] = column
		}
		maps.Copy(column, r.counts())
		for _, name := range r.elsewhere() {
			delete(column, name)
		}
		for name, n := range r.seconds() {
			longest[name] = max(longest[name], n)
		}
	}
	maps.Copy(measured, longest)
	maps.DeleteFunc(measured, func(name string, _ int) bool { return !slices.Contains(all, name) })
	if err := os.WriteFile(durations, []byte(secondsText(measured)), 0o644); err != nil {
		return err
	}
	for _, column := range t {
		for name := range column {
			if !slices.Contains(all, name) {
				delete(column, name)
			}
		}
	}
	var b bytes.Buffer
	if err := t.write(&b); err != nil {
		return err
	}
	return os.WriteFile(passes, b.Bytes(), 0o644)
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Command guests runs the privileged tests in emulated guests, some for each
// kernel, and compares what passed with what is expected to (passes.txt): a kernel
// of which a guest ran nothing, hung, crashed or skipped a test fails.
//
//	guests [-run REGEXP] [-timeout D] [KERNEL...]   run and compare
//	guests -accept [KERNEL...]                      write passes.txt from the last run's results
//
// The kernels are those of kernels.txt: all, if none is named.
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
	shares = 4 // of a kernel's tests; a guest of its own runs each, so that no CPU is idle while one guest has much left to do
)

// packages have the tests that need the kernel.
var packages = []string{"tracer", "cmd/zctrace"}

func main() {
	run := flag.String("run", "", "only the tests that match this regular `expression`")
	timeout := flag.Duration("timeout", 40*time.Minute, "how long a guest may take")
	accept := flag.Bool("accept", false, "write "+passes+" from the last run's results")
	flag.Parse()
	kernels, err := named(flag.Args())
	switch {
	case err != nil:
	case *accept:
		err = acceptResults(kernels)
	default:
		err = test(kernels, *run, *timeout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guests:", err)
		os.Exit(1)
	}
}

// test boots the guests, as many at a time as there are CPUs: each keeps one busy.
func test(kernels []kernel, run string, timeout time.Duration) error {
	fmt.Println("fetching the kernels and building the tests ...")
	// As this user, so that the files are not root's.
	for _, k := range kernels {
		if out, err := exec.Command("./scripts/vm", "--fetch", k.name).CombinedOutput(); err != nil {
			return fmt.Errorf("fetch the kernel %s: %w\n%s", k.name, err, out)
		}
		if err := build(k.arch); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(logs, k.name)); err != nil {
			return err
		}
	}
	listed, err := list(run)
	if err != nil {
		return err
	}
	expected, err := loadTable()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var bad []string
	var all sync.WaitGroup
	free := make(chan struct{}, runtime.NumCPU())
	for _, k := range kernels {
		start := time.Now()
		var guests sync.WaitGroup
		var failed []string // to boot
		dealt := deal(listed, expected[k.name], shares)
		for i, tests := range dealt {
			free <- struct{}{}
			guests.Go(func() {
				defer func() { <-free }()
				dir := filepath.Join(logs, k.name, strconv.Itoa(i+1))
				defer follow(os.Stdout, fmt.Sprintf("%s, guest %d of %d", k.name, i+1, len(dealt)), dir, len(tests), everyMinute)()
				if err := boot(k, dir, tests, timeout); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, err.Error())
				}
			})
		}
		all.Go(func() {
			guests.Wait()
			s := judge(k.name, listed, expected[k.name])
			mu.Lock()
			defer mu.Unlock()
			s.problems = append(failed, s.problems...)
			for _, p := range s.problems {
				fmt.Printf("%s: %s\n", k.name, strings.TrimRight(p, "\n"))
			}
			word := "ok  "
			if len(s.problems) > 0 {
				word = "FAIL"
				bad = append(bad, k.name)
			}
			fmt.Printf("%s  %-12s  %3d of %d tests, %d passes with subtests, %v; logs in %s\n", word, k.name,
				s.tests, len(listed)-s.elsewhere, s.passes, time.Since(start).Round(time.Second), filepath.Join(logs, k.name))
		})
	}
	all.Wait()
	if len(bad) > 0 {
		return fmt.Errorf("failed on %s", strings.Join(bad, ", "))
	}
	return nil
}

// deal gives out tests in at most n shares, of those with many subtests and of those with
// none, or that need no guest, as many to each.
func deal(tests []string, expected counts, n int) [][]string {
	tests = slices.Clone(tests)
	slices.SortStableFunc(tests, func(a, b string) int { return expected[b].passed - expected[a].passed })
	dealt := make([][]string, min(n, max(1, len(tests))))
	for i, test := range tests {
		dealt[i%len(dealt)] = append(dealt[i%len(dealt)], test)
	}
	return dealt
}

// summary is what came of the tests on a kernel.
type summary struct {
	problems  []string
	tests     int // that passed
	passes    int // with subtests
	elsewhere int // tests that need no guest
}

// judge compares what a kernel's guests left with what is expected.
func judge(kernel string, listed []string, expected counts) summary {
	r, err := load(kernel)
	if err != nil {
		return summary{problems: []string{err.Error()}}
	}
	s := summary{problems: append(r.failures(), r.differences(listed, expected)...), elsewhere: len(r.elsewhere())}
	for _, c := range r.counts() {
		s.passes += c.passed
		if c.passed > 0 {
			s.tests++
		}
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
	return nil
}

// list names the tests that are to run. It asks the binaries for this machine, so
// that no guest can make the list short.
func list(run string) ([]string, error) {
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
func boot(k kernel, dir string, tests []string, timeout time.Duration) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	// Go's own time limit is the shorter one: it says what every goroutine does.
	args := []string{"./scripts/vm", k.name, "sh", "internal/guests/guest.sh", binaries(k.arch), dir, (timeout * 3 / 4).String()}
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
	return os.WriteFile(filepath.Join(dir, "console.log"), console, 0o666)
}

// load reads what a kernel's guests left.
func load(kernel string) (*result, error) {
	guests, err := filepath.Glob(filepath.Join(logs, kernel, "*"))
	if err != nil {
		return nil, err
	}
	if len(guests) == 0 {
		return nil, fmt.Errorf("no guest with %s has left anything in %s", kernel, filepath.Join(logs, kernel))
	}
	r := &result{tests: map[string]*outcome{}, exits: map[string]string{}, consoles: map[string]string{}}
	for _, dir := range guests {
		guest := filepath.Base(dir)
		console, _ := os.ReadFile(filepath.Join(dir, "console.log"))
		r.consoles[guest] = lastLines(console, 15)
		for _, program := range append([]string{"doctor"}, packages...) {
			log, err := os.ReadFile(filepath.Join(dir, filepath.Base(program)+".log"))
			exit, _ := os.ReadFile(filepath.Join(dir, filepath.Base(program)+".exit"))
			r.exits[guest+"/"+program] = strings.TrimSpace(string(exit))
			if err != nil || program == "doctor" {
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

// acceptResults takes over what the last run counted, if nothing failed in it.
func acceptResults(kernels []kernel) error {
	all, err := list("")
	if err != nil {
		return err
	}
	t, err := loadTable()
	if err != nil {
		return err
	}
	for _, k := range kernels {
		kernel := k.name
		r, err := load(kernel)
		if err != nil {
			return err
		}
		if failures := r.failures(); len(failures) > 0 {
			return fmt.Errorf("the last run on %s failed: %s", kernel, strings.Join(failures, "\n"))
		}
		if t[kernel] == nil {
			t[kernel] = counts{}
		}
		maps.Copy(t[kernel], r.counts())
		for _, name := range r.elsewhere() {
			delete(t[kernel], name)
		}
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

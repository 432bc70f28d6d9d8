// Command guests runs the privileged tests in emulated guests, one for each
// kernel, and compares what passed with what is expected to (passes.txt): a guest
// that ran nothing, hung, crashed or skipped a test fails.
//
//	guests [-run REGEXP] [-timeout D] KERNEL...   run and compare
//	guests -accept KERNEL...                      write passes.txt from the last run's results
//
// It is run in the root of the tree, by `make test-vm` and `make accept-vm`.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	passes = "internal/guests/passes.txt"
	logs   = ".bin/vm/log"
)

// packages have the tests that need the kernel.
var packages = []string{"tracer", "cmd/zctrace"}

// elsewhere are the tests that need no guest: those about terminals, signals,
// flags and messages are the same on every kernel, and slow in an emulated one.
var elsewhere = regexp.MustCompile(`^Test(` + strings.Join([]string{
	"Dashboard", "NotRunAgain", "AgainAndLeave", "Abandoned", "SizesThatAStrategyCannotDo", "SweepWithGapsOnATerminal", "SignalsOnTheDashboard", "WithoutDevNull", "OutputOntoAFullDevice", "UnderSudoWithoutRights",
	"ViewsInTmux", "ShowInTmux", "CompareInTmux", "SweepInTmux", "ShowTwo", "HangUp", "HangUpAfterTheEnd", "TinyTerminal", "InterruptedPreparation", "RepeatedSignal", "SecondSignal",
	"StalledReceiver", "JSONToStdout", "OutputOntoOddFiles", "ShowPrintsTheSameTable", "ExpectNothing",
	"RunsThatEndEarly", "VerifyFindsACorruptedByte", "Baseline", "CPU", "Expect", "UnderSudo", "SignalsWhileLoading",
	"EverySinkExactly", // as TestEnginesAgree, but by one engine and on one file system
	"Compare", "CompareForms", "CompareLeavesOut", "CompareTwoSinks", "CompareExpect", "CompareWithAFailure", "CompareInterrupted", "CompareOnATerminal", "CompareUnderSudo", "Sweep",
	"Refusals", "OtherSystemsKnowTheCommands", "CannotTraceHere", "WithoutRights", "Rate", "SinkFile", "DurationOrBytes", "Man", "ListTextbook", "Serve", "InterruptedReceipt", "NobodyServes",
	"Depth", "SQPoll", "TextbookRows", "TwoRunsAtOnce", "LatencyOff", "PipeSize", "KilledItself",
	"KilledAtAnyTime", "StoppedAndContinued", "OutOfDescriptors", "DiskFull", "FileSizeLimit", "ReadOnlyDirectory", "SourceChangesDuringTheRun",
	"PortTaken", "ConnectionReset", "FiftyAtOnce", "LongRun", "StartsAndStops", "HostileTraces", "SymbolicLinksAreNotFollowed", "NothingBeyondLoopback",
	"Overlay", // their kernels come without it
}, "|") + `)$|^Fuzz`)

func main() {
	run := flag.String("run", "", "only the tests that match this regular `expression`")
	timeout := flag.Duration("timeout", 40*time.Minute, "how long a guest may take")
	accept := flag.Bool("accept", false, "write "+passes+" from the last run's results")
	flag.Parse()
	err := error(nil)
	if kernels := flag.Args(); *accept {
		err = acceptResults(kernels)
	} else {
		err = test(kernels, *run, *timeout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guests:", err)
		os.Exit(1)
	}
}

// test boots the guests, as many at a time as there are CPUs: each keeps one busy.
func test(kernels []string, run string, timeout time.Duration) error {
	if len(kernels) == 0 {
		return errors.New("no kernel to test: name some")
	}
	if out, err := exec.Command("./scripts/vm", append([]string{"--fetch"}, kernels...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("fetch the kernels: %w\n%s", err, out)
	} // as this user, so that they are not root's
	for _, kernel := range kernels {
		if err := build(arch(kernel)); err != nil {
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
	var wait sync.WaitGroup
	var mu sync.Mutex
	var bad []string
	free := make(chan struct{}, runtime.NumCPU())
	for _, kernel := range kernels {
		wait.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			start := time.Now()
			v := one(kernel, run, timeout, listed, expected[kernel])
			mu.Lock()
			defer mu.Unlock()
			for _, p := range v.problems {
				fmt.Printf("%s: %s\n", kernel, strings.TrimRight(p, "\n"))
			}
			word := "ok  "
			if len(v.problems) > 0 {
				word = "FAIL"
				bad = append(bad, kernel)
			}
			fmt.Printf("%s  %-10s  %3d of %d tests, %d passes with subtests, %v; logs in %s\n", word, kernel,
				v.tests, len(listed), v.passes, time.Since(start).Round(time.Second), filepath.Join(logs, kernel))
		})
	}
	wait.Wait()
	if len(bad) > 0 {
		return fmt.Errorf("failed on %s", strings.Join(bad, ", "))
	}
	return nil
}

// verdict is what one guest came to.
type verdict struct {
	problems []string
	tests    int // that passed
	passes   int // with subtests
}

func one(kernel, run string, timeout time.Duration, listed []string, expected counts) verdict {
	console, err := boot(kernel, run, timeout)
	if err != nil {
		return verdict{problems: []string{err.Error()}}
	}
	r, err := load(kernel)
	if err != nil {
		return verdict{problems: []string{err.Error()}}
	}
	v := verdict{problems: append(r.failures(), r.differences(listed, expected)...)}
	for _, c := range r.counts() {
		v.passes += c.passed
		if c.passed > 0 {
			v.tests++
		}
	}
	if len(v.problems) > 0 {
		v.problems = append(v.problems, "the end of its console:\n"+indent(lastLines(console, 15)))
	}
	return v
}

func arch(kernel string) string {
	if strings.HasSuffix(kernel, "-arm64") {
		return "arm64"
	}
	return "amd64"
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
			if only.MatchString(name) && !elsewhere.MatchString(name) {
				listed = append(listed, pkg+"/"+name)
			}
		}
	}
	return listed, nil
}

// boot runs the tests in a guest, and returns what it printed to its console.
func boot(kernel, run string, timeout time.Duration) ([]byte, error) {
	dir, err := filepath.Abs(filepath.Join(logs, kernel))
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	// Go's own time limit is the shorter one: it says what every goroutine does.
	args := append([]string{"./scripts/vm", kernel, "sh", "internal/guests/guest.sh", binaries(arch(kernel)), dir,
		run, elsewhere.String(), (timeout * 3 / 4).String()}, packages...)
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-E"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "CI=1", fmt.Sprintf("TIMEOUT=%d", int(timeout.Seconds())))
	console, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, err
	} // how it ended shows in what it left
	return console, os.WriteFile(filepath.Join(dir, "console.log"), console, 0o666)
}

// load reads what a guest left.
func load(kernel string) (*result, error) {
	dir := filepath.Join(logs, kernel)
	r := &result{tests: map[string]*outcome{}, exits: map[string]string{}}
	exit := func(program string) {
		text, _ := os.ReadFile(filepath.Join(dir, program+".exit"))
		r.exits[program] = strings.TrimSpace(string(text))
	}
	exit("doctor")
	for _, pkg := range packages {
		name := filepath.Base(pkg)
		exit(name)
		log, err := os.ReadFile(filepath.Join(dir, name+".log"))
		if err != nil {
			continue // its exit code is missing, too
		}
		cmd := exec.Command("go", "tool", "test2json")
		cmd.Stdin = bytes.NewReader(log)
		events, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("read the results of %s: %w", pkg, err)
		}
		if err := r.read(pkg, bytes.NewReader(events)); err != nil {
			return nil, err
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
func acceptResults(kernels []string) error {
	all, err := list("")
	if err != nil {
		return err
	}
	t, err := loadTable()
	if err != nil {
		return err
	}
	for _, kernel := range kernels {
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
		for name, c := range r.counts() {
			t[kernel][name] = c
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

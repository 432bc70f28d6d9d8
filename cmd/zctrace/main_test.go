//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/session/launch"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// asProgram makes the test binary be zctrace itself, so that the tests use it
// as a user does.
const asProgram = "ZCTRACE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	isWorker := len(os.Args) > 1 && (os.Args[1] == workloads.Command || os.Args[1] == launch.Stub)
	if isWorker || os.Getenv(asProgram) != "" {
		if err := filterCalls(); err != nil {
			panic(err)
		}
		os.Exit(execute(os.Args[1:]))
	}
	// Under sudo these would make the tests' directories, which are root's, out of
	// reach; TestUnderSudo sets them itself.
	for _, name := range []string{"SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"} {
		_ = os.Unsetenv(name)
	}
	// What was started in the background or by nohup ignores signals, and so would
	// what the tests start; a handler is not inherited.
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	// A user's PATH, which sudo may hand on, lacks where mkfs and losetup are.
	_ = os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if os.Getenv("ZCTRACE_TEST_RACED") != "" {
		onlyRaced()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removePrograms()
		os.Exit(code)
	}))
}

// raced is for tests in which much goes on at once: make test-native runs them with the
// race detector, too, under which all of them take too long. It is not for those that lose
// their terminal, for the library closes its input under its reader then.
func raced(*testing.T) {}

// onlyRaced leaves of the tests those that begin with raced(t).
func onlyRaced() {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		panic(err)
	}
	begin := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\) \{\n(?:\toncePerMachine\(t\)\n)?\traced\(t\)$`)
	var names []string
	calls := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		for _, found := range begin.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
		calls += bytes.Count(text, []byte("\traced(t)\n"))
	}
	if len(names) == 0 || len(names) != calls {
		panic(fmt.Sprintf("%d tests begin with raced(t), which is called %d times", len(names), calls))
	}
	if err := flag.Set("test.run", "^("+strings.Join(names, "|")+")$"); err != nil {
		panic(err)
	}
}

// hang is how long a test waits for what must happen, on an emulated machine and on one that does much else, too. None
// waits that long unless it fails.
const hang = time.Minute

// command is zctrace with its arguments, not started. One that does not end is
// made to say where it is: Go prints its goroutines.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*hang)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	cmd.WaitDelay = 5 * time.Second // then it is killed
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Dir = t.TempDir()
	return cmd
}

// result is what a command left.
type result struct {
	stdout, stderr string
	code           int
}

func exitStatus(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	err := cmd.Run()
	return result{stdout.String(), stderr.String(), exitStatus(t, err)}
}

// zctrace runs it to its end.
func zctrace(t testing.TB, args ...string) result {
	t.Helper()
	return finish(t, command(t, args...))
}

// traced runs a workload plainly and returns its trace.
func traced(t *testing.T, args ...string) *trace.Trace {
	t.Helper()
	needTracing(t)
	file := filepath.Join(t.TempDir(), "t.json")
	r := zctrace(t, append([]string{"run", "--plain", "--json", file}, args...)...)
	if r.code != 0 {
		t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return readTrace(t, file)
}

// readTrace reads a trace and holds it against the schema and its own laws.
func readTrace(t *testing.T, file string) *trace.Trace {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	validateSchema(t, data)
	saved, err := trace.Read(bytes.NewReader(data))
	tr := saved.Trace
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Validate(); err != nil {
		t.Error(err)
	}
	return tr
}

// readSet reads a set of traces, as readTrace does one.
func readSet(t *testing.T, file string) *trace.Set {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	validateSchema(t, data, trace.SetSchemaJSON)
	saved, err := trace.ReadFile(file)
	set := saved.Set
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate(); err != nil {
		t.Error(err)
	}
	return set
}

// validateSchema holds data against the last of the schemas, which may refer to
// the others.
func validateSchema(t testing.TB, data []byte, more ...string) {
	t.Helper()
	compiler, id := jsonschema.NewCompiler(), ""
	for _, text := range append([]string{trace.SchemaJSON}, more...) {
		schema, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		id = schema.(map[string]any)["$id"].(string)
		if err := compiler.AddResource(id, schema); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := compiler.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(doc); err != nil {
		t.Errorf("it does not fit the schema: %v", err)
	}
}

// needTracing skips where eBPF cannot be used, which CI counts as a failure.
func needTracing(t testing.TB) {
	t.Helper()
	if err := tracer.Supported(); err != nil {
		cannot(t, "cannot trace here: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// oncePerMachine is for tests that need no guest: those about terminals, signals, flags
// and messages are the same on every kernel, and slow in an emulated one. So nothing else
// may skip them where they do run.
func oncePerMachine(t *testing.T) {
	t.Helper()
	if inGuest() {
		t.Skip("needs no guest") // which internal/guests looks for
	}
	t.Cleanup(func() {
		if t.Skipped() && os.Getenv("CI") != "" {
			t.Error("skipped here, and no guest runs it")
		}
	})
}

// inGuest is whether this is one of the guests of scripts/vm.
func inGuest() bool { return os.Getenv(enginesEnv) != "" }

// part is 0 where everything is to run. In a guest that is to run a part, each strategy goes with
// one file system, and where each kernel of which a part runs has another number, they take turns.
func part() int {
	n, _ := strconv.Atoi(os.Getenv(partEnv))
	return n
}

// dealt is whether the i-th row of a test is to run: in a part every other one is.
func dealt(i int) bool { return part() == 0 || (i+part())%2 == 0 }

// cannot skips the test, which in CI is a failure.
func cannot(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// needNamespaces skips where namespaces of these kinds cannot be made: unshare's flags.
func needNamespaces(t *testing.T, flags ...string) {
	t.Helper()
	if out, err := exec.Command("unshare", append(flags, "true")...).CombinedOutput(); err != nil {
		cannot(t, fmt.Sprintf("unshare %s does not work here, as in a chroot: run it outside: %v: %s", strings.Join(flags, " "), err, out))
	}
}

// leftovers fails the test if anything of a run is still there: worker
// processes, eBPF programs, files in dir.
func leftovers(t *testing.T, dir string) {
	t.Helper()
	workersAreGone(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left behind", filepath.Join(dir, e.Name()))
	}
}

// workersAreGone waits, within a bound, until no worker of this test binary
// runs: one that is being killed takes a moment.
func workersAreGone(t *testing.T) {
	t.Helper()
	if !holds(func() bool { return len(workerPIDs(t)) == 0 }) {
		t.Errorf("workers are left behind: %v", workerPIDs(t))
	}
}

// signalWorker sends a signal to the worker of that role.
func signalWorker(t *testing.T, role string, s syscall.Signal) {
	t.Helper()
	pid, there := workerPIDs(t)[role]
	if !there { // and 0 would be the tests themselves
		t.Fatalf("there is no %s", role)
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// senderMoves waits until a run's sender is in the middle of its work: what it has written so far says so. It is another
// one than that before, if there was one.
func senderMoves(t *testing.T, before int) (pid int) {
	t.Helper()
	eventually(t, "a sender moves data", func() bool {
		pid = workerPIDs(t)["sender"]
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)) // it may have ended
		var written int
		_, after, _ := strings.Cut(string(text), "wchar: ")
		_, err := fmt.Sscan(after, &written)
		return err == nil && written >= 64<<10 && pid != before
	})
	return pid
}

// held is a sender that was stopped in the middle of its work, so that its run is there for as long as it takes to look at it.
// One that goes on is late, and makes up for it.
type held struct {
	t   *testing.T
	pid int // 0: none yet
}

// next lets it go on, and stops the next one.
func (h *held) next() {
	h.t.Helper()
	h.goesOn()
	h.pid = senderMoves(h.t, h.pid)
	if err := syscall.Kill(h.pid, syscall.SIGSTOP); err != nil {
		h.t.Fatalf("stop the sender: %v", err)
	}
}

func (h *held) goesOn() {
	if h.pid != 0 { // which would be the tests themselves
		_ = syscall.Kill(h.pid, syscall.SIGCONT) // it may have ended
	}
}

// workerPIDs are the worker processes of this test binary's runs, by role. Their
// command is the same file, and their name says what they do.
func workerPIDs(t *testing.T) map[string]int {
	t.Helper()
	pids := map[string]int{}
	for _, pid := range allPIDs(t) {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // it may have ended
		role, ours := strings.CutPrefix(strings.TrimSpace(string(name)), "zc-")
		if err != nil || !ours {
			continue
		}
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe == os.Args[0] {
			pids[role] = pid
		}
	}
	return pids
}

// allPIDs are those of all processes. filepath.Glob would read the directory of each, which takes seconds on a busy machine.
func allPIDs(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

//go:build linux

package workloads

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// The test binary is its own worker: Start runs /proc/self/exe.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		besideMain(func() {
			var status uintptr
			if Main(os.Args[2:]) != nil {
				status = 1
			}
			// The raw call, since os.Exit sleeps for a second under -race.
			unix.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
		})
		select {}
	}
	if len(os.Args) > 1 && os.Args[1] == orphanCommand {
		orphan()
	}
	if len(os.Args) > 1 && os.Args[1] == capableCommand {
		capable()
	}
	goleak.VerifyTestMain(m)
}

// besideMain runs f on a thread that is not the process's first. There it can
// be traced by ptrace: a stop of the first one would be swallowed by the wait
// for the process's end, which Start's goroutine is in.
func besideMain(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			besideMain(f)
			select {}
		}
		f()
	}()
}

// hang is how long a test waits for what must happen. No test waits that long
// unless it fails.
const hang = 2 * time.Minute

// workload is what a test runs; run fills in the rest.
type workload struct {
	strategy *Strategy
	source   string
	sink     string // or two, with a comma; the second is /dev/null where one is needed
	cfg      Config // the sender's; Verify is the receiver's, and a Source takes the place of source
}

// sourceNamed opens a source as the user names it.
func sourceNamed(ctx context.Context, text string, user *User) (*Source, error) {
	spec, err := ParseSource(text)
	if err != nil {
		return nil, err
	}
	return OpenSource(ctx, spec, user)
}

// sinkNamed opens a sink of this machine as the user names it.
func sinkNamed(text string, source *Source, user *User) (*Sink, error) {
	spec, err := ParseSink(text)
	if err != nil {
		return nil, err
	}
	return OpenSink(spec, source, 1, user)
}

// outcome is what became of it.
type outcome struct {
	sent, received Result
	sendErr        error
	receiveErr     error
	source         *Source
	sink           *Sink
}

// start opens source and sink and brings the workers to the barrier. Receiver
// is nil where there is none.
func (wl workload) start(t *testing.T) (sender, receiver *Process, source *Source, sink *Sink) {
	t.Helper()
	if source = wl.cfg.Source; source == nil {
		var err error
		source, err = sourceNamed(t.Context(), wl.source, nil)
		must(t, err)
		t.Cleanup(func() { source.Close() })
	}
	open := func(spec string) *Sink {
		sink, err := sinkNamed(spec, source, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sink.Close)
		return sink
	}
	one, two, _ := strings.Cut(wl.sink, ",")
	sink = open(one)
	if wl.cfg.Work.Receive != nil {
		must(t, sink.ReceiveWith(wl.cfg.Work.Receive, source))
	}
	cfg := wl.cfg
	cfg.Work.Strategy, cfg.Source, cfg.Sink = wl.strategy, source, sink
	if wl.strategy.TwoSinks() {
		cfg.Second = open(cmp.Or(two, "null"))
		defer cfg.Second.HandOver()
	}
	if len(cfg.ends()) > 0 {
		cfg.Role = Receiver
		receiver = startWorker(t, cfg)
	}
	cfg.Role = Sender
	sender = startWorker(t, cfg)
	sink.HandOver()
	return sender, receiver, source, sink
}

func startWorker(t *testing.T, cfg Config) *Process {
	t.Helper()
	p, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); <-p.Done() })
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	if err := p.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

func (wl workload) run(t *testing.T) outcome {
	t.Helper()
	sender, receiver, source, sink := wl.start(t)
	o := outcome{source: source, sink: sink}
	if receiver != nil {
		release(t, receiver)
	}
	release(t, sender)
	o.sent, o.sendErr = wait(t, sender)
	if receiver != nil {
		o.received, o.receiveErr = wait(t, receiver)
	}
	return o
}

func release(t *testing.T, p *Process) {
	t.Helper()
	if err := p.Go(); err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, p *Process) (Result, error) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(hang):
		t.Fatalf("the %s hangs after %d bytes", p.role, p.Payload())
	}
	return p.Wait()
}

// eventually waits for a condition that the workers bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, hang)
		}
	}
}

// tempFile makes a file of n patterned bytes.
func tempFile(t *testing.T, n int64) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "source"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := fill(t.Context(), f, n); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// mustFail checks an error's kind and that its message has all the words, and
// something to do about it.
func mustFail(t *testing.T, err error, kind fault.Kind, words ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *fault.Error with %q", err, words)
	}
	if e.Kind != kind {
		t.Errorf("%q is of kind %d, want %d", err, e.Kind, kind)
	}
	if e.Remedy == "" {
		t.Errorf("%q does not say what to do", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not mention %q", err, word)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n > 1 {
		t.Errorf("%q has %d lines, want at most 2", err, n+1)
	}
}

func ptr[T any](v T) *T { return &v }

// verified checks that payload bytes went through unharmed.
func (o outcome) verified(t *testing.T, payload int64) {
	t.Helper()
	if o.sendErr != nil || o.receiveErr != nil {
		t.Fatalf("sender: %v, receiver: %v", o.sendErr, o.receiveErr)
	}
	if o.sent.Payload != payload {
		t.Errorf("sent %d bytes, want %d", o.sent.Payload, payload)
	}
	if o.sent.Elapsed <= 0 {
		t.Errorf("the window took %s", o.sent.Elapsed)
	}
	if o.sink.HasReceiver() {
		if o.received.Payload != payload {
			t.Errorf("received %d bytes, want %d", o.received.Payload, payload)
		}
		if o.received.Mismatch != nil {
			t.Errorf("received %+v", *o.received.Mismatch)
		}
	}
	if o.sink.Kind == SinkFile {
		bad, err := o.sink.VerifyFile(t.Context(), o.source, payload)
		if err != nil || bad != nil {
			t.Errorf("the file: %v %v", bad, err)
		}
	}
}

func TestMovesEveryByte(t *testing.T) {
	const odd = 1_000_123
	cases := []struct {
		name         string
		source       string
		bytes, chunk int64
	}{
		{"auto", "auto:1M", 1 << 20, 64 << 10},
		{"one chunk", "auto:1M", 1 << 20, 1 << 20},
		{"odd sizes", tempFile(t, odd), odd, 4093},
		{"goes round", tempFile(t, odd), 3*odd + 17, 65536},
		{"goes round exactly", "auto:64K", 256 << 10, 64 << 10},
		{"tiny chunk", tempFile(t, 8191), 8191, 1},
		{"chunk beyond the source", tempFile(t, odd), 2*odd + 1, 8 << 20},
		{"less than a chunk", "auto:1M", 77, 64 << 10},
		{"zeros", "zero", odd, 65536},
	}
	for _, c := range cases {
		for _, s := range Strategies {
			for _, sink := range SinkKinds {
				if !s.Takes(sink) || c.source == "zero" && !takesZero(t, s, sink) {
					continue
				}
				if s.Direct() && !wholeBlocks(t, s, c.source, c.chunk, c.bytes) {
					continue
				}
				t.Run(c.name+"/"+s.Name+"/"+string(sink), func(t *testing.T) {
					t.Parallel()
					o := workload{s, c.source, string(sink), Config{Work: Work{Bytes: c.bytes, Chunk: c.chunk, Verify: true}}}.run(t)
					o.verified(t, c.bytes)
				})
			}
		}
	}
}

// wholeBlocks is false for sizes that direct I/O does not take, and must refuse.
func wholeBlocks(t *testing.T, s *Strategy, from string, chunk, bytes int64) bool {
	source, sink := open(t, from, "null")
	w := Work{Strategy: s, Chunk: chunk, Bytes: bytes}
	err := w.CheckSizes(source)
	if err != nil {
		mustFail(t, err, fault.Usage, s.Name, "whole blocks")
		_, err = Start(Config{Role: Sender, Work: w, Source: source, Sink: sink})
		mustFail(t, err, fault.Usage, "whole blocks")
		return false
	}
	return true
}

// takesZero is what TestSupportOfZero holds against the run.
func takesZero(t *testing.T, s *Strategy, sink SinkKind) bool {
	source, _ := open(t, "zero", "null")
	return Support(s, source, sink) == nil
}

func TestSinkFileGoesRoundAtTheSourcesSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink")
	for _, s := range Strategies {
		if !s.Takes(SinkFile) || s.Direct() { // TestDirectIO does it
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			defer os.Remove(path)
			o := workload{s, "auto:100000", "file:" + path, Config{Work: Work{Bytes: 250_000, Chunk: 4096}}}.run(t)
			o.verified(t, 250_000)
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 100_000)
			pattern(want, 0)
			if !bytes.Equal(got, want) {
				t.Errorf("the file has %d bytes that are not the source's %d", len(got), len(want))
			}
		})
	}
}

func TestStopEndsAnUnlimitedRun(t *testing.T) {
	for _, s := range Strategies {
		for _, sink := range SinkKinds {
			if !s.Takes(sink) {
				continue
			}
			t.Run(s.Name+"/"+string(sink), func(t *testing.T) {
				t.Parallel()
				sender, receiver, _, _ := workload{s, "auto:1M", string(sink), Config{Work: Work{Chunk: 4096, Verify: true}}}.start(t)
				if receiver != nil {
					release(t, receiver)
				}
				release(t, sender)
				eventually(t, "payload", func() bool { return sender.Payload() > 3<<20 })
				sender.Stop()
				sent, err := wait(t, sender)
				if err != nil {
					t.Errorf("sender: %+v, %v", sent, err)
				}
				if sender.Payload() != sent.Payload {
					t.Errorf("live payload %d, final %d", sender.Payload(), sent.Payload)
				}
				if receiver == nil {
					return
				}
				received, err := wait(t, receiver)
				if err != nil || received.Mismatch != nil || received.Payload != sent.Payload {
					t.Errorf("sent %d, received %+v, %v", sent.Payload, received, err)
				}
			})
		}
	}
}

func TestStopBeforeGo(t *testing.T) {
	sender, _, _, _ := workload{readWrite, "zero", "null", Config{Work: Work{Chunk: 4096}}}.start(t)
	sender.Stop()
	release(t, sender)
	if res, err := wait(t, sender); err != nil || res.Payload != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

// At 1 MB/s, each chunk of 50 kB is due 50 ms after the one before, and so is the
// first. A run may take longer, never less.
func TestRate(t *testing.T) {
	o := workload{sendfile, "auto:1M", "null", Config{Work: Work{Bytes: 200_000, Chunk: 50_000, Rate: 1_000_000}}}.run(t)
	o.verified(t, 200_000)
	if o.sent.Elapsed < 200*time.Millisecond {
		t.Errorf("took %s, want 200 ms at least", o.sent.Elapsed)
	}
}

func TestStopInterruptsPacing(t *testing.T) {
	// The first chunk would be due in a day.
	sender, _, _, _ := workload{sendfile, "auto:1M", "null", Config{Work: Work{Chunk: 86400, Rate: 1}}}.start(t)
	release(t, sender)
	time.Sleep(20 * time.Millisecond) // likely enough for it to sleep
	sender.Stop()
	if res, err := wait(t, sender); err != nil || res.Payload != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

// allowedCPU is the first CPU that this process may use.
func allowedCPU(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			return cpu
		}
	}
	t.Fatal("no CPU")
	return -1
}

func TestPinnedToACPU(t *testing.T) {
	cpu := allowedCPU(t)
	o := workload{sendfile, "auto:1M", "unix", Config{Work: Work{Bytes: 1 << 20, Chunk: 65536, CPUs: &[2]int{cpu, cpu}}}}.run(t)
	o.verified(t, 1<<20)

	source, err := sourceNamed(t.Context(), "zero", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	sink, err := sinkNamed("null", source, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	p, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 1, CPUs: &[2]int{1023, 1023}}, Source: source, Sink: sink}) // no machine that runs tests has it
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, p.WaitReady(t.Context()), fault.Usage, "CPU 1023", strconv.Itoa(cpu))
}

//go:build linux

package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/workloads"
)

// contender is a row of the table: it has a program run while it is traced, or not.
type contender struct {
	name string
	run  func(b *bench, w work) (done, error)
	// unable says why it cannot be measured here, "" if it can.
	unable string
}

// contenders are all rows. The first is what the others are compared with.
func contenders() []contender {
	rows := []contender{{name: "untraced", run: untraced}, {name: "untraced, again", run: untraced}}
	for _, e := range ledger.Engines {
		t, err := tracer.Open(tracer.Options{Copies: e})
		if err != nil {
			why, _, _ := strings.Cut(err.Error(), "\n")
			rows = append(rows, contender{name: "zctrace, " + string(e), unable: why})
			continue
		}
		t.Close()
		for _, latency := range []bool{false, true} {
			name := fmt.Sprintf("zctrace, %s, `--latency %s`", e, onOff(latency))
			rows = append(rows, contender{name: name, run: zctrace(tracer.Options{Copies: e, Latency: latency})})
		}
	}
	return append(rows,
		contender{name: emptyName, run: empty},
		contender{name: bystanderName, run: bystander},
		tool("`bpftrace internal/overhead/zctrace.bt`", "bpftrace", func(command []string) []string {
			return []string{"-e", script, "-c", strings.Join(command, " ")}
		}),
		tool("`perf stat`, sys_enter, sys_exit, sched_switch", "perf", func(command []string) []string {
			return append([]string{"stat", "-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch", "--"}, command...)
		}),
		tool("`perf trace -s`", "perf", func(command []string) []string {
			return append([]string{"trace", "-s", "--"}, command...)
		}),
		tool("`strace -c -f`", "strace", func(command []string) []string {
			return append([]string{"-c", "-f", "-o", os.DevNull}, command...)
		}),
	)
}

const (
	emptyName     = "empty programs on the same tracepoints"
	bystanderName = "zctrace, derived, `--latency on`, attached for another program"
)

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

//go:embed zctrace.bt
var script string

// tool is another tracer, which starts the program itself.
func tool(name, command string, args func(command []string) []string) contender {
	c := contender{name: name, run: func(b *bench, w work) (done, error) {
		return b.program(w, 0, func(program []string) []string { return append([]string{command}, args(program)...) })
	}}
	if _, err := exec.LookPath(command); err != nil {
		c.unable = err.Error()
	}
	return c
}

func untraced(b *bench, w work) (done, error) { return b.program(w, 0, nil) }

const (
	cookie        = 0x7a63_7472_6163_6501
	anotherCookie = cookie + 1
)

// zctrace counts as `zctrace run` does, and reads what it has counted ten times a
// second, as the dashboard does. It must have counted each call.
func zctrace(o tracer.Options) func(*bench, work) (done, error) {
	return func(b *bench, w work) (done, error) {
		o.Sockets = w.sockets
		t, _, err := attach(o)
		if err != nil {
			return done{}, err
		}
		defer t.Close()
		end, ended := make(chan struct{}), make(chan error)
		go func() { ended <- follow(t, end) }()
		d, err := b.program(w, cookie, nil)
		close(end)
		if err := errors.Join(err, <-ended); err != nil {
			return done{}, err
		}
		return d, check(t, d)
	}
}

func attach(o tracer.Options) (*tracer.Tracer, *tracer.Attached, error) {
	o.Marker = tracer.Marker{Nr: workloads.MarkerNr, Address: workloads.MarkerAddress, Cookie: cookie}
	t, err := tracer.Open(o)
	if err != nil {
		return nil, nil, err
	}
	attached, err := t.Attach()
	if err != nil {
		t.Close()
		return nil, nil, err
	}
	return t, attached, nil
}

func follow(t *tracer.Tracer, end <-chan struct{}) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end:
			return nil
		case <-tick.C:
			if _, err := t.Snapshot(); err != nil {
				return err
			}
		}
	}
}

func check(t *tracer.Tracer, d done) error {
	s, err := t.Snapshot()
	if err != nil {
		return err
	}
	for role := range s.Slots {
		var calls int64
		for i := range s.Slots[role].Cells {
			calls += int64(s.Slots[role].Cells[i].Calls)
		}
		if calls != d.Calls[role] {
			return fmt.Errorf("zctrace counted %d calls of thread %d, which made %d", calls, role, d.Calls[role])
		}
	}
	return nil
}

// bystander is a program that is not the one that zctrace counts for.
func bystander(b *bench, w work) (done, error) {
	t, _, err := attach(tracer.Options{Copies: ledger.Derived, Latency: true, Sockets: w.sockets})
	if err != nil {
		return done{}, err
	}
	defer t.Close()
	return b.program(w, anotherCookie, nil)
}

// empty attaches programs that do nothing to the tracepoints that zctrace uses, which is
// the least that any tracer on them costs.
func empty(b *bench, w work) (done, error) {
	t, attached, err := attach(tracer.Options{Copies: ledger.Derived, Latency: true, Sockets: w.sockets})
	if err != nil {
		return done{}, err
	}
	t.Close()
	for _, h := range attached.Hooks {
		if !h.Attached {
			continue
		}
		kind, target, _ := strings.Cut(h.Name, "/")
		if kind != string(tracer.Tracepoint) {
			return done{}, fmt.Errorf("%s is not a tracepoint", h.Name)
		}
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: target, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		})
		if err != nil {
			return done{}, err
		}
		defer prog.Close()
		l, err := link.AttachTracing(link.TracingOptions{Program: prog, AttachType: ebpf.AttachTraceRawTp})
		if err != nil {
			return done{}, err
		}
		defer l.Close()
	}
	return b.program(w, anotherCookie, nil)
}

// program runs the work in a process of its own, by way of the command that wrap makes
// of it, if there is one.
func (b *bench) program(w work, cookie uint64, wrap func([]string) []string) (done, error) {
	report := filepath.Join(b.dir, "report")
	if err := os.RemoveAll(report); err != nil {
		return done{}, err
	}
	command := []string{b.self, "work", strconv.Itoa(w.index()), strconv.FormatUint(cookie, 10), b.slice.String(), strconv.Itoa(b.cpu), report}
	if wrap != nil {
		command = wrap(command)
	}
	cmd := exec.Command(command[0], command[1:]...)
	// No signals to preempt goroutines: they would be traced too.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // see settle
	out, err := cmd.CombinedOutput()
	var d done
	if err == nil {
		var text []byte
		if text, err = os.ReadFile(report); err == nil {
			err = json.Unmarshal(text, &d)
		}
	}
	if err != nil {
		return done{}, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return d, nil
}

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Programs at perf's events are skipped on a CPU on which a process was preempted inside a map operation of bpf(2).
// Here that is provoked, on the worker's CPU and beside it: what was lost is told to the last call, and what strangers
// lost fails no run.
func TestSkippedEventsAreTold(t *testing.T) {
	needTracing(t)
	if !needsPerfEvents(t) {
		t.Skip("this kernel needs no perf events")
	}
	const chunks, payload = 1024, 4 * mib
	args := []string{"read-write", "--source", "auto:4MiB", "--bytes", "4MiB", "--chunk", "4KiB", "--sink", "null", "--cpu", "0,0"}
	t.Run("own", func(t *testing.T) {
		var work atomic.Bool
		updateMaps(t, &work, 0)
		var calls, others bool
		until(t, 20, "calls and other events of the worker were lost", func() bool {
			tr, code := tracedBeside(t, &work, append(args, "--cache", "cold")...)
			sender := &tr.Total.Sender
			counted, seen := sender.Syscalls.Calls.Get()
			lost := int64(0)
			for _, n := range tr.Losses {
				lost += n
			}
			switch {
			case (code != 0) != (lost > 0):
				t.Errorf("exit code %d, with losses %v", code, tr.Losses)
			case code == 0 && (counted != 2*chunks || sender.Copies.ToUser.Bytes != trace.Known(payload) || sender.PageCache.MissBytes != trace.Known(payload)):
				t.Errorf("no losses, and %d calls, %v bytes copied, %v missed in the page cache", counted, sender.Copies.ToUser.Bytes, sender.PageCache.MissBytes)
			case tr.Losses["open_windows"] != 0:
				t.Errorf("a window was not seen: losses %v", tr.Losses)
			case seen && tr.Losses["declared_calls"] != 2*chunks-counted:
				t.Errorf("%d of %d calls were counted, and losses %v", counted, 2*chunks, tr.Losses)
			}
			calls, others = calls || tr.Losses["declared_calls"] > 0, others || tr.Losses["recursion_misses"] > 0
			return calls && others
		})
	})
	t.Run("a stranger's", func(t *testing.T) {
		var work atomic.Bool
		updateMaps(t, &work, 1)
		page := make([]byte, 4096)
		file, err := os.OpenFile(diskFile(t, 0), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		onCPU(t, &work, 1, 0, func() { // a call, and a page that is new in the page cache
			_, _ = file.WriteAt(page, 0)
			_ = file.Truncate(0)
		})
		until(t, 20, "events of others were lost", func() bool {
			tr, code := tracedBeside(t, &work, args...)
			if code != 0 || tr.Total.Sender.Syscalls.Calls != trace.Known(2*chunks) {
				t.Errorf("exit code %d, %v calls, losses %v", code, tr.Total.Sender.Syscalls.Calls, tr.Losses)
			}
			missed := map[string]int64{}
			for _, h := range tr.Hooks {
				missed[h.Name] += h.Misses.Or(0)
			}
			return missed["tp/raw_syscalls/sys_exit"] > 0 && missed["tp/filemap/mm_filemap_add_to_page_cache"] > 0
		})
	})
}

// until does something again and again, within a bound, until it tells that it happened.
func until(t *testing.T, times int, what string, happened func() bool) {
	t.Helper()
	for range times {
		if happened() || t.Failed() {
			return
		}
	}
	t.Errorf("not in %d times: %s", times, what)
}

// tracedBeside is a run that may lose events, beside threads that work once its sender is there.
func tracedBeside(t *testing.T, work *atomic.Bool, args ...string) (*trace.Trace, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.json")
	cmd := command(t, append([]string{"run", "--plain", "--json", file}, args...)...)
	var stderr screen
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a sender", func() bool { return workerPIDs(t)["sender"] != 0 })
	work.Store(true)
	code := exitStatus(t, cmd.Wait())
	work.Store(false)
	if code != 0 && code != 1 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	return readTrace(t, file), code
}

// updateMaps has threads update a map on a CPU, each at another nice level. The value is so large that
// they are mostly preempted while it is copied.
func updateMaps(t *testing.T, work *atomic.Bool, cpu int) {
	t.Helper()
	const size = 1 << 20
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: size, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() }) // after the threads have ended
	value := make([]byte, size)
	for _, nice := range []int{0, 5, 10} {
		onCPU(t, work, cpu, nice, func() { _ = m.Update(uint32(0), value, ebpf.UpdateAny) })
	}
}

// onCPU does something over and over while there is work, on a thread of its own, until the test has ended.
func onCPU(t *testing.T, work *atomic.Bool, cpu, nice int, do func()) {
	t.Helper()
	var stop atomic.Bool
	var ended sync.WaitGroup
	started := make(chan error)
	ended.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		var set unix.CPUSet
		set.Set(cpu)
		err := unix.SchedSetaffinity(0, &set)
		if err == nil {
			err = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
		}
		started <- err
		for err == nil && !stop.Load() {
			if work.Load() {
				do()
			} else {
				time.Sleep(time.Millisecond)
			}
		}
	})
	t.Cleanup(func() {
		stop.Store(true)
		ended.Wait()
	})
	if err := <-started; err != nil {
		t.Fatal(err)
	}
}

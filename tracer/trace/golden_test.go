package trace

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/*.json anew")

// The golden traces are those of 64 MiB over loopback TCP in chunks of 64 KiB.
// Other packages read them from testdata, too.
const (
	payload = 64 << 20
	chunk   = 64 << 10
	chunks  = payload / chunk
)

func TestGolden(t *testing.T) {
	for name, want := range goldenTraces() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name)
			var buf bytes.Buffer
			if err := Write(&buf, want); err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			saved, err := ReadFile(path)
			got := saved.Trace
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s is not what the builder makes (go test -run TestGolden -update)", path)
			}
			if data, _ := os.ReadFile(path); !bytes.Equal(data, buf.Bytes()) {
				t.Errorf("%s is not written as Write writes (go test -run TestGolden -update)", path)
			}
		})
	}
}

func goldenTraces() map[string]*Trace {
	return map[string]*Trace{
		"read-write.json": golden("read-write", 43_911_207, 1137, readWriteSender, &Textbook{
			TransferCalls: 2, ModeSwitches: 4,
			Copies: TextbookCopies{ToUser: 1, FromUser: 1},
			DMA:    TextbookDMA{In: 1, Out: 1},
			Source: "Palaniappan and Nagaraja, Efficient data transfer through zero copy, figures 1 and 2",
		}),
		"sendfile.json": golden("sendfile", 24_380_655, 1093, sendfileSender, &Textbook{
			TransferCalls: 1, ModeSwitches: 2,
			DMA:    TextbookDMA{In: 1, Out: 1},
			Source: "Palaniappan and Nagaraja, Efficient data transfer through zero copy, figure 5",
		}),
		"mmap-write.json": golden("mmap-write", 38_102_954, 1121, mmapWriteSender, &Textbook{
			TransferCalls: 2, ModeSwitches: 4,
			Copies: TextbookCopies{FromUser: 1},
			DMA:    TextbookDMA{In: 1, Out: 1},
			Source: "Stancevic, Zero Copy I: User-Mode Perspective, figure 2",
		}),
	}
}

// golden is a run of about ten samples, 5 ms or less apart.
func golden(strategy string, elapsed int64, reads int64, sender func(done int64) Counters, textbook *Textbook) *Trace {
	const ticks = 10
	interval := elapsed / ticks / 100_000 * 100_000
	var samples Sampler
	for tick := int64(1); tick < ticks; tick++ {
		at := tick*interval + tick*tick*311%1777 // ticks come late
		done := chunks * at / elapsed
		receiver := goldenReceiver(max(0, done-3)*chunk, reads)
		samples.Add(at, Totals{Sender: sender(done), Receiver: &receiver, Kernel: goldenKernel()})
	}
	receiver := goldenReceiver(payload, reads)
	total := Totals{Sender: sender(chunks), Receiver: &receiver, Kernel: goldenKernel()}
	samples.Add(elapsed, total)

	verified := true
	return &Trace{
		Schema: Schema,
		Tool:   Tool{Version: "0.1.0", Commit: "0123456789ab"},
		Host: Host{
			Kernel: "6.12.48", Arch: "amd64", CPUs: 4, CPUModel: "Intel(R) Xeon(R) Processor @ 2.60GHz",
			Virtualization: "kvm", Mitigations: "spectre_v1, spectre_v2, spec_store_bypass", Lockdown: "none",
		},
		Hooks:    goldenHooks(),
		Textbook: textbook,
		Samples:  samples.Samples(),
		Total:    total,
		Losses:   map[string]int64{"cells_full": 0, "missed_runs": 0, "unmatched_exits": 0},
		Run: Run{
			Command:  []string{"zctrace", "run", strategy, "--bytes", "64MiB", "--chunk", "64KiB", "--baseline", "--verify"},
			Strategy: strategy, Engine: "fentry", Receiver: "read",
			Source:     Source{Kind: "auto", Path: "/var/tmp/zctrace-source", Bytes: Known(payload), Filesystem: "ext4"},
			Sink:       Sink{Kind: "tcp", Address: "127.0.0.1:40963", Device: Device{Name: "lo", Kind: "loopback"}},
			ChunkBytes: chunk, Cache: "warm", Latency: true, IntervalNS: interval,
			LimitBytes: Known(payload), Started: time.Date(2025, 11, 22, 15, 46, 7, 120_000_000, time.UTC),
			Ended: Done, ElapsedNS: elapsed, UntracedElapsedNS: Known(elapsed * 97 / 100),
			PayloadBytes: Known(payload), Verified: &verified,
		},
	}
}

func goldenHooks() []Hook {
	const inlined = "the function is not in the kernel's BTF"
	return []Hook{
		{Name: "tp_btf/sys_enter", Counter: "latency", Attached: true, Provenance: Observed},
		{Name: "tp_btf/sys_exit", Counter: "syscalls", Attached: true, Provenance: Observed, Misses: Known(2)},
		{Name: "tp_btf/sched_switch", Counter: "context_switches", Attached: true, Provenance: Observed},
		{Name: "fexit/filemap_read", Counter: "copies.to_user", Provenance: Derived, Reason: inlined},
		{Name: "fexit/tcp_sendmsg_locked", Counter: "copies.from_user", Provenance: Derived, Reason: inlined},
		{Name: "fexit/tcp_recvmsg_locked", Counter: "copies.to_user", Attached: true, Provenance: Observed},
		{Name: "tp_btf/block_rq_issue", Counter: "disk", Attached: true, Provenance: Observed},
	}
}

const (
	notHooked   = "fexit/filemap_read and fexit/tcp_sendmsg_locked cannot be attached"
	tickSampled = "the scheduler's tick samples it"
)

// goldenSender has what the strategies have in common after some chunks.
func goldenSender(done, nsEach, extraCalls int64, byName map[string]Syscall) Counters {
	calls := int64(0)
	for _, call := range byName {
		calls += call.Calls.Or(0)
	}
	none := observedBytes(0)
	return Counters{
		PayloadBytes: Known(done * chunk),
		Syscalls: Syscalls{
			Calls: Known(calls), TransferCalls: Known(calls - extraCalls), ShortTransfers: Known(0), ByName: byName,
		},
		ModeSwitches:    Known(2 * calls),
		ContextSwitches: ContextSwitches{Voluntary: Known(done / 17), Involuntary: Known(done / 340)},
		Copies: Copies{
			ToUser: none, FromUser: none, InKernel: none, UserSpace: none, COW: none, Fill: none,
			NetInternal: unavailableBytes("--copies breakpoint counts it"),
		},
		Moved:      Moved{PageRefs: none, Mapped: none, Cloned: none},
		Zerocopy:   Zerocopy{Completions: Known(0), Copied: Known(0)},
		PageFaults: PageFaults{Minor: Known(0), Major: Known(0), UserMode: Known(0)},
		PageCache:  PageCache{HitBytes: Known(done * chunk), MissBytes: Known(0), ReadaheadBytes: Known(0), LeftBytes: Known(payload)},
		Disk:       Disk{Known(0), Known(0), Known(0), Known(0)},
		NIC:        NIC{Known(0), Known(0), Known(0), Known(0)},
		CPU:        CPU{RuntimeNS: Known(done * nsEach), UserNS: Known(done * nsEach / 20), SystemNS: Known(done*nsEach - done*nsEach/20)},
		Provenance: map[string]Origin{
			"cpu.user_ns":          {Estimated, tickSampled},
			"cpu.system_ns":        {Estimated, tickSampled},
			"page_cache.hit_bytes": {Estimated, "what was read less what the device read"},
		},
	}
}

func readWriteSender(done int64) Counters {
	c := goldenSender(done, 36_000, 0, map[string]Syscall{
		"read":  goldenCall(done, chunk, 8_270, 0, 12),
		"write": goldenCall(done, chunk, 31_400, 17, 14),
	})
	c.Copies.ToUser = derivedBytes(done * chunk)
	c.Copies.FromUser = derivedBytes(done * chunk)
	return c
}

func sendfileSender(done int64) Counters {
	c := goldenSender(done, 20_500, 0, map[string]Syscall{"sendfile": goldenCall(done, chunk, 22_900, 17, 14)})
	c.Moved.PageRefs = derivedBytes(done * chunk)
	return c
}

func mmapWriteSender(done int64) Counters {
	byName := map[string]Syscall{
		"mmap":  goldenCall(1, 0, 6_700, 0, 12),
		"write": goldenCall(done, chunk, 36_300, 17, 15),
	}
	extra := int64(0)
	if done == chunks {
		byName["munmap"] = goldenCall(1, 0, 412_000, 0, 18)
		extra = 1
	}
	c := goldenSender(done, 33_400, extra, byName)
	c.Copies.FromUser = derivedBytes(done * chunk)
	c.Moved.Mapped = observedBytes(done * chunk) // fault-around maps 64 KiB at a time
	c.PageFaults.Minor = Known(done)             // all inside of write
	return c
}

func goldenReceiver(received, reads int64) Counters {
	calls := reads * received / payload
	read := goldenCall(calls, 0, 19_300, 3, 14)
	read.Bytes = Known(received)
	c := goldenSender(0, 0, 0, map[string]Syscall{"read": read})
	c.PayloadBytes = Known(received)
	c.Copies.ToUser = observedBytes(received)
	c.Syscalls.ShortTransfers = Known(calls * 2 / 5)
	c.ContextSwitches = ContextSwitches{Voluntary: Known(calls / 3), Involuntary: Known(calls / 500)}
	c.CPU = CPU{RuntimeNS: Known(calls * 18_800), UserNS: Known(calls * 900), SystemNS: Known(calls * 17_900)}
	c.PageCache = PageCache{}
	c.Provenance = map[string]Origin{
		"cpu.user_ns":   {Estimated, tickSampled},
		"cpu.system_ns": {Estimated, tickSampled},
		"page_cache":    {Unavailable, "only the source is asked for its page cache"},
	}
	return c
}

// goldenKernel is null but for the devices: nothing was left to charge to it.
func goldenKernel() Counters {
	unknown := unavailableBytes("no hook follows payload into kernel threads")
	user := unavailableBytes("kernel threads have no user memory")
	noCalls := Origin{Unavailable, "kernel threads make no system calls"}
	notCounted := Origin{Unavailable, "not counted for kernel threads"}
	return Counters{
		Copies: Copies{user, user, unknown, user, unknown, unknown, unknown},
		Moved:  Moved{PageRefs: unknown, Mapped: user, Cloned: unknown},
		Disk:   Disk{Known(0), Known(0), Known(0), Known(0)},
		NIC:    NIC{Known(0), Known(0), Known(0), Known(0)},
		Provenance: map[string]Origin{
			"payload_bytes": notCounted, "syscalls": noCalls, "mode_switches": noCalls, "context_switches": notCounted,
			"zerocopy": notCounted, "page_faults": notCounted, "page_cache": notCounted, "cpu": notCounted,
		},
	}
}

// goldenCall is a system call that blocked once in so many calls, with most of
// its times in one bucket.
func goldenCall(calls, bytesEach, nsEach, blockedOnceIn int64, bucket int) Syscall {
	blocked := int64(0)
	if blockedOnceIn > 0 {
		blocked = calls / blockedOnceIn
	}
	times := make([]int64, bucket+4)
	times[bucket-1], times[bucket+1], times[bucket+3] = calls/8, calls/16, calls/256
	times[bucket] = calls - calls/8 - calls/16 - calls/256
	return Syscall{
		Calls: Known(calls), Errors: Known(0), Bytes: Known(calls * bytesEach), TimeNS: Known(calls * nsEach),
		Blocked: Known(blocked), LatencyLog2: times,
	}
}

func observedBytes(n int64) Amount {
	return Amount{Bytes: Known(n), DerivedBytes: Known(0), Provenance: Observed}
}

func derivedBytes(n int64) Amount {
	return Amount{Bytes: Known(n), DerivedBytes: Known(n), Provenance: Derived, Reason: notHooked}
}

func unavailableBytes(reason string) Amount {
	return Amount{Provenance: Unavailable, Reason: reason}
}

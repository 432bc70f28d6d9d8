package trace

import (
	"math"
	"strings"
	"testing"
)

func TestValidateGolden(t *testing.T) {
	for name, trace := range goldenTraces() {
		if err := trace.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&Trace{Schema: Schema}).Validate(); err == nil {
		t.Error("zero amounts are neither known nor unavailable, yet valid")
	}
}

func TestValidateLaws(t *testing.T) {
	sender := func(f func(c *Counters)) func(*Trace) {
		return func(t *Trace) { f(&t.Total.Sender) }
	}
	toUser := func(a Amount) func(*Trace) {
		return sender(func(c *Counters) { c.Copies.ToUser = a })
	}
	call := func(f func(s *Syscall)) func(*Trace) {
		return sender(func(c *Counters) {
			s := c.Syscalls.ByName["read"]
			f(&s)
			c.Syscalls.ByName["read"] = s
		})
	}
	for _, c := range []struct {
		name  string
		broke func(*Trace)
		want  string
	}{
		{"schema", func(t *Trace) { t.Schema = "zctrace/2" }, "schema"},
		{"hook", func(t *Trace) { t.Hooks[1].Provenance = "" }, "hooks[1].provenance"},
		{"misses", func(t *Trace) { t.Hooks[0].Misses = Known(-1) }, "hooks[0].misses is -1"},
		{"ended", func(t *Trace) { t.Run.Ended = "x" }, "run.ended"},
		{"losses", func(t *Trace) { t.Losses["missed_runs"] = -1 }, "losses.missed_runs is -1"},
		{"cpus", func(t *Trace) { t.Host.CPUs = -1 }, "host.cpus is -1"},
		{"textbook", func(t *Trace) { t.Textbook.Copies.InKernel = -1 }, "textbook.copies.in_kernel is -1"},
		{"run", func(t *Trace) { t.Run.Source.Bytes = Known(-1) }, "run.source.bytes is -1"},
		{"negative", sender(func(c *Counters) { c.Disk.ReadBytes = Known(-1) }), "total.sender: disk.read_bytes is -1"},
		{"receiver", func(t *Trace) { t.Total.Receiver.NIC.TxBytes = Known(-1) }, "total.receiver: nic.tx_bytes"},
		{"kernel", func(t *Trace) { t.Total.Kernel.NIC.TxBytes = Known(-1) }, "total.kernel: nic.tx_bytes"},
		{"known, unavailable", toUser(Amount{Bytes: Known(1), Provenance: Unavailable, Reason: "x"}), `is 1, but its provenance is "unavailable"`},
		{"null, observed", toUser(Amount{Provenance: Observed}), `is null, but its provenance is "observed"`},
		{"no reason", toUser(Amount{Provenance: Unavailable}), "without a reason"},
		{"no provenance", toUser(Amount{Bytes: Known(1)}), `copies.to_user is "", want`},
		{"negative amount", toUser(Amount{Bytes: Known(-1), Provenance: Observed}), "never negative"},
		{"negative derived", toUser(Amount{Bytes: Known(1), DerivedBytes: Known(-1), Provenance: Observed}), "never negative"},
		{"more derived", toUser(Amount{Bytes: Known(5), DerivedBytes: Known(6), Provenance: Derived}), "is 5, of which 6 derived"},
		{"derived of null", toUser(Amount{DerivedBytes: Known(1), Provenance: Unavailable, Reason: "x"}), "is null, of which 1 derived"},
		{"smaller part derived", toUser(Amount{Bytes: Known(5), DerivedBytes: Known(2), Provenance: Derived}), `but its provenance is "derived"`},
		{"smaller part observed", toUser(Amount{Bytes: Known(5), DerivedBytes: Known(3), Provenance: Observed}), `but its provenance is "observed"`},
		{"origin", sender(func(c *Counters) { c.Provenance["cpu"] = Origin{Provenance: "x"} }), `provenance of cpu is "x"`},
		{"origin without reason", sender(func(c *Counters) { c.Provenance["cpu"] = Origin{Provenance: Unavailable} }), "without a reason"},
		{"origin of a known number", sender(func(c *Counters) { c.Provenance["disk"] = Origin{Unavailable, "x"} }), "disk.read_bytes is 0, but"},
		{"origin of no number", sender(func(c *Counters) {
			c.Provenance["cpu.user_nss"] = c.Provenance["cpu.user_ns"]
			delete(c.Provenance, "cpu.user_ns")
		}), "provenance of cpu.user_nss tells of no plain number and of no group of them"},
		{"origin of an amount", sender(func(c *Counters) { c.Provenance["copies.to_user"] = Origin{Estimated, "x"} }), "provenance of copies.to_user tells of no plain number"},
		{"mode switches", sender(func(c *Counters) { c.ModeSwitches = Known(4097) }), "mode_switches is 4097"},
		{"too many calls", sender(func(c *Counters) { c.Syscalls.Calls = Known(math.MaxInt64) }), "mode_switches is 4096"},
		{"transfer calls", sender(func(c *Counters) { c.Syscalls.TransferCalls = Known(2049) }), "transfer_calls is 2049 of 2048"},
		{"names", sender(func(c *Counters) { c.Syscalls.ByName["lseek"] = Syscall{Calls: Known(1)} }), "by_name has 2049 of 2048"},
		{"names overflow", sender(func(c *Counters) { c.Syscalls.ByName["lseek"] = Syscall{Calls: Known(math.MaxInt64)} }), "by_name has null of 2048"},
		{"histogram", call(func(s *Syscall) { s.LatencyLog2[3]++ }), "syscalls.by_name.read.latency_log2 has 1025 calls in it, want 1024"},
		{"negative histogram", call(func(s *Syscall) { s.LatencyLog2[0]--; s.LatencyLog2[1]++ }), "never negative"},
		{"histogram overflow", call(func(s *Syscall) { s.LatencyLog2[0], s.LatencyLog2[1] = math.MaxInt64, 1 }), "has null calls"},
		{"many buckets", call(func(s *Syscall) { s.LatencyLog2 = make([]int64, 65) }), "65 buckets"},
		{"time", func(t *Trace) { t.Samples[3].ElapsedNS = 0 }, "samples[3].elapsed_ns is 0, less than"},
		{"time before zero", func(t *Trace) { t.Samples[0].ElapsedNS = -1 }, "samples[0].elapsed_ns is -1"},
		{"sample", func(t *Trace) { t.Samples[2].Sender.PayloadBytes = Known(-1) }, "samples[2].sender: payload_bytes"},
		{"sample's histogram", func(t *Trace) { t.Samples[9].Totals = t.Total }, "samples[9].sender has a histogram"},
		{"many samples", func(t *Trace) { t.Samples = make([]Sample, MaxSamples+1) }, "1001 samples"},
		{"total", func(t *Trace) { t.Total.Sender.PageFaults.Major = Known(7) }, "total.sender.page_faults.major is not that"},
		{"total's amount", func(t *Trace) { t.Total.Kernel.Copies.Fill.Reason = "x" }, "total.kernel.copies.fill is not that"},
		{"total's receiver", func(t *Trace) { t.Total.Receiver = nil }, "total.receiver is not that"},
		{"total's provenance", func(t *Trace) { t.Total.Receiver.Provenance = nil }, "total.receiver.provenance is not that"},
		{"total's calls", func(t *Trace) { delete(t.Total.Receiver.Syscalls.ByName, "read") }, "total.receiver.syscalls.by_name.read."},
		{"terminal", sender(func(c *Counters) { c.Syscalls.ByName["\x1b[2J"] = Syscall{Calls: Known(-1)} }), "by_name.?[2J.calls is -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := goldenTraces()["read-write.json"]
			c.broke(trace)
			err := trace.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// A trace with losses is shown, not refused: what was lost breaks the sums.
func TestValidateWithLosses(t *testing.T) {
	trace := goldenTraces()["read-write.json"]
	trace.Losses["missed_runs"] = 1
	trace.Samples = nil
	trace.Total.Sender.ModeSwitches = Known(4095)
	trace.Total.Sender.Syscalls.ByName["read"].LatencyLog2[11]--
	if err := trace.Validate(); err != nil {
		t.Error(err)
	}
}

// A trace that is saved while its run goes on may be read in the middle of a call's being counted.
func TestValidateWhileItRuns(t *testing.T) {
	trace := goldenTraces()["read-write.json"]
	trace.Total.Sender.Syscalls.ByName["read"].LatencyLog2[11]--
	if err := trace.Validate(); err == nil {
		t.Error("a call without its time is let pass in a run that has ended")
	}
	trace.Run.Ended = ""
	if err := trace.Validate(); err != nil {
		t.Error(err)
	}
}

// Where one of two numbers is unknown, no law binds them.
func TestValidateUnknown(t *testing.T) {
	trace := goldenTraces()["read-write.json"]
	trace.Samples = nil
	c := &trace.Total.Sender
	c.Syscalls.Calls = Int{}
	c.ModeSwitches = Known(7)
	call := c.Syscalls.ByName["read"]
	call.Calls = Int{}
	c.Syscalls.ByName["read"] = call
	c.Copies.ToUser = Amount{Bytes: Known(5), Provenance: Estimated}
	trace.Hooks[3].Provenance = ""
	if err := trace.Validate(); err != nil {
		t.Error(err)
	}
}

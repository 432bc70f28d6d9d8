//go:build linux

package ledger

import (
	"sync/atomic"

	"github.com/zctrace/zctrace/bpf"
)

// ProgramSnapshot is a copy of what was counted of programs, at one moment.
type ProgramSnapshot struct {
	Alive     []*Process // with those that share one place because there was no other: their ID is 0
	Ended     []*Process // since the snapshot before
	Following bpf.ObjectFollowing
	Missed    []Misses // of each hook that was loaded

	Unsteady         int64 // those of Alive that are as of the snapshot before, or missing if they are in none
	BlindUnknown     bool
	BreakpointMisses int64
	UnwatchedCPUs    int64
	NowNS            uint64 // CLOCK_MONOTONIC, as the processes' times
}

// Process is what was counted of one process, or of several.
type Process struct {
	bpf.ObjectTaskSums
	ID                 uint64
	PID, PPID          int32
	Below              []int64 // its numbers in pid namespaces further down
	Comm, Exe          string
	StartedNS, EndedNS uint64 // CLOCK_MONOTONIC; 0: it lives
	ExitCode           uint32 // as wait(2) has it
	Threads            uint64
	Running            uint64                                    // of these, those that live
	Slotless           uint64                                    // those that had no slot of their own
	SlotlessRunning    uint64                                    // of these, those that live
	Folded             int64                                     // how many processes that ended these are; 0: it is one
	Seen               [bpf.ObjectEngineENGINES]bpf.ObjectCopied // outside of calls that returned
	Calls              map[bpf.ObjectCellKey]bpf.ObjectSum
	sorted             []bpf.ObjectSum // those of Calls, while a cost is made of them
	Errnos             map[CallErrno]uint64
	ExitWritten        uint64    // what the kernel wrote after the last call: when it dumped core, or recorded the end
	Unbalanced         [3]uint64 // of ended ones: read bytes, written bytes, and switches that nothing explains
}

// CallErrno is how a call failed.
type CallErrno struct{ Nr, Errno uint32 }

// NewProcess copies a process's cells. Others may add to them meanwhile.
func NewProcess(c *bpf.ObjectProcess) *Process {
	p := &Process{
		ObjectTaskSums: c.Sums, ID: c.Id, PID: c.Pid, PPID: c.Ppid, Comm: text(c.Comm[:]), Exe: text(c.Exe[:]),
		StartedNS: c.StartedNs, EndedNS: c.EndedNs, ExitCode: c.ExitCode, Threads: c.Threads, Running: c.Alive, Seen: c.Seen,
		Slotless: c.Slotless, SlotlessRunning: c.Slotless - min(c.Slotless, c.SlotlessEnded),
		Calls: map[bpf.ObjectCellKey]bpf.ObjectSum{}, Errnos: map[CallErrno]uint64{},
	}
	for _, n := range c.Below {
		if n != 0 {
			p.Below = append(p.Below, int64(n))
		}
	}
	for i := range c.Errnos { // before the calls, which are counted before their errno
		if e := &c.Errnos[i]; atomic.LoadUint64(&e.State) == uint64(bpf.ObjectClaimREADY) {
			p.Errnos[CallErrno{e.Nr, e.Errnr}] += atomic.LoadUint64(&e.Calls)
		}
	}
	p.addSums(c.Calls[:])
	if p.EndedNS != 0 {
		p.balance(uint64(c.Recorders))
	}
	return p
}

func text(chars []int8) string {
	var b []byte
	for _, c := range chars {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

func (p *Process) addSums(sums []bpf.ObjectSum) {
	for i := range sums {
		if c := &sums[i]; atomic.LoadUint64(&c.State) == uint64(bpf.ObjectClaimREADY) && c.Calls+c.Restarted > 0 {
			sum := p.Calls[c.Key]
			addSum(&sum, c)
			p.Calls[c.Key] = sum
		}
	}
}

func addSum(sum, c *bpf.ObjectSum) {
	sum.Key = c.Key
	sum.Calls += c.Calls
	sum.Restarted += c.Restarted
	sum.Errors += c.Errors
	sum.Bytes += c.Bytes
	sum.Mapped += c.Mapped
	sum.Cut += c.Cut
	sum.TimeNs += c.TimeNs
	sum.Blocked += c.Blocked
	sum.KernelRead += c.KernelRead
	addSeen(&sum.Seen, &c.Seen)
}

func addSeen(sum, seen *[bpf.ObjectEngineENGINES]bpf.ObjectCopied) {
	for e := range seen {
		sum[e].ToUser += seen[e].ToUser
		sum[e].FromUser += seen[e].FromUser
		sum[e].InKernel += seen[e].InKernel
	}
}

// AddThread adds a thread that lives. Of the call under way nothing is told.
func (p *Process) AddThread(t *bpf.ObjectThread) {
	p.addSums(t.Calls[:])
	sums := t.Sums
	begin := t.Begin
	sums.Task.Nvcsw -= begin.Nvcsw
	sums.Task.Nivcsw -= begin.Nivcsw
	sums.Task.MinFlt -= begin.MinFlt
	sums.Task.MajFlt -= begin.MajFlt
	sums.Task.ReadBytes -= begin.ReadBytes
	sums.Task.RuntimeNs -= begin.RuntimeNs
	sums.Task.UtimeNs -= begin.UtimeNs
	sums.Task.StimeNs -= begin.StimeNs
	sums.Io.Rchar -= t.BeginIo.Rchar
	sums.Io.Wchar -= t.BeginIo.Wchar
	p.addTask(&sums)
}

func (p *Process) addTask(s *bpf.ObjectTaskSums) {
	sum := &p.ObjectTaskSums
	sum.Task.Nvcsw += s.Task.Nvcsw
	sum.Task.Nivcsw += s.Task.Nivcsw
	sum.Task.MinFlt += s.Task.MinFlt
	sum.Task.MajFlt += s.Task.MajFlt
	sum.Task.ReadBytes += s.Task.ReadBytes
	sum.Task.RuntimeNs += s.Task.RuntimeNs
	sum.Task.UtimeNs += s.Task.UtimeNs
	sum.Task.StimeNs += s.Task.StimeNs
	sum.Io.Rchar += s.Io.Rchar
	sum.Io.Wchar += s.Io.Wchar
	sum.Counted.Rchar += s.Counted.Rchar
	sum.Counted.Wchar += s.Counted.Wchar
	sum.KernelRead += s.KernelRead
	sum.Voluntary += s.Voluntary
	sum.Involuntary += s.Involuntary
	sum.Unwatched += s.Unwatched
	sum.FaultsUser += s.FaultsUser
	sum.DiskReadBytes += s.DiskReadBytes
	sum.DiskReadBios += s.DiskReadBios
	sum.DiskWriteBytes += s.DiskWriteBytes
	sum.DiskWriteBios += s.DiskWriteBios
	sum.CowBytes += s.CowBytes
	sum.ReceivedBytes += s.ReceivedBytes
	sum.Raced += s.Raced
}

const (
	dumpedCore = 0x80 // of a status of wait(2)
	acctRecord = 64   // bytes: struct acct and acct_v3 (include/uapi/linux/acct.h)
)

// balance holds what was counted of a process that has ended against what the kernel counted. What is written over when it
// dumped core is the dump, for which the kernel reads no file. Its end is recorded by acct(2) in so many pid namespaces; the kernel writes that in its name,
// and until Linux 6.15 before the thread's end is seen.
func (p *Process) balance(recorders uint64) {
	read, written := int64(p.Io.Rchar-p.Counted.Rchar-p.KernelRead), int64(p.Io.Wchar-p.Counted.Wchar)
	switch {
	case p.ExitCode&dumpedCore != 0 && written >= 0:
		p.ExitWritten, written = uint64(written), 0
	case written > 0 && written%acctRecord == 0 && uint64(written)/acctRecord <= recorders:
		p.ExitWritten, written = uint64(written), 0
	}
	switches := int64(p.Task.Nvcsw + p.Task.Nivcsw - p.Unwatched - p.Voluntary - p.Involuntary)
	for i, n := range [...]int64{read, written, switches} {
		p.Unbalanced[i] = uint64(max(n, -n))
	}
}

// Fold adds another process that has ended.
func (p *Process) Fold(q *Process) {
	p.addTask(&q.ObjectTaskSums)
	p.Folded = max(1, p.Folded) + max(1, q.Folded)
	p.Threads += q.Threads
	p.Slotless += q.Slotless
	p.SlotlessRunning += q.SlotlessRunning
	p.StartedNS, p.EndedNS = min(p.StartedNS, q.StartedNS), max(p.EndedNS, q.EndedNS)
	if p.PPID != q.PPID {
		p.PPID = 0
	}
	addSeen(&p.Seen, &q.Seen)
	for key, c := range q.Calls {
		sum := p.Calls[key]
		addSum(&sum, &c)
		p.Calls[key] = sum
	}
	for how, n := range q.Errnos {
		p.Errnos[how] += n
	}
	p.ExitWritten += q.ExitWritten
	for i, n := range q.Unbalanced {
		p.Unbalanced[i] += n
	}
}

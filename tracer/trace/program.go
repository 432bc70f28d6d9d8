package trace

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ProgramSchema names the format of a trace of programs that zctrace did not write: of a command and everything
// that it starts, or of processes that ran already. Readers ignore keys that they do not know and read missing
// ones as null; only a changed meaning bumps the number.
const ProgramSchema = "zctrace-program/1"

// Program is one recording of programs, zctrace-program/1. Values handed out by a running session are immutable:
// a later state of it is another Program. Objects, flows, advice, what was checked and stacks are null in a trace
// whose version of zctrace does not look for them, and empty where it did and found none.
type Program struct {
	Schema    string           `json:"schema"`
	Tool      Tool             `json:"tool"`
	Host      Host             `json:"host"`
	Hooks     []Hook           `json:"hooks"`
	Scope     Scope            `json:"scope"`
	Samples   []ProgramSample  `json:"samples"`   // cumulative since the start; at most MaxSamples
	Total     Cost             `json:"total"`     // of all: the sum of Processes and Others, and the costs of the last sample
	Others    Cost             `json:"others"`    // of what has no row of its own in Processes
	Processes []ProcessRow     `json:"processes"` // those that copied most first; at most MaxProcesses
	Objects   []Object         `json:"objects"`
	Flows     []Flow           `json:"flows"`
	Advice    []Advice         `json:"advice"`
	Checked   []Checked        `json:"checked"`
	Stacks    []Stack          `json:"stacks"`
	Losses    map[string]int64 `json:"losses"` // one integer per cause; see IsLimit for those that only coarsen a split
	Run       ProgramRun       `json:"run"`    // last, so that a trace can be streamed

	named *Program // the one that it is without its names; see WithNames
}

// The kinds of scopes.
const (
	ScopeExec   = "exec"   // a command and everything that it starts, from its first instruction
	ScopeAttach = "attach" // what ran already
)

// Scope says which processes were traced. What was not asked for is null.
type Scope struct {
	Kind       string   `json:"kind"`       // exec or attach
	Command    []string `json:"command"`    // of exec: the traced command and its arguments
	PIDs       []int64  `json:"pids"`       // of attach: processes by their number, as zctrace's pid namespace has it
	Comms      []string `json:"comms"`      // of attach: by the kernel's name of them
	Cgroups    []string `json:"cgroups"`    // of attach: by the path of their cgroup below the root of its hierarchy
	Units      []string `json:"units"`      // of attach: by their systemd unit
	Containers []string `json:"containers"` // of attach: by their container's name or id
	All        bool     `json:"all"`        // of attach: every process of the machine
}

// ProgramSample is the state of the costs at one moment, cumulative since the start. It has no histograms.
type ProgramSample struct {
	ElapsedNS int64           `json:"elapsed_ns"`
	Total     Cost            `json:"total"`
	Processes []ProcessSample `json:"processes"` // those that copied most first, at most MaxSampleProcesses
}

// MaxProcesses is how many rows a trace has at most. What processes beyond them cost is among the Others.
const MaxProcesses = 4096

// MaxSampleProcesses is how many processes a sample tells of at most.
const MaxSampleProcesses = 32

// ProcessSample is what one process had done at the moment of a sample.
type ProcessSample struct {
	ID              int64 `json:"id"`               // of its row in Processes
	Calls           Int   `json:"calls"`            // system calls
	CopiedBytes     Int   `json:"copied_bytes"`     // to user, from user and in the kernel: see Cost.Copied
	ReferencedBytes Int   `json:"referenced_bytes"` // by reference, mapped or cloned: see Cost.Referenced
}

// Cost is what programs cost, of one process or of all: P in the format's description. Groups that zctrace/1 has,
// too, mean the same.
type Cost struct {
	Syscalls        CostSyscalls    `json:"syscalls"`
	ModeSwitches    Int             `json:"mode_switches"` // two for each call, and for each that was restarted; page faults apart
	ContextSwitches ContextSwitches `json:"context_switches"`
	Copies          CostCopies      `json:"copies"`
	Moved           Moved           `json:"moved"`
	// ByPath are the calls that move bytes, by "FROM->TO" (see PathKey), from where to where a single call moves
	// them: a read of a file is file->user, a send user->tcp, a sendfile file->tcp. Every byte in Syscalls.ByName
	// is in one of them. A path that nobody took is not there.
	ByPath     Paths      `json:"by_path"`
	Zerocopy   Zerocopy   `json:"zerocopy"` // as the programs read them of their sockets
	PageFaults PageFaults `json:"page_faults"`
	Disk       Disk       `json:"disk"`
	CPU        CPU        `json:"cpu"`
	IO         IO         `json:"io"`
	// Engines are the copies as each engine counted them, with --copies all.
	Engines map[string]*EngineCounters `json:"engines,omitempty"`
	// Provenance tells of the plain numbers above that are not observed, by their path, e.g. "cpu.user_ns".
	Provenance map[string]Origin `json:"provenance"`
}

// CostSyscalls are system calls.
type CostSyscalls struct {
	Calls     Int                 `json:"calls"`     // that returned to the program, those that failed included
	Restarted Int                 `json:"restarted"` // that a signal cut short: the kernel makes them again, or has them fail with EINTR if the signal's handler wants that; not in Calls
	ByName    map[string]CostCall `json:"by_name"`   // all of them; one that is no system call's number goes by rt_sigreturn
}

// CostCall is one system call's share.
type CostCall struct {
	Syscall
	Restarted Int `json:"restarted"` // see CostSyscalls; neither in Calls nor in Errors
}

// CostCopies are bytes that the CPU read and wrote elsewhere, by class: those of [Copies] but for what a program
// copies itself, which no kernel sees.
type CostCopies struct {
	ToUser      Amount `json:"to_user"`
	FromUser    Amount `json:"from_user"`
	InKernel    Amount `json:"in_kernel"`
	COW         Amount `json:"cow"`
	NetInternal Amount `json:"net_internal"`
	Fill        Amount `json:"fill"`
}

// The places that bytes come from and go to in a single call.
const (
	EndUser    = "user" // memory of a process
	EndFile    = "file" // of a file system
	EndTCP     = "tcp"
	EndUDP     = "udp"
	EndUnix    = "unix" // a unix socket
	EndPipe    = "pipe"
	EndDevice  = "device"  // a character or block device, such as a terminal, /dev/null or a disk
	EndControl = "control" // eventfd, timerfd, signalfd, inotify, ...: events, never payload
	EndOther   = "other"   // any other, or one that could not be told
)

// Ends are these places.
var Ends = []string{EndUser, EndFile, EndTCP, EndUDP, EndUnix, EndPipe, EndDevice, EndControl, EndOther}

// PathKey is the key of a path in Cost.ByPath.
func PathKey(from, to string) string { return from + "->" + to }

// Paths are costs of paths by their key.
type Paths map[string]PathCost

// UnmarshalJSON reads no more paths than there can be: a trace is untrusted input, and each path takes memory.
func (p *Paths) UnmarshalJSON(b []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return err
	}
	for key := range keys {
		if !isPath(key) {
			return fmt.Errorf("by_path has %s, which is no path from one of %s to another", printable(fmt.Sprintf("%.40q", key)), strings.Join(Ends, ", "))
		}
	}
	return json.Unmarshal(b, (*map[string]PathCost)(p))
}

// PathCost is what single calls moved from one kind of place to another. Its copies are those inside these calls:
// what is copied later, as of a zero-copy send to the same machine, is in the total of its class only.
type PathCost struct {
	Calls    Int                 `json:"calls"` // those that failed included
	Bytes    Int                 `json:"bytes"` // the sum of their positive results: how much they moved, copied or not
	Copies   PathCopies          `json:"copies"`
	PageRefs Amount              `json:"page_refs"` // handed on by reference
	Cloned   Amount              `json:"cloned"`    // shared by the file system (reflinks)
	ByName   map[string]PathCall `json:"by_name"`   // the calls that did it; their sums are Calls and Bytes
}

// PathCopies are the copies of payload inside calls of one path.
type PathCopies struct {
	ToUser   Amount `json:"to_user"`
	FromUser Amount `json:"from_user"`
	InKernel Amount `json:"in_kernel"`
}

// PathCall is one system call's share of a path.
type PathCall struct {
	Calls Int `json:"calls"`
	Bytes Int `json:"bytes"`
}

// IO is what the kernel itself accounts as read and written by the processes (/proc/PID/io).
type IO struct {
	Rchar Int `json:"rchar"` // bytes of read, pread64, readv, sendfile and the like, whatever they read from
	Wchar Int `json:"wchar"` // bytes of write, pwrite64, writev, sendfile and the like
	// KernelIO is the part of them that no call of the program returned: what the kernel read and wrote for itself,
	// by the name of the system call in which it did ("execve" reads the head of the program), or "exit" for what
	// came after the last one (a core dump). Causes that did not occur are not there. Null where nobody counted it.
	KernelIO map[string]KernelIO `json:"kernel_io"`
}

// KernelExit is the cause in IO.KernelIO of what came after the last call.
const KernelExit = "exit"

// KernelIO is what the kernel read and wrote for itself in the name of a process, in bytes.
type KernelIO struct {
	ReadBytes    Int `json:"read_bytes"`
	WrittenBytes Int `json:"written_bytes"`
}

// ProcessRow is a process with its costs, or several that ended and are folded into one row by their image.
type ProcessRow struct {
	ID            int64   `json:"id"`             // in this trace; those of samples, flows and stacks refer to it
	PID           Int     `json:"pid"`            // as zctrace's pid namespace has it; null: the row stands for several
	NamespacePIDs []int64 `json:"namespace_pids"` // as the pid namespaces below zctrace's have it, from the outer to its own; null: it is in none
	PPID          Int     `json:"ppid"`           // its parent's when it was first seen; null: the row stands for several with different ones
	Comm          string  `json:"comm"`           // the kernel's name of it, at most 15 bytes: that of its last exec; empty: not told
	Exe           string  `json:"exe"`            // path of its image; "": not known
	Cgroup        string  `json:"cgroup"`         // path below the root of the hierarchy; "": not known
	Unit          string  `json:"unit"`           // systemd unit; "": none, or not known
	Container     string  `json:"container"`      // name, or id of 12 digits; "": none, or not known
	StartedNS     Int     `json:"started_ns"`     // when it was first seen, since the start of the recording; the first of several
	EndedNS       Int     `json:"ended_ns"`       // when its last thread had ended, since the start; null: it lives; the last of several
	ExitStatus    Int     `json:"exit_status"`    // its exit code, or 128 + the number of the signal that ended it; null: it lives, or the row stands for several
	Threads       int64   `json:"threads"`        // how many it had in all, the first included
	Folded        int64   `json:"folded"`         // how many ended processes the row stands for; 0: it is one process
	Cost
}

// Object is something that was read from or written to. This version looks for none.
type Object struct {
	ID           int64  `json:"id"`
	Kind         string `json:"kind"`       // one of Ends but for user
	Name         string `json:"name"`       // path of a file, name of a device
	Filesystem   string `json:"filesystem"` // of a file: ext4, xfs, ...
	Device       string `json:"device"`     // that the file system is on
	Local        string `json:"local"`      // address of a socket
	Peer         string `json:"peer"`       // address of its other end
	ReadBytes    Int    `json:"read_bytes"`
	WrittenBytes Int    `json:"written_bytes"`
}

// Flow is what one process read from one object and wrote to another. This version looks for none.
type Flow struct {
	Process        int64  `json:"process"` // id of its row
	From           int64  `json:"from"`    // id of an object
	To             int64  `json:"to"`
	FromKind       string `json:"from_kind"`
	ToKind         string `json:"to_kind"`
	Calls          Int    `json:"calls"`
	Bytes          Int    `json:"bytes"`
	FirstBytes     Int    `json:"first_bytes"`      // that were read and then written for the first time: never more than were read
	AgainBytes     Int    `json:"again_bytes"`      // that were written once more
	Sampled        Int    `json:"sampled"`          // pairs of transfers that were compared
	Changed        Int    `json:"changed"`          // of these, those in which the bytes had changed between
	MeanChunkBytes Int    `json:"mean_chunk_bytes"` // by which they were moved
}

// Advice is something that the program could do with less. This version gives none.
type Advice struct {
	Rule      string         `json:"rule"`      // its number, such as Z1
	Name      string         `json:"name"`      // its name, in words
	Certainty string         `json:"certainty"` // certain, likely or possible
	Remedy    string         `json:"remedy"`    // drop-in, care or redesign
	Process   Int            `json:"process"`   // id of its row
	Flow      Int            `json:"flow"`      // index into flows
	Evidence  map[string]Int `json:"evidence"`  // the numbers that it rests on, by their path
	Saves     AdviceSaves    `json:"saves"`
	Text      string         `json:"text"`
	Measure   string         `json:"measure"` // the command that shows whether it helps
}

// AdviceSaves is what following an advice would save.
type AdviceSaves struct {
	CopiedBytes Int `json:"copied_bytes"`
	Passes      Int `json:"passes"`
}

// Checked is a rule of advice and what came of it. This version checks none.
type Checked struct {
	Rule   string `json:"rule"`
	Result string `json:"result"` // found, clean or undecidable
	Reason string `json:"reason"` // of undecidable
}

// Stack is where a process was when it moved bytes; sampled. This version takes none.
type Stack struct {
	ID      int64        `json:"id"`
	Process int64        `json:"process"` // id of its row
	Call    string       `json:"call"`    // name of the system call
	From    string       `json:"from"`    // one of Ends
	To      string       `json:"to"`
	Bytes   Int          `json:"bytes"`
	Frames  []StackFrame `json:"frames"` // the innermost first
}

// StackFrame is one return address of a Stack. What could not be found out is empty.
type StackFrame struct {
	Address  int64  `json:"address"` // in the process
	BuildID  string `json:"build_id"`
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int64  `json:"line"`
}

// ProgramRun says how the recording was made and how it ended.
type ProgramRun struct {
	Command    []string  `json:"command"` // zctrace's own command line
	Engine     string    `json:"engine"`  // whose copies the costs have: fentry, breakpoint or derived
	Latency    bool      `json:"latency"` // whether calls were timed
	Stacks     bool      `json:"stacks"`  // whether stacks were taken
	Started    time.Time `json:"started"`
	Ended      Ended     `json:"ended"` // "" while it runs
	Error      string    `json:"error"`
	ElapsedNS  int64     `json:"elapsed_ns"`  // from the start of counting to the end of the last process, or of the recording
	IntervalNS int64     `json:"interval_ns"` // between samples
	ExitStatus Int       `json:"exit_status"` // of exec: the command's exit code, or 128 + the number of the signal that ended it; null: it lives, or there was none
}

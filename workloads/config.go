//go:build linux

package workloads

import (
	"cmp"
	"os"
	"time"

	"github.com/zctrace/zctrace/internal/fault"
)

// Role is a worker's part in the workload.
type Role string

// The two processes of a workload.
const (
	Sender   Role = "sender"
	Receiver Role = "receiver"
)

// number is the role as the markers carry it.
func (r Role) number() uintptr {
	if r == Receiver {
		return 1
	}
	return 0
}

// Config describes one worker of a piece of work. What does not belong to its role is
// ignored.
type Config struct {
	Role Role
	Exec []string // the worker's command line; default /proc/self/exe __worker
	User *User    // whom it runs as; nil: the same user as this process

	// Cookie is a secret that the markers carry, so that nothing but this run's
	// workers can open a window; see MarkerAddress.
	Cookie uint64

	// Seen is memory in which whoever counts says, in a uint32 for each role, which marker it saw last; nil where none
	// can be missed. Start leaves it open.
	Seen *os.File

	// SeenWithin is how long a worker repeats a marker that is not seen, until it gives up and fails.
	SeenWithin time.Duration

	Work Work

	// What Work names, opened.
	Source *Source
	Sink   *Sink
	Second *Sink // for a strategy with TwoSinks, else nil

	Expect    *os.File // what the receiver compares with, if it is not the source itself: see Source.Snapshot
	CorruptAt *int64   // for tests of Verify: payload offset of a byte that the sender flips in its user buffer
}

// job is a Config as the worker gets it, on its command line. Sizes are in
// bytes; endless where there is no end.
type job struct {
	Role       Role   `json:"role"`
	Strategy   string `json:"strategy,omitempty"`
	Receiver   string `json:"receiver,omitempty"`
	Work       Work   `json:"work"`
	SourceSize int64  `json:"source_size"`
	SinkSize   int64  `json:"sink_size"`
	SeekIn     bool   `json:"seek_in"` // start at offset 0
	SeekOut    bool   `json:"seek_out"`
	Buffer     int64  `json:"buffer"` // the user buffer, 0: none
	Limit      int64  `json:"limit"`
	CPU        int    `json:"cpu"`         // -1: anywhere
	FlipAt     int64  `json:"flip_at"`     // -1: nowhere
	ExpectSize int64  `json:"expect_size"` // 0: do not verify
	Zeros      bool   `json:"zeros"`       // expect zeros, there is no file
	Seen       bool   `json:"seen,omitempty"`
	SeenWithin int64  `json:"seen_within_ns,omitempty"`
	Second     bool   `json:"second"` // there is a second sink, or end to receive from
	SecondSize int64  `json:"second_size"`
	SeekSecond bool   `json:"seek_second"`
}

// A receiver reads with a buffer of a chunk: a smaller one would shorten the
// sender's transfers into a pipe. The bounds keep a tiny chunk from making the
// receiver the bottleneck, and a huge one from costing memory for nothing: no
// pipe and no socket buffer holds more by default.
const (
	minReceiveBuffer = 64 << 10
	maxReceiveBuffer = 4 << 20
)

// job checks the configuration and splits it into what the worker is told and
// the files that it gets.
func (cfg *Config) job() (*job, []*os.File, error) {
	if err := cfg.Work.Check(); err != nil {
		return nil, nil, err
	}
	j := &job{Role: cfg.Role, Work: cfg.Work, CPU: -1, FlipAt: -1, Seen: cfg.Seen != nil, SeenWithin: cfg.SeenWithin.Nanoseconds()}
	if cpus := cfg.Work.CPUs; cpus != nil {
		j.CPU = cpus[cfg.Role.number()]
	}
	if cfg.Role == Receiver {
		return cfg.receiverJob(j)
	}
	return cfg.senderJob(j)
}

func (cfg *Config) senderJob(j *job) (*job, []*os.File, error) {
	work, strategy := &j.Work, cfg.Work.Strategy
	if err := work.CheckSizes(cfg.Source); err != nil {
		return nil, nil, err
	}
	if err := cfg.Sink.pack(work.Chunk); err != nil {
		return nil, nil, err
	}
	j.Strategy = strategy.Name
	j.SourceSize, j.SeekIn = cfg.Source.size(), cfg.Source.Kind != SourceZero
	j.SinkSize, j.SeekOut = cfg.Sink.size, cfg.Sink.Kind == SinkFile
	j.Limit = cmp.Or(work.Bytes, endless)
	work.Depth = cmp.Or(work.Depth, DefaultDepth)
	if strategy.buffered {
		j.Buffer = min(work.Chunk, j.Limit, j.SourceSize, j.SinkSize)
	}
	if cfg.CorruptAt != nil {
		if !strategy.buffered || strategy.Queued { // the loop does not see its buffer
			return nil, nil, fault.Errorf(fault.Usage, "take read-write", "%s has no user buffer to corrupt", strategy.Name)
		}
		j.FlipAt = *cfg.CorruptAt
	}
	files := []*os.File{cfg.Source.file, cfg.Sink.sender}
	if cfg.Second != nil {
		if err := cfg.Second.pack(work.Chunk); err != nil {
			return nil, nil, err
		}
		j.Second, j.SecondSize, j.SeekSecond = true, cfg.Second.size, cfg.Second.Kind == SinkFile
		files = append(files, cfg.Second.sender)
	}
	return j, files, nil
}

// ends are those of the sinks that a receiver drains.
func (cfg *Config) ends() (ends []*os.File) {
	for _, s := range []*Sink{cfg.Sink, cfg.Second} {
		if s != nil && s.HasReceiver() {
			ends = append(ends, s.receiver)
		}
	}
	return ends
}

func (cfg *Config) receiverJob(j *job) (*job, []*os.File, error) {
	ends := cfg.ends()
	if len(ends) == 0 {
		return nil, nil, fault.Errorf(fault.Usage, "", "sink %s has no receiver", cfg.Sink.Kind)
	}
	method := cfg.Work.Receiver()
	j.Receiver = method.Name
	j.SourceSize, j.SinkSize, j.Limit = endless, endless, endless
	j.Buffer = min(max(cfg.Work.Chunk, minReceiveBuffer), maxReceiveBuffer)
	files := ends[:1:1]
	switch {
	case method.keeps:
		j.SinkSize, j.SeekOut = cfg.Sink.kept.size, true
		files = append(files, cfg.Sink.kept.file)
	case !cfg.Work.Verify:
	case cfg.Source.Kind == SourceZero:
		j.Zeros, j.ExpectSize = true, j.Buffer
	default:
		expect, size, err := cfg.expectation()
		if err != nil {
			return nil, nil, err
		}
		j.ExpectSize = size
		files = append(files, expect)
	}
	if len(ends) > 1 {
		j.Second = true
		if len(files) == 1 { // nothing is expected, but the place is taken
			files = append(files, ends[1])
		}
		files = append(files, ends[1])
	}
	return j, files, nil
}

// expectation is what the receiver compares with, and how much of that it maps: no
// more than is sent.
func (cfg *Config) expectation() (expect *os.File, size int64, err error) {
	size = cfg.Source.Bytes // which is where the sender goes round, however large the file is by now
	if cfg.Work.Bytes > 0 {
		size = min(size, cfg.Work.Bytes)
	}
	if cfg.Expect != nil { // it is in memory
		return cfg.Expect, size, nil
	}
	return cfg.Source.file, size, cfg.Source.fits(size, "limit it with --bytes, or leave --verify out")
}

//go:build linux

package workloads

import (
	"maps"
	"testing"
)

// row is what the tests hold a strategy to.
type row struct {
	// textbook and toFile are transfer calls, mode switches, copies to user, from user, in
	// the kernel, DMA in and out; toFile where that is something else.
	textbook, toFile [7]int
	// calls are those of a window of so many chunks, each a page, without lseek.
	calls func(chunks int, sink SinkKind) callCounts
	// timing is about what of that is a matter of time: it makes want fit got, or fails.
	timing func(t *testing.T, got, want callCounts, chunks int, declared Declared)
}

// callCounts are numbers of system calls by name.
type callCounts map[string]int

// rows has one for each strategy.
var rows = map[string]row{
	"read-write": {
		textbook: [7]int{2, 4, 1, 1, 0, 1, 1},
		calls:    forEach(callCounts{"read": 1, "write": 1}),
	},
	"mmap-write": {
		textbook: [7]int{2, 4, 0, 1, 0, 1, 1},
		calls:    once(callCounts{"mmap": 1, "munmap": 1}, callCounts{"write": 1}),
	},
	"sendfile": {
		textbook: [7]int{1, 2, 0, 0, 0, 1, 1},
		calls:    forEach(callCounts{"sendfile": 1}),
	},
	"splice": {
		textbook: [7]int{2, 4, 0, 0, 0, 1, 1},
		calls:    forEach(callCounts{"splice": 2}),
	},
	"tee": {
		textbook: [7]int{4, 8, 0, 0, 0, 1, 2},
		calls:    forEach(callCounts{"splice": 3, "tee": 1}),
	},
	"vmsplice": {
		textbook: [7]int{2, 4, 0, 0, 0, 1, 1},
		calls:    once(callCounts{"mmap": 1, "munmap": 1}, callCounts{"vmsplice": 1, "splice": 1}),
	},
	"readv-writev": {
		textbook: [7]int{2, 4, 1, 1, 0, 1, 1},
		calls:    forEach(callCounts{"readv": 1, "writev": 1}),
	},
	"pread-pwrite": {
		textbook: [7]int{2, 4, 1, 1, 0, 1, 1},
		calls: func(chunks int, sink SinkKind) callCounts {
			if sink == SinkFile {
				return callCounts{"pread64": chunks, "pwrite64": chunks}
			}
			return callCounts{"pread64": chunks, "write": chunks}
		},
	},
	"copy-file-range": {
		textbook: [7]int{1, 2, 0, 0, 1, 1, 1},
		calls:    forEach(callCounts{"copy_file_range": 1}),
	},
	"mmap-copy": {
		textbook: [7]int{2, 4, 0, 0, 0, 1, 1},
		calls:    once(callCounts{"mmap": 2, "msync": 1, "munmap": 2}, nil),
	},
	"direct-io": {
		textbook: [7]int{2, 4, 0, 1, 0, 1, 1}, // to a socket it is copied
		toFile:   [7]int{2, 4, 0, 0, 0, 1, 1},
		calls:    forEach(callCounts{"read": 1, "write": 1}),
	},
	"msg-zerocopy": {
		textbook: [7]int{2, 4, 0, 0, 0, 1, 1},
		calls:    once(callCounts{"mmap": 1, "munmap": 1}, callCounts{"sendto": 1}),
		timing: func(t *testing.T, got, want callCounts, chunks int, declared Declared) {
			if n := got["recvmsg"]; n < 1 || n > 2*chunks {
				t.Errorf("%d notifications were asked for, with %d sends", n, chunks)
			}
			want["recvmsg"] = got["recvmsg"]
			if n := got["ppoll"]; n > 0 {
				want["ppoll"] = n
			}
			if n := int64(chunks); declared.Completions != n || declared.Copied != n { // it is loopback
				t.Errorf("the worker declares %+v after %d sends", declared, n)
			}
		},
	},
	"aio": {
		textbook: [7]int{3, 6, 0, 1, 0, 1, 1},
		toFile:   [7]int{4, 8, 0, 0, 0, 1, 1},
		calls: func(chunks int, sink SinkKind) callCounts {
			if n := chains(chunks); sink != SinkFile {
				return callCounts{"io_submit": n, "io_getevents": n, "write": chunks}
			}
			return callCounts{"io_submit": 2 * chains(chunks), "io_getevents": 2 * chains(chunks)}
		},
	},
	"io-uring": {
		textbook: [7]int{1, 2, 1, 1, 0, 1, 1},
		calls:    aChain,
	},
	"io-uring-fixed": {
		textbook: [7]int{1, 2, 1, 1, 0, 1, 1},
		calls:    aChain,
	},
	"io-uring-zc": {
		textbook: [7]int{1, 2, 0, 0, 0, 1, 1},
		calls: func(chunks int, sink SinkKind) callCounts {
			return callCounts{"mmap": 1, "munmap": 1, "io_uring_enter": chains(chunks)}
		},
		timing: func(t *testing.T, got, want callCounts, chunks int, declared Declared) {
			// One for each chain and its notifications, at the most.
			n, least := got["io_uring_enter"], chains(chunks)
			if n < least || n > 3*least+2 {
				t.Errorf("%d io_uring_enter, with %d chains", n, least)
			}
			want["io_uring_enter"] = n
			if n := int64(chunks); declared.Completions != n || declared.Copied != n && declared.Copied != CopiedUnknown { // it is loopback
				t.Errorf("the worker declares %+v after %d sends", declared, n)
			}
		},
	},
	"io-uring-splice": {
		textbook: [7]int{1, 2, 0, 0, 0, 1, 1},
		calls:    aChain,
	},
}

// rowOf fails the test of a strategy without a row, and no other.
func rowOf(t *testing.T, s *Strategy) row {
	t.Helper()
	r, there := rows[s.Name]
	if !there || r.calls == nil {
		t.Fatalf("%s has no row in rows_test.go: say there what it costs, and what it calls", s.Name)
	}
	return r
}

// forEach chunk makes these calls.
func forEach(each callCounts) func(int, SinkKind) callCounts { return once(callCounts{}, each) }

// once are calls that are made besides those for each chunk.
func once(once, each callCounts) func(int, SinkKind) callCounts {
	return func(chunks int, _ SinkKind) callCounts {
		all := maps.Clone(once)
		for name, n := range each {
			all[name] = n * chunks
		}
		return all
	}
}

// aChain is a call.
func aChain(chunks int, _ SinkKind) callCounts { return callCounts{"io_uring_enter": chains(chunks)} }

func chains(chunks int) int { return (chunks + DefaultDepth - 1) / DefaultDepth }

// Where a strategy's path has a copy that no system call makes, the textbook's row of it says so.
func TestCopiesInUserSpaceAreInTheTextbook(t *testing.T) {
	for _, s := range Strategies {
		own := 0
		for _, h := range s.Path {
			if h.By == ByCopy && len(h.Calls) == 0 {
				own++
			}
		}
		if s.Textbook.UserSpace != own {
			t.Errorf("%s: the textbook has %d copies in user space, its path %d", s.Name, s.Textbook.UserSpace, own)
		}
	}
}

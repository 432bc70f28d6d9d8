//go:build linux

package ledger

import (
	"maps"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// failing is a cell of reads that failed with these errnos, and with others.
func failing(in bpf.ObjectFdKind, errnos [][2]uint64, others uint64) bpf.ObjectCell {
	c := cell(unix.SYS_READ, in, none, 100, 0, 0)
	c.OtherErrors, c.Errors = others, others
	for i, e := range errnos {
		c.Failed[i].Errnr, c.Failed[i].Calls = e[0], e[1]
		c.Errors += e[1]
	}
	return c
}

// Errors by errno are added up over the cells of a name, and never more than the errors, whatever moment the
// cells were copied at.
func TestErrnos(t *testing.T) {
	const again, pipe, restart, nameless = 11, 32, 512, 4000
	for _, test := range []struct {
		name   string
		cells  []bpf.ObjectCell
		errors int64
		errnos map[string]trace.Int
	}{
		{"none", []bpf.ObjectCell{failing(tcp, nil, 0)}, 0, nil},
		{"two", []bpf.ObjectCell{failing(tcp, [][2]uint64{{again, 12}, {pipe, 1}}, 0)}, 13,
			map[string]trace.Int{"EAGAIN": trace.Known(12), "EPIPE": trace.Known(1)}},
		{"in two cells", []bpf.ObjectCell{
			failing(tcp, [][2]uint64{{again, 12}}, 0), failing(ext4, [][2]uint64{{pipe, 1}, {again, 30}}, 0),
		}, 43, map[string]trace.Int{"EAGAIN": trace.Known(42), "EPIPE": trace.Known(1)}},
		{"more than there is room for", []bpf.ObjectCell{failing(tcp, [][2]uint64{{again, 1}, {pipe, 2}, {restart, 3}, {nameless, 4}}, 7)}, 17,
			map[string]trace.Int{"EAGAIN": trace.Known(1), "EPIPE": trace.Known(2), "ERESTARTSYS": trace.Known(3), "errno_4000": trace.Known(4)}},
		{"copied between the errno and its count", []bpf.ObjectCell{failing(tcp, [][2]uint64{{again, 0}}, 0)}, 0, nil},
		{"copied between the count and its errno", []bpf.ObjectCell{failing(tcp, [][2]uint64{{0, 1}}, 0)}, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Counters(slot(test.cells...), Party{})
			call := c.Syscalls.ByName["read"]
			if call.Errors != trace.Known(test.errors) || !maps.Equal(call.Errnos, test.errnos) {
				t.Errorf("%v errors, %v; want %d, %v", call.Errors, call.Errnos, test.errors, test.errnos)
			}
			if other := call.OtherErrors().Or(-1); other < 0 {
				t.Errorf("%d others", other)
			}
		})
	}
}

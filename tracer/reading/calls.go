package reading

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Call is one system call of a party.
type Call struct {
	Name                                string // as the trace has it
	Count, Errors, Bytes, Time, Blocked trace.Value
	Errnos                              []Errno // the errors by errno, the most frequent first; see [trace.Syscall.OtherErrors]
	Log2                                []int64 // the histogram of their latencies: bucket i holds calls of [2^i, 2^(i+1)) ns
}

// Errno is an errno with which calls failed, and how many did.
type Errno struct {
	Name  string // as the trace has it; [OtherErrnos]
	Count trace.Value
}

// OtherErrnos stands for the errnos that the trace does not name.
const OtherErrnos = "others"

// MeanNS is the wall time inside one call, in nanoseconds.
func (c Call) MeanNS() (float64, bool) {
	t, timed := c.Time.Int.Get()
	n, counted := c.Count.Int.Get()
	if !timed || !counted || n <= 0 {
		return 0, false
	}
	return float64(t) / float64(n), true
}

// QuantileNS is the time within which a share of the calls was done, as the upper end of the bucket that
// it lies in, in nanoseconds.
func (c Call) QuantileNS(share float64) (float64, bool) {
	total := int64(0)
	for _, n := range c.Log2 {
		total += max(n, 0)
	}
	if total == 0 {
		return 0, false
	}
	sum := int64(0)
	for i, n := range c.Log2 {
		if sum += max(n, 0); float64(sum) >= share*float64(total) {
			return bucketEndNS(i), true
		}
	}
	return 0, false
}

// bucketEndNS is the upper end of a bucket of a histogram, in nanoseconds.
func bucketEndNS(bucket int) float64 { return float64(uint64(2) << min(bucket, 62)) }

// errnosOf are the errors of a party's system call by errno; none where the trace names none.
func errnosOf(c *trace.Counters, name string) []Errno {
	call := c.Syscalls.ByName[name]
	others := trace.Value{Int: call.OtherErrors(), Origin: c.ValueOf(trace.CallErrors, name).Origin}
	return listErrnos(call.Errnos, others, func(errno string) trace.Value { return c.ErrnoOf(name, errno) })
}

func listErrnos(errnos map[string]trace.Int, others trace.Value, of func(errno string) trace.Value) (list []Errno) {
	for errno := range errnos {
		list = append(list, Errno{errno, of(errno)})
	}
	slices.SortFunc(list, func(a, b Errno) int {
		return cmp.Or(-cmp.Compare(a.Count.Int.Or(0), b.Count.Int.Or(0)), strings.Compare(a.Name, b.Name))
	})
	if len(list) > 0 && others.Int.Or(0) > 0 {
		list = append(list, Errno{OtherErrnos, others})
	}
	return list
}

// Request is one kind of asynchronous requests of a party.
type Request struct {
	Name                 string // of its operation, as the trace has it
	Count, Errors, Bytes trace.Value
	Errnos               []Errno // as a [Call] has them
}

// Requests are a party's asynchronous requests: those of which most completed first, ties by name.
func Requests(c *trace.Counters) (list []Request) {
	for name, r := range c.Requests {
		others := trace.Value{Int: r.OtherErrors(), Origin: c.ValueOf(trace.RequestErrors, name).Origin}
		list = append(list, Request{
			name, c.ValueOf(trace.RequestCount, name), c.ValueOf(trace.RequestErrors, name), c.ValueOf(trace.RequestBytes, name),
			listErrnos(r.Errnos, others, func(errno string) trace.Value { return c.RequestErrnoOf(name, errno) }),
		})
	}
	slices.SortFunc(list, func(a, b Request) int {
		return cmp.Or(-cmp.Compare(a.Count.Int.Or(0), b.Count.Int.Or(0)), strings.Compare(a.Name, b.Name))
	})
	return list
}

// CallOf is the party's system call of a name.
func CallOf(c *trace.Counters, name string) Call {
	return Call{
		Name:  name,
		Count: c.ValueOf(trace.CallCount, name), Errors: c.ValueOf(trace.CallErrors, name), Bytes: c.ValueOf(trace.CallBytes, name),
		Time: c.ValueOf(trace.CallTimeNS, name), Blocked: c.ValueOf(trace.CallBlocked, name),
		Errnos: errnosOf(c, name), Log2: c.Syscalls.ByName[name].LatencyLog2,
	}
}

// Calls are a party's system calls: those that moved bytes first, then by how often they were made. Ties
// go by name, so that rows stay in their place from moment to moment.
func Calls(c *trace.Counters) []Call {
	list := make([]Call, 0, len(c.Syscalls.ByName))
	for name := range c.Syscalls.ByName {
		list = append(list, CallOf(c, name))
	}
	slices.SortFunc(list, func(a, b Call) int {
		return cmp.Or(
			-cmp.Compare(min(a.Bytes.Int.Or(0), 1), min(b.Bytes.Int.Or(0), 1)),
			-cmp.Compare(a.Count.Int.Or(0), b.Count.Int.Or(0)),
			strings.Compare(a.Name, b.Name))
	})
	return list
}

package tracetest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

// FallenBack is a sendfile that copied after all, some of it in softirq.
func FallenBack() *trace.Trace {
	t := RunOf("sendfile", 31)
	n := t.Total.Sender.PayloadBytes.Or(0)
	t.Total.Sender.Copies.InKernel = Observed(n * 84 / 100)
	t.Total.Kernel.Copies.InKernel = Observed(n * 16 / 100)
	return t
}

// ToFile has no receiver, a disk, cold cache and no latencies.
func ToFile() *trace.Trace {
	t := RunOf("read-write", 31)
	t.Run.Sink = trace.Sink{
		Kind: "file", Address: "/var/tmp/out", Device: trace.Device{Name: "vda", Kind: "disk"}, Filesystem: "xfs",
		Below: []trace.Layer{{Kind: "disk", Name: "vda"}}, Extents: OnDisk(t.Total.Sender.PayloadBytes.Or(0)),
	}
	t.Run.Receiver, t.Run.Cache, t.Run.Latency = "", "cold", false
	t.Run.LimitBytes = trace.Known(64 << 30)
	c := &t.Total.Sender
	t.Total.Receiver = nil
	c.Disk = trace.Disk{ReadBytes: c.PayloadBytes, ReadRequests: trace.Known(75_000), WriteBytes: trace.Known(0), WriteRequests: trace.Known(0)}
	for name, s := range c.Syscalls.ByName {
		s.TimeNS = trace.Int{}
		c.Syscalls.ByName[name] = s
	}
	c.Provenance["syscalls.by_name.*.time_ns"] = trace.Origin{Provenance: trace.Unavailable, Reason: "--latency off"}
	return t
}

// Failing is a run some of whose calls failed and were repeated, in more ways than the trace names, and so did
// asynchronous requests.
func Failing() *trace.Trace {
	t := Small("read-write")
	c := &t.Total.Sender
	write := c.Syscalls.ByName["write"]
	write.Calls, write.Errors = write.Calls.Add(trace.Known(700)), trace.Known(700)
	write.Errnos = map[string]trace.Int{"EAGAIN": trace.Known(620), "ENOBUFS": trace.Known(70), "ERESTART_RESTARTBLOCK": trace.Known(7)}
	c.Syscalls.ByName["write"] = write
	c.Requests = map[string]trace.Request{
		"IORING_OP_SEND_ZC": {Completed: trace.Known(1088), Errors: trace.Known(65), Bytes: c.PayloadBytes,
			Errnos: map[string]trace.Int{"ENOMEM": trace.Known(40), "ECANCELED": trace.Known(20), "EINTR": trace.Known(3)}},
		"IOCB_CMD_PREAD": {Completed: trace.Known(7), Errors: trace.Known(0), Bytes: trace.Known(4096)},
	}
	Settle(c, "read", "write")
	t.Samples = []trace.Sample{{ElapsedNS: t.Run.ElapsedNS, Totals: t.Total}}
	return t
}

// Extreme are traces that press against every limit.
func Extreme() map[string]*trace.Trace {
	wide := Whole("read-write")
	wide.Run.Strategy = "読み書き戦略読み書き戦略読み書き戦略"
	wide.Run.Source = trace.Source{Kind: "file", Path: "/home/山田太郎/データ/とても長い名前のファイル名前.bin", Filesystem: "ｅｘｔ４"}
	wide.Host.Kernel = "6.18.5-カーネル-𝓀𝑒𝓇𝓃𝑒𝓁"
	wide.Run.Ended, wide.Run.Error = trace.Failed, strings.Repeat("壊れた", 60)
	for i := range 30 {
		wide.Total.Sender.Syscalls.ByName[fmt.Sprintf("システムコール%d", i)] = Syscall(int64(i), int64(i%2), 1, 0)
	}
	wide.Total.Sender.Requests = map[string]trace.Request{"非同期リクエスト非同期リクエスト": {Completed: trace.Known(1), Errors: trace.Known(1)}}

	huge := Whole("mmap-write")
	const most = int64(1<<63 - 1)
	for _, c := range []*trace.Counters{&huge.Total.Sender, huge.Total.Receiver, &huge.Total.Kernel} {
		fillInts(c, most)
		c.Syscalls.ByName = map[string]trace.Syscall{
			strings.Repeat("very_long_system_call_name_", 9): {Calls: trace.Known(most), Errors: trace.Known(most), Bytes: trace.Known(most), TimeNS: trace.Known(most), Blocked: trace.Known(most)},
		}
		c.Requests = map[string]trace.Request{strings.Repeat("VERY_LONG_REQUEST_NAME_", 9): {
			Completed: trace.Known(most), Errors: trace.Known(most), Bytes: trace.Known(most),
			Errnos: map[string]trace.Int{strings.Repeat("VERY_LONG_ERRNO_", 9): trace.Known(most)},
		}}
		c.Provenance = map[string]trace.Origin{}
	}
	huge.Losses = map[string]int64{strings.Repeat("cause", 100): most, "other": -1}
	huge.Run.ElapsedNS, huge.Run.LimitBytes, huge.Run.LimitDurationNS = most, trace.Known(1), trace.Known(1)
	huge.Run.Source.Path, huge.Run.Sink.Address = strings.Repeat("/long", 200), strings.Repeat("long", 200)
	huge.Run.ChunkBytes = 1

	negative := Whole("sendfile")
	fillInts(&negative.Total.Sender, -1<<63)
	negative.Run.ElapsedNS, negative.Run.ChunkBytes = -5, -1

	backwards := Whole("sendfile")
	for i, j := 0, len(backwards.Samples)-1; i < j; i, j = i+1, j-1 {
		backwards.Samples[i], backwards.Samples[j] = backwards.Samples[j], backwards.Samples[i]
	}

	return map[string]*trace.Trace{
		"zero": {}, "wide": wide, "huge": huge, "negative": negative, "backwards": backwards,
		"usual": RunOf("read-write", 31), "fallen back": FallenBack(), "failing": Failing(), "no receiver": ToFile(),
	}
}

// fillInts sets every number of the counters.
func fillInts(c *trace.Counters, n int64) { fill(reflect.ValueOf(c).Elem(), n) }

func fill(v reflect.Value, n int64) {
	switch {
	case v.Type() == reflect.TypeFor[trace.Int]():
		v.Set(reflect.ValueOf(trace.Known(n)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

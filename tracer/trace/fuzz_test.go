package trace

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzRead: whatever is read is valid, and is read again as it was written.
func FuzzRead(f *testing.F) {
	small := goldenTraces()["mmap-write.json"] // small, for the fuzzer takes long to shorten a seed
	small.Samples, small.Hooks, small.Total.Kernel = nil, small.Hooks[:1], small.Total.Sender
	seed, err := json.Marshal(small)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	for _, seed := range []string{
		"", "{}", "[", `{"schema":"zctrace/1"}`, `{"schema":"zctrace/2"}`, `{"schema":"zctrace-set/1","traces":[]}`,
		`{"schema":"zctrace/1","samples":[{"elapsed_ns":1}],"losses":{"\u001b":0}}`,
		`{"schema":"zctrace/1","total":{"receiver":{},"sender":{"syscalls":{"calls":1,"by_name":{"read":{"calls":1,"latency_log2":[1]}}}}}}`,
		`{"schema":"zctrace/1","total":{"sender":{"syscalls":{"by_name":{"read":{"errors":3,"errnos":{"EAGAIN":1,"errno_4000":1}}}}}}}`,
		`{"schema":"zctrace/1","total":{"sender":{"requests":{"IORING_OP_SEND":{"completed":4,"errors":3,"errnos":{"EAGAIN":1}},"IOCB_CMD_4":null}},"receiver":{"requests":{}},"kernel":{"requests":null}}}`,
		`{"schema":"zctrace/1","total":{"sender":{"copies":{"to_user":{"bytes":1,"derived_bytes":1,"provenance":"derived"}}}}}`,
		`{"schema":"zctrace/1","run":{"started":"2025-11-22T15:46:07Z","verified":false,"payload_bytes":1e9}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		saved, err := Read(bytes.NewReader(data))
		trace := saved.Trace
		if err != nil || trace == nil {
			return
		}
		if err := trace.Validate(); err != nil {
			t.Fatalf("read, but %v", err)
		}
		var first, second bytes.Buffer
		if err := Write(&first, trace); err != nil {
			t.Fatal(err)
		}
		saved, err = Read(bytes.NewReader(first.Bytes()))
		again := saved.Trace
		if err != nil {
			t.Fatalf("written, but not read again: %v", err)
		}
		if err := Write(&second, again); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("changed on the way, %v", err)
		}
	})
}

// FuzzExpectation: what is parsed can be written, parsed again and checked.
func FuzzExpectation(f *testing.F) {
	for _, seed := range []string{
		"sender.copies.from_user == 0", "receiver.copies.to_user<=2*sender.payload_bytes", "run.elapsed_ns < 5ms",
		"sender.syscalls.by_name.splice.calls != 0", "sender.syscalls.by_name.read.errnos.EAGAIN == 0", "sender.requests.IOCB_CMD_PREAD.errnos.EIO == sender.requests.IORING_OP_1.bytes", "losses.missed_runs == 0", "sender.copies.fromuser == 1M",
		"total.kernel.cpu.user_ns >= 64KiB * host.cpus", "a.b.c > d", "==", "sender.syscalls.by_name.*.calls == 1",
	} {
		f.Add(seed)
	}
	traces := goldenTraces()
	bare := &Trace{Schema: Schema}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseExpectation(s)
		if err != nil {
			return
		}
		again, err := ParseExpectation(e.String())
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%q became %q: %v", s, e, err)
		}
		for _, trace := range traces {
			_ = e.Check(trace)
		}
		if e.Check(bare) == nil && e.path != "host.cpus" && e.path[:3] != "run" {
			t.Fatalf("%s is met by a trace in which nothing was counted", e)
		}
	})
}

// FuzzReadSet is the same for a set.
func FuzzReadSet(f *testing.F) {
	one := timed("mmap-write", 1e9)
	one.Hooks, one.Total.Kernel = nil, one.Total.Sender
	var seed bytes.Buffer
	if err := WriteSet(&seed, NewSet([]*Trace{one})); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	for _, seed := range []string{
		`{"schema":"zctrace-set/1"}`, `{"schema":"zctrace-set/1","traces":[null]}`,
		`{"schema":"zctrace-set/1","traces":[{"schema":"zctrace/1"}],"ranking":[{"strategy":"\u001b"}]}`,
		`{"schema":"zctrace-set/1","ranking":[{"throughput":{"median":1e308,"min":0.1,"max":1e308,"provenance":"observed"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		saved, err := Read(bytes.NewReader(data))
		set := saved.Set
		if err != nil || set == nil {
			return
		}
		var first, second bytes.Buffer
		if err := WriteSet(&first, set); err != nil {
			t.Fatal(err)
		}
		saved, err = Read(bytes.NewReader(first.Bytes()))
		again := saved.Set
		if err != nil {
			t.Fatalf("not read again: %v\n%s", err, first.Bytes())
		}
		if err := WriteSet(&second, again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("written differently again:\n%s\n%s", first.Bytes(), second.Bytes())
		}
	})
}

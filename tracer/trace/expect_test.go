package trace

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestExpectationMet(t *testing.T) {
	trace := goldenTraces()["read-write.json"]
	for _, s := range []string{
		"sender.copies.from_user == 67108864",
		"sender.copies.from_user==64MiB",
		"  sender.copies.from_user   >=  64 M  ",
		"sender.copies.from_user.bytes == 64MiB",
		"sender.copies.from_user.derived_bytes == 64MiB",
		"total.sender.copies.from_user == 64MiB",
		"sender.copies.in_kernel == 0",
		"sender.copies.in_kernel != 1",
		"sender.copies.in_kernel < 1",
		"receiver.copies.to_user <= sender.payload_bytes",
		"sender.mode_switches == 2 * sender.syscalls.calls",
		"sender.mode_switches == 2*sender.syscalls.calls",
		"sender.payload_bytes == 64KiB * sender.syscalls.by_name.read.calls",
		"sender.syscalls.by_name.read.calls == 1024",
		"sender.syscalls.by_name.splice.calls == 0",
		"sender.syscalls.by_name.splice.time_ns == 0ms",
		"sender.syscalls.by_name.syscall_999.calls == 0",
		"kernel.disk.read_bytes == 0",
		"run.elapsed_ns < 1s",
		"run.elapsed_ns > 43911us",
		"run.elapsed_ns == 43911207",
		"run.elapsed_ns < 1ms * sender.syscalls.by_name.write.calls",
		"run.chunk_bytes == 64KiB",
		"run.source.bytes == 64MiB",
		"losses.missed_runs == 0",
		"textbook.copies.to_user == 1",
		"host.cpus >= 1",
		"sender.copies.from_user < 9223372036854775807 * sender.mode_switches",
	} {
		e, err := ParseExpectation(s)
		if err != nil {
			t.Error(err)
		} else if err := e.Check(trace); err != nil {
			t.Errorf("Check: %v", err)
		}
	}
}

func TestExpectationNotMet(t *testing.T) {
	readWrite := goldenTraces()["read-write.json"]
	readWrite.Total.Sender.Engines = map[string]*EngineCounters{
		"breakpoint": {FromUser: observedBytes(1)}, "derived": {FromUser: unavailableBytes("no such hook")},
	}
	for s, want := range map[string]string{
		"sender.copies.from_user==0":                                         "sender.copies.from_user == 0: found 67108864",
		"sender.copies.from_user != 64MiB":                                   "sender.copies.from_user != 64MiB: found 67108864",
		"sender.copies.from_user > 64MiB":                                    "sender.copies.from_user > 64MiB: found 67108864",
		"run.elapsed_ns < 5ms":                                               "run.elapsed_ns < 5ms: found 43911207",
		"sender.mode_switches == sender.syscalls.calls":                      "sender.mode_switches == sender.syscalls.calls: found 4096, and sender.syscalls.calls is 2048",
		"sender.mode_switches == 3 * sender.syscalls.calls":                  "sender.mode_switches == 3 * sender.syscalls.calls: found 4096, and sender.syscalls.calls is 2048",
		"sender.payload_bytes >= 9223372036854775807 * sender.mode_switches": "found 67108864, and",
		"sender.copies.net_internal == 0":                                    "sender.copies.net_internal == 0: found null for sender.copies.net_internal: --copies breakpoint counts it",
		"sender.copies.net_internal != 0":                                    "found null for sender.copies.net_internal: --copies breakpoint",
		"sender.copies.net_internal.bytes == 0":                              "found null for sender.copies.net_internal.bytes: --copies breakpoint",
		"total.kernel.cpu.user_ns >= 0":                                      "found null for total.kernel.cpu.user_ns: not counted for kernel threads",
		"kernel.syscalls.by_name.read.calls == 0":                            "found null for kernel.syscalls.by_name.read.calls: kernel threads make no system calls",
		"sender.payload_bytes >= kernel.cpu.user_ns":                         "found null for kernel.cpu.user_ns: not counted",
		"losses.unheard_of == 0":                                             "found null for losses.unheard_of: this run has no such cause",
		"sender.engines.fentry.to_user == 0":                                 "found null for sender.engines.fentry.to_user: it takes --copies all",
		"sender.engines.derived.from_user == 0":                              "found null for sender.engines.derived.from_user: no such hook",
		"sender.engines.breakpoint.from_user == 0":                           "found 1",
		"run.limit_duration_ns < 1h":                                         "found null for run.limit_duration_ns: not counted in this run",
	} {
		e, err := ParseExpectation(s)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := e.Check(readWrite); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
}

func TestExpectationWithoutReceiver(t *testing.T) {
	trace := goldenTraces()["read-write.json"]
	trace.Total.Receiver, trace.Textbook = nil, nil
	for s, want := range map[string]string{
		"receiver.copies.to_user == 0": "this run has no receiver",
		"textbook.copies.to_user == 0": "no textbook tells of this strategy",
	} {
		e, err := ParseExpectation(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Check(trace); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
}

func TestParseExpectationRefuses(t *testing.T) {
	for s, want := range map[string]string{
		"":                                             "no comparison",
		"sender.copies.from_user":                      "no comparison",
		"== 0":                                         "the path comes first",
		"0 == sender.copies.from_user":                 "the path comes first",
		"sender.copies.from_user = 0":                  "unknown comparison =",
		"sender.copies.from_user => 0":                 "unknown comparison =>",
		"sender.copies.from_user == 0 == 0":            "more than one comparison",
		"sender.copies.from_user ==":                   "something is missing after ==",
		"sender.copies.from_user == 2 *":               "something is missing after ==",
		"sender.copies.from_user == * 2":               "something is missing after ==",
		"sender.copies.from_user == -1":                "a count is never negative",
		"sender.copies.from_user == 1MB":               "write 1MiB",
		"sender.copies.from_user == 5ms":               `"5ms" is a duration, but sender.copies.from_user is not a time`,
		"run.elapsed_ns < 64KiB":                       "is no duration",
		"sender.payload_bytes == sender.payload * 2":   "the number comes before the path",
		"run.elapsed_ns > 43_911us":                    "is no duration",
		"sender.payload_bytes == 2 * 3":                "unknown path 3",
		"sender.copies.fromuser == 0":                  "unknown path sender.copies.fromuser (did you mean sender.copies.from_user?)",
		"sender.from_user == 0":                        "(did you mean sender.copies.from_user?)",
		"copies.from_user == 0":                        "(did you mean sender.copies.from_user?)",
		"from_user == 0":                               "(did you mean sender.copies.from_user?)",
		"reciever.copies.to_user == 0":                 "(did you mean receiver.copies.to_user?)",
		"sender.copies.to-user == 0":                   "(did you mean sender.copies.to_user?)",
		"Sender.copies.to_user == 0":                   "(did you mean sender.copies.to_user?)",
		"run.elapsed < 5ms":                            "(did you mean run.elapsed_ns?)",
		"sender.payload_bytes == sender.payload":       "unknown path sender.payload (did you mean sender.payload_bytes?)",
		"sender.payload_bytes == 2 * receiver.payload": "(did you mean receiver.payload_bytes?)",
		"something.else.entirely == 0":                 "paths are those of the JSON",
		"sender.copies.to_user.x == 0":                 "unknown path",
		"sender.syscalls.by_name.raed.calls == 0":      "unknown system call raed (did you mean read?)",
		"sender.syscalls.by_name.read.call == 0":       "(did you mean sender.syscalls.by_name.read.calls?)",
		"sender.syscalls.by_name.*.calls == 0":         "unknown path",
		"sender.engines.fentri.to_user == 0":           "unknown engine fentri (did you mean fentry?)",
		"sender.engines.fentry.user == 0":              "(did you mean sender.engines.fentry.to_user?)",
		"sender.engines == 0":                          "such as sender.engines.fentry.from_user",
		"losses.*== 0":                                 "unknown path",
		"losses == 0":                                  "losses is a group (name one number in it)",
		"sender.copies == 0":                           "sender.copies is a group (name one number in it, such as sender.copies.cow)",
		"sender.syscalls.by_name.read == 0":            "such as sender.syscalls.by_name.read.blocked",
		"run.verified == 1":                            "run.verified is not a number",
		"run.strategy == 1":                            "run.strategy is not a number",
		"run.started == 1":                             "not a number",
		"samples == 1":                                 "not a number",
		strings.Repeat("x", 501):                       "expectation of 501 bytes",
	} {
		e, err := ParseExpectation(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
		if e != (Expectation{}) {
			t.Errorf("%s: an expectation beside the error", s)
		}
	}
}

// Every number of the catalog has a path of each party, and a party's paths are
// those; every path that is suggested must be one that parses, and every number of the
// golden traces must have one.
func TestNumberPaths(t *testing.T) {
	known := map[string]bool{}
	for _, path := range runPaths.numbers("") {
		known[path] = true
		if err := runPaths.check(path); err != nil {
			t.Error(err)
		}
	}
	for _, party := range []string{"sender", "receiver", "kernel"} {
		for n := range Catalog() {
			key := map[Kind]string{OfCall: "read", OfEngine: "fentry", OfErrno: "read" + ofErrno + "EAGAIN",
				OfRequest: "IORING_OP_SEND", OfRequestErrno: "IORING_OP_SEND" + ofErrno + "EAGAIN"}[n.Kind()]
			path := party + "." + n.pathOf(key)
			if !known[path] {
				t.Errorf("--expect does not know %s", path)
			}
			delete(known, path)
		}
	}
	for path := range known {
		if group, _, _ := strings.Cut(path, "."); !slices.Contains([]string{"host", "run", "textbook"}, group) {
			t.Errorf("%s is not in the catalog", path)
		}
	}
	if !slices.Contains(runPaths.numbers("sender.syscalls.by_name.splice.calls"), "sender.syscalls.by_name.splice.calls") {
		t.Error("a system call's own name is not kept")
	}
	if of := "sender.requests.IOCB_CMD_PREAD.errnos.EFAULT"; !slices.Contains(runPaths.numbers(of), of) {
		t.Error("a request's own name is not kept, or an errno's")
	}
	for _, path := range []string{"run.untraced_elapsed_ns", "textbook.dma.in"} {
		if !known[path] {
			t.Errorf("%s is not among them", path)
		}
	}
	doc, err := toJSON(goldenTraces()["mmap-write.json"])
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path string, at any)
	walk = func(path string, at any) {
		switch at := at.(type) {
		case json.Number:
			if err := runPaths.check(path); err != nil {
				t.Error(err)
			}
		case map[string]any:
			for key, value := range at {
				walk(strings.TrimPrefix(path+"."+key, "."), value)
			}
		}
	}
	walk("", doc)
}

func TestCompareProduct(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range []struct {
		n, a, b int64
		want    int
	}{
		{0, 0, 0, 0}, {6, 2, 3, 0}, {5, 2, 3, -1}, {7, 2, 3, 1}, {most, 1, most, 0},
		{most, most, most, -1}, {most, 2, most, -1}, {most, 3, most / 3, 1}, {1, 0, most, 1},
	} {
		if got := compareProduct(c.n, c.a, c.b); got != c.want {
			t.Errorf("compareProduct(%d, %d, %d) = %d, want %d", c.n, c.a, c.b, got, c.want)
		}
	}
}

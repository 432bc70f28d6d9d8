package trace

import (
	"reflect"
	"strings"
	"testing"
)

// withErrnos is a run of which a call failed 12 times, and so many of them as the errnos say; with of a request, that.
func withErrnos(of string, errnos map[string]Int) *Trace {
	t := goldenTraces()["sendfile.json"]
	for _, c := range []*Counters{&t.Total.Sender, &t.Samples[len(t.Samples)-1].Sender} {
		c.Requests = map[string]Request{}
		if of != "sendfile" {
			c.Requests[of] = Request{Completed: Known(100), Errors: Known(12), Errnos: errnos, Bytes: Known(0)}
			continue
		}
		call := c.Syscalls.ByName[of]
		call.Errors, call.Errnos = Known(12), errnos
		c.Syscalls.ByName[of] = call
	}
	return t
}

// What a trace says of errnos is what was written, fits the schema, and --expect finds it: an errno that is not
// there is 0 unless it may be among the others.
func TestErrnos(t *testing.T) {
	schema := compileSchema(t, SchemaJSON)
	for _, test := range []struct {
		name          string
		errnos        map[string]Int
		other         Int
		eagain, erofs string // found
	}{
		{"of before they were written", nil, Known(12), "null", "null"},
		{"one", map[string]Int{"EAGAIN": Known(12)}, Known(0), "12", "0"},
		{"two", map[string]Int{"EAGAIN": Known(5), "errno_4000": Known(7)}, Known(0), "5", "0"},
		{"and others", map[string]Int{"EAGAIN": Known(5), "ERESTARTSYS": Known(4)}, Known(3), "5", "null"},
	} {
		for of, path := range map[string]string{"sendfile": "sender.syscalls.by_name.", "IORING_OP_SEND_ZC": "sender.requests."} {
			t.Run(test.name+" of "+of, func(t *testing.T) {
				tr := withErrnos(of, test.errnos)
				var buf strings.Builder
				if err := Write(&buf, tr); err != nil {
					t.Fatal(err)
				}
				if err := validateJSON(t, schema, buf.String()); err != nil {
					t.Error(err)
				}
				saved, err := Read(strings.NewReader(buf.String()))
				read := saved.Trace
				if err != nil {
					t.Fatal(err)
				}
				errnos, other := read.Total.Sender.Syscalls.ByName[of].Errnos, read.Total.Sender.Syscalls.ByName[of].OtherErrors()
				if request, made := read.Total.Sender.Requests[of]; made {
					errnos, other = request.Errnos, request.OtherErrors()
				}
				if !reflect.DeepEqual(errnos, test.errnos) || other != test.other {
					t.Errorf("%v and %v others, want %v and %v", errnos, other, test.errnos, test.other)
				}
				for errno, want := range map[string]string{"EAGAIN": test.eagain, "EROFS": test.erofs} {
					e, err := ParseExpectation(path + of + ".errnos." + errno + " == 4711")
					if err != nil {
						t.Fatal(err)
					}
					if err := e.Check(read); err == nil || !strings.Contains(err.Error(), ": found "+want) {
						t.Errorf("%v, want that it found %s", err, want)
					}
				}
				for _, none := range []string{"syscalls.by_name.read.errnos.EAGAIN", "requests.IOCB_CMD_PREAD.errnos.EIO", "requests.IOCB_CMD_PREAD.completed"} {
					e, err := ParseExpectation("sender." + none + " == 0") // which was not made
					if err != nil {
						t.Fatal(err)
					}
					if err := e.Check(read); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// Of a trace in which nobody counted requests, none is known, and a misspelt one is in no trace.
func TestRequestsNotCounted(t *testing.T) {
	for expectation, want := range map[string]string{
		"sender.requests.IORING_OP_SEND.errors == 0":        "found null for sender.requests.IORING_OP_SEND.errors: not counted in this run",
		"sender.requests.IORING_OP_SEND.errnos.EAGAIN == 0": "found null for",
		"sender.requests.IORING_OP_SEMD.errors == 0":        "unknown request IORING_OP_SEMD (did you mean IORING_OP_SEND?)",
		"sender.requests.IORING_OP_SEND.error == 0":         "did you mean sender.requests.IORING_OP_SEND.errors?",
		"sender.requests.read.errors == 0":                  "unknown request read",
	} {
		e, err := ParseExpectation(expectation)
		if err == nil {
			err = e.Check(goldenTraces()["sendfile.json"])
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", expectation, err, want)
		}
	}
}

func TestErrnosRefused(t *testing.T) {
	for _, test := range []struct {
		of     string
		errnos map[string]Int
		want   string
	}{
		{"sendfile", map[string]Int{"EAGAIN": Known(13)}, "syscalls.by_name.sendfile.errnos has more in it than the 12 errors"},
		{"sendfile", map[string]Int{"EAGAIN": Known(1 << 62), "EPIPE": Known(1 << 62)}, "more in it than the 12"},
		{"sendfile", map[string]Int{"EAGAIN": Known(-1)}, "sendfile.errnos.EAGAIN is -1"},
		{"sendfile", map[string]Int{"EAGAIN.x": Known(1)}, "which is the name of no errno"},
		{"sendfile", map[string]Int{"\x1b[2J": Known(1)}, "which is the name of no errno"},
		{"IORING_OP_SEND", map[string]Int{"ENOMEM": Known(13)}, "requests.IORING_OP_SEND.errnos has more in it than the 12 errors"},
		{"IORING_OP_SEND", map[string]Int{"ENOMEM": Known(-1)}, "requests.IORING_OP_SEND.errnos.ENOMEM is -1"},
		{"IORING_OP_SEND", map[string]Int{"\x1b[2J": Known(1)}, "which is the name of no errno"},
		{"\x1b[2J", nil, `requests has "\x1b[2J", which is the name of no request`},
	} {
		if err := withErrnos(test.of, test.errnos).Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.errnos, err, test.want)
		}
	}
	if _, err := ParseExpectation("sender.syscalls.by_name.read.errnos.EAGAN == 0"); err == nil || !strings.Contains(err.Error(), "unknown errno EAGAN (did you mean EAGAIN?)") {
		t.Errorf("EAGAN: %v", err)
	}
}

package trace

import (
	"reflect"
	"strings"
	"testing"
)

// withErrnos is a run of which a call failed 12 times, and so many of them as the errnos say.
func withErrnos(errnos map[string]Int) *Trace {
	t := goldenTraces()["sendfile.json"]
	for _, c := range []*Counters{&t.Total.Sender, &t.Samples[len(t.Samples)-1].Sender} {
		call := c.Syscalls.ByName["sendfile"]
		call.Errors, call.Errnos = Known(12), errnos
		c.Syscalls.ByName["sendfile"] = call
	}
	return t
}

// What a trace says of errnos is what was written, fits the schema, and --expect finds it: an errno that is not
// there is 0 unless it may be among the others.
func TestErrnos(t *testing.T) {
	schema := compileSchema(t)
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
		t.Run(test.name, func(t *testing.T) {
			tr := withErrnos(test.errnos)
			var buf strings.Builder
			if err := Write(&buf, tr); err != nil {
				t.Fatal(err)
			}
			if err := validateJSON(t, schema, buf.String()); err != nil {
				t.Error(err)
			}
			read, _, err := Read(strings.NewReader(buf.String()))
			if err != nil {
				t.Fatal(err)
			}
			call := read.Total.Sender.Syscalls.ByName["sendfile"]
			if !reflect.DeepEqual(call.Errnos, test.errnos) || call.OtherErrors() != test.other {
				t.Errorf("%v and %v others, want %v and %v", call.Errnos, call.OtherErrors(), test.errnos, test.other)
			}
			for errno, want := range map[string]string{"EAGAIN": test.eagain, "EROFS": test.erofs} {
				e, err := ParseExpectation("sender.syscalls.by_name.sendfile.errnos." + errno + " == 4711")
				if err != nil {
					t.Fatal(err)
				}
				if err := e.Check(read); err == nil || !strings.Contains(err.Error(), ": found "+want) {
					t.Errorf("%v, want that it found %s", err, want)
				}
			}
			e, err := ParseExpectation("sender.syscalls.by_name.read.errnos.EAGAIN == 0") // which was not made
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Check(read); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestErrnosRefused(t *testing.T) {
	for _, test := range []struct {
		errnos map[string]Int
		want   string
	}{
		{map[string]Int{"EAGAIN": Known(13)}, "syscalls.by_name.sendfile.errnos has more in it than the 12 errors"},
		{map[string]Int{"EAGAIN": Known(1 << 62), "EPIPE": Known(1 << 62)}, "more in it than the 12"},
		{map[string]Int{"EAGAIN": Known(-1)}, "sendfile.errnos.EAGAIN is -1"},
		{map[string]Int{"EAGAIN.x": Known(1)}, "which is the name of no errno"},
		{map[string]Int{"\x1b[2J": Known(1)}, "which is the name of no errno"},
	} {
		if err := withErrnos(test.errnos).Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.errnos, err, test.want)
		}
	}
	if _, err := ParseExpectation("sender.syscalls.by_name.read.errnos.EAGAN == 0"); err == nil || !strings.Contains(err.Error(), "unknown errno EAGAN (did you mean EAGAIN?)") {
		t.Errorf("EAGAN: %v", err)
	}
}

//go:build linux

package workloads

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

func TestTextbookRows(t *testing.T) {
	for _, s := range Strategies {
		t.Run(s.Name, func(t *testing.T) {
			row := rowOf(t, s)
			for _, sink := range SinkKinds {
				want := row.textbook
				if sink == SinkFile && row.toFile != [7]int{} {
					want = row.toFile
				}
				b := s.TextbookTo(sink)
				if got := [7]int{b.TransferCalls, b.ModeSwitches, b.ToUser, b.FromUser, b.InKernel, b.DMAIn, b.DMAOut}; got != want || b.Source == "" {
					t.Errorf("to %s it is %v, by %q, want %v", sink, got, b.Source, want)
				}
				if (b == s.Textbook) != (want == row.textbook) {
					t.Errorf("to %s it is by %q, and in general by %q", sink, b.Source, s.Textbook.Source)
				}
			}
		})
	}
}

func TestStrategiesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Strategies {
		if seen[s.Name] {
			t.Errorf("%s is listed twice", s.Name)
		}
		seen[s.Name] = true
		if s.Summary == "" || s.Textbook.Source == "" || s.loop == nil {
			t.Errorf("%s lacks a summary, a textbook source or a loop", s.Name)
		}
		if s.Textbook.ModeSwitches != 2*s.Textbook.TransferCalls {
			t.Errorf("%s: %d mode switches by %d calls", s.Name, s.Textbook.ModeSwitches, s.Textbook.TransferCalls)
		}
		at := []string{PlaceSource}
		for _, h := range s.Path {
			if !slices.Contains(at, h.From) || slices.Contains(at, h.To) || h.By == "" {
				t.Errorf("%s: no hop goes from %q to %q by %q, after %v", s.Name, h.From, h.To, h.By, at)
			}
			at = append(at, h.To)
			for _, name := range h.Calls {
				if !s.Makes(name) {
					t.Errorf("%s: its path is made by %s, which it does not call", s.Name, name)
				}
			}
		}
		if !slices.Contains(at, PlaceSink) {
			t.Errorf("%s: its path leads to %v, and to no sink", s.Name, at)
		}
		for _, name := range s.Transfer {
			if !slices.Contains(s.Syscalls, name) {
				t.Errorf("%s: transfers by %s, which it does not call", s.Name, name)
			}
		}
		if found, err := Find(s.Name); err != nil || found != s {
			t.Errorf("Find(%q) = %v, %v", s.Name, found, err)
		}
	}
}

func TestFindSuggests(t *testing.T) {
	cases := []struct{ name, suggestion string }{
		{"sendfil", "did you mean sendfile?"},
		{"send-file", "did you mean sendfile?"},
		{"readwrite", "did you mean read-write?"},
		{"READ-WRITE", "did you mean read-write?"},
		{"mmap", "did you mean mmap-write?"},
	}
	for _, c := range cases {
		_, err := Find(c.name)
		mustFail(t, err, fault.Usage, c.name, c.suggestion, "read-write, mmap-write, sendfile")
	}
	for _, name := range []string{"", "x", "teleportation"} {
		_, err := Find(name)
		mustFail(t, err, fault.Usage, "read-write, mmap-write, sendfile")
		if strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSupportOfFiles(t *testing.T) {
	source, err := sourceNamed(t.Context(), "auto:1M", nil)
	must(t, err)
	defer source.Close()
	for _, s := range Strategies {
		for _, sink := range SinkKinds {
			for _, from := range []*Source{nil, source} {
				err := Support(s, from, sink)
				switch {
				case !s.Takes(sink):
					mustFail(t, err, fault.Unsupported, s.Name, string(sink), "--sink "+string(s.Sinks[0]))
				case err != nil:
					t.Errorf("%s to %s: %v", s.Name, sink, err)
				}
			}
		}
	}
}

// Whether /dev/zero can be spliced depends on the kernel; that Support and the
// run agree does not.
func TestSupportOfZero(t *testing.T) {
	source, _ := open(t, "zero", "null")
	for _, s := range Strategies {
		sink := SinkUnix
		if !s.Takes(sink) {
			sink = s.Sinks[0]
		}
		err := Support(s, source, sink)
		if err != nil {
			mustFail(t, err, fault.Unsupported, s.Name, "zero", string(sink))
		}
		if err != nil && s.Direct() { // the worker does not even get ready
			_, to := open(t, "zero", string(sink))
			p, err := Start(Config{Role: Sender, Work: Work{Strategy: s, Chunk: 4096}, Source: source, Sink: to})
			must(t, err)
			mustFail(t, p.WaitReady(t.Context()), fault.Unsupported, "source takes no direct I/O")
			continue
		}
		o := workload{s, "zero", string(sink), Config{Work: Work{Bytes: 4096, Chunk: 4096}}}.run(t)
		if (err == nil) != (o.sendErr == nil) {
			t.Errorf("%s: Support says %v, the run says %v", s.Name, err, o.sendErr)
		}
	}
}

// A file may say that it has more than it has, or lose it.
func TestSupportOfASourceThatHasLess(t *testing.T) {
	source, _ := open(t, tempFile(t, 4096), "null")
	must(t, os.Truncate(source.Path, 5))
	const found = " found nothing more after 5 of the 4,096 bytes that the source should have"
	for _, s := range []*Strategy{readWrite, sendfile} {
		mustFail(t, Support(s, source, SinkTCP), fault.Unsupported, s.Transfer[0]+found, "--source auto")
	}
}

func TestSupportNamesWhatWorks(t *testing.T) {
	failsIf := func(condition func(*window) bool) *Strategy {
		return &Strategy{Name: "fragile", loop: func(w *window) {
			if condition(w) {
				w.fail(unix.SYS_SENDFILE, unix.EINVAL)
			}
		}}
	}
	zero, _ := open(t, "zero", "null")
	cases := []struct {
		name   string
		s      *Strategy
		source *Source
		words  []string
	}{
		{"another source", failsIf(func(w *window) bool { return w.inSize == endless }), zero, []string{"from zero to tcp", "sendfile: invalid argument", "--source auto"}},
		{"another sink", failsIf(isSocket), nil, []string{"from file to tcp", "--sink pipe"}},
		{"another strategy", failsIf(func(*window) bool { return true }), nil, []string{"take read-write"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			mustFail(t, Support(c.s, c.source, SinkTCP), fault.Unsupported, append(c.words, "fragile")...)
		})
	}
}

func isSocket(w *window) bool {
	_, err := unix.GetsockoptInt(int(w.out), unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

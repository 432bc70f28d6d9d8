package export

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// outputs are what the formats make of every comparison and run that is tested with, by the name of the
// golden file.
func outputs(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	add := func(name string, f *Format, write func(io.Writer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s of %s: %v", f.Name, name, err)
		}
		files[name+"."+f.Extension] = b.Bytes()
	}
	for _, f := range Formats {
		if f.Set != nil {
			for name, set := range tracetest.Sets() {
				add(name, f, func(w io.Writer) error { return f.Set(w, set) })
			}
		}
		if f.Trace != nil {
			for _, strategy := range tracetest.Strategies {
				add(strategy, f, func(w io.Writer) error { return f.Trace(w, tracetest.Whole(strategy)) })
			}
		}
	}
	return files
}

// Every format has its golden files, and every golden file its format.
func TestGolden(t *testing.T) {
	got := outputs(t)
	for name, text := range got {
		tracetest.Golden(t, name, string(text))
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if got[filepath.Base(path)] == nil {
			t.Errorf("no format makes %s", path)
		}
	}
}

func TestFormatsAreWhole(t *testing.T) {
	names, extensions := map[string]bool{}, map[string]bool{}
	for _, f := range Formats {
		if f.Name == "" || f.Help == "" || f.Extension == "" || f.Set == nil && f.Trace == nil {
			t.Errorf("%+v lacks something", f)
		}
		names[f.Name], extensions[f.Extension] = true, true
	}
	if len(names) != len(Formats) || len(extensions) != len(Formats) {
		t.Errorf("of %d formats the names are %v, and the extensions %v", len(Formats), slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(extensions)))
	}
}

// Nothing in a trace talks to the terminal that an export is printed on.
func TestExportsAreSafe(t *testing.T) {
	hostile := tracetest.Whole("read-write")
	tracetest.Poison(hostile)
	for _, f := range Formats {
		var text strings.Builder
		if f.Set != nil {
			if err := f.Set(&text, tracetest.HostileSet()); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		if f.Trace != nil {
			if err := f.Trace(&text, hostile); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		if harm := tracetest.Harm(text.String()); harm != "" {
			t.Errorf("%s: %s", f.Name, harm)
		}
	}
}

// full takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// What cannot be written is an error, however much a format keeps back.
func TestWriteErrors(t *testing.T) {
	for _, f := range Formats {
		if f.Set != nil {
			if err := f.Set(full{}, tracetest.Sweep()); !errors.Is(err, errFull) {
				t.Errorf("%s: error %v of a comparison", f.Name, err)
			}
		}
		if f.Trace != nil {
			if err := f.Trace(full{}, tracetest.Whole("sendfile")); !errors.Is(err, errFull) {
				t.Errorf("%s: error %v of a run", f.Name, err)
			}
		}
	}
}

// Of nothing there is a table, too.
func TestNothingToExport(t *testing.T) {
	for _, f := range Formats {
		if f.Set != nil {
			if err := f.Set(io.Discard, &trace.Set{}); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		if f.Trace != nil {
			if err := f.Trace(io.Discard, &trace.Trace{}); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
}

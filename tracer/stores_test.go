//go:build linux

package tracer

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// What a thread of a program does over and over changes its own slot, and there what docs/overhead.md lists: nothing that
// another CPU writes, too.
func TestCallsChangeTheirThreadsSlotOnly(t *testing.T) {
	oncePerMachine(t)
	page, err := os.ReadFile("../docs/overhead.md")
	if err != nil {
		t.Fatal(err)
	}
	_, listed, _ := strings.Cut(string(page), "\n## What a call writes\n")
	listed, _, _ = strings.Cut(listed, "\n## ")
	for _, latency := range []bool{false, true} {
		t.Run(fmt.Sprintf("latency %v", latency), func(t *testing.T) {
			tr, cmd := followed(t, Options{Programs: &Programs{Threads: 8, Processes: 2}, Copies: ledger.Derived, Latency: latency}, "dd", "if=/dev/zero", "of=/dev/null", "bs=512")
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			const enough = 10_000 // for its start to be over, and for what happens now and then
			awaitReads(t, tr, enough)
			before := contents(t, tr)
			awaitReads(t, tr, enough)
			changed := changes(t, before, contents(t, tr))
			for _, field := range slices.Sorted(maps.Keys(changed)) {
				t.Log(field)
				if !strings.Contains(listed, "`"+field+"`") {
					t.Errorf("%s has changed, which is not listed", field)
				}
			}
			must := []string{"calls[].calls", "calls[].bytes", "sums.counted.rchar", "sums.counted.wchar"}
			if latency {
				must = append(must, "calls[].time_ns")
			}
			for _, field := range must {
				if !changed[field] {
					t.Errorf("%s has not changed", field)
				}
			}
		})
	}
}

// awaitReads waits until the only process has made so many more of them.
func awaitReads(t *testing.T, tr *Tracer, n uint64) {
	t.Helper()
	reads := func() (n uint64) {
		s, err := tr.Programs(false)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Alive {
			for key, c := range p.Calls {
				if key.Nr == unix.SYS_READ {
					n += c.Calls
				}
			}
		}
		return n
	}
	before, end := reads(), time.Now().Add(time.Minute)
	for reads() < before+n {
		if time.Now().After(end) {
			t.Fatalf("no %d reads in a minute", n)
		}
		time.Sleep(time.Millisecond)
	}
}

// contents are all elements of all maps, by the map's name.
func contents(t *testing.T, tr *Tracer) map[string][][]byte {
	t.Helper()
	all := map[string][][]byte{}
	for name, m := range tr.collection.Maps {
		if m.Type() != ebpf.Array {
			t.Fatalf("%s is no array: %v", name, m.Type())
		}
		for i := range m.MaxEntries() {
			element, err := m.LookupBytes(i)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = append(all[name], element)
		}
	}
	return all
}

// changes are the fields of one thread's slot that differ. Nothing else may.
func changes(t *testing.T, before, after map[string][][]byte) map[string]bool {
	t.Helper()
	changed, slot := map[string]bool{}, -1
	for name := range before {
		for i := range before[name] {
			was, is := before[name][i], after[name][i]
			if bytes.Equal(was, is) {
				continue
			}
			if name != bpf.ObjectMapThreads || slot >= 0 {
				t.Errorf("element %d of %s has changed", i, name)
				continue
			}
			slot = i
			for at := range was {
				if was[at] != is[at] {
					changed[fieldAt(reflect.TypeFor[bpf.ObjectThread](), uintptr(at))] = true
				}
			}
		}
	}
	return changed
}

// fieldAt is the field in which a byte of the type lies, as C names it.
func fieldAt(of reflect.Type, at uintptr) string {
	switch of.Kind() {
	case reflect.Array:
		if name := fieldAt(of.Elem(), at%of.Elem().Size()); name != "" {
			return "[]." + name
		}
		return "[]"
	case reflect.Struct:
		for f := range of.NumField() {
			field := of.Field(f)
			if field.Type.Size() == 0 || at < field.Offset || at >= field.Offset+field.Type.Size() {
				continue
			}
			name := strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(field.Name, "${1}_$2"))
			within := fieldAt(field.Type, at-field.Offset)
			if within == "" || strings.HasPrefix(within, "[]") {
				return name + within
			}
			return name + "." + within
		}
	}
	return ""
}

// What the maps of the default sizes take, as the kernel tells it, is a budget.
func TestMemoryOfTheDefaultSizes(t *testing.T) {
	oncePerMachine(t)
	tr := start(t, Options{Programs: &DefaultPrograms, Sockets: true, Copies: ledger.Derived, Latency: true})
	const most = 64 << 20
	var all uint64
	for name, m := range tr.collection.Maps {
		info, err := m.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes, known := info.Memlock()
		if !known {
			t.Skip("this kernel does not tell")
		}
		t.Logf("%s: %d bytes", name, bytes)
		all += bytes
	}
	if t.Logf("%d bytes, %.1f MiB", all, float64(all)/(1<<20)); all == 0 || all > most {
		t.Errorf("the maps take %d bytes, of %d at most", all, most)
	}
}

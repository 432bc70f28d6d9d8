package ui

import (
	"reflect"
	"strings"
	"testing"
)

func TestDifferenceGolden(t *testing.T) {
	golden(t, "difference.txt", Difference(small("read-write"), small("sendfile"), "read-write.json", "sendfile.json", 80))
	golden(t, "difference-file.txt", Difference(toFile(), whole("mmap-write"), "a.json", strings.Repeat("very/", 20)+"long.json", 80))
}

func TestNoDifference(t *testing.T) {
	text := Difference(small("sendfile"), small("sendfile"), "a", "b", 80)
	if strings.Count(text, "!=") != 1 { // in the legend
		t.Errorf("a trace differs from itself:\n%s", text)
	}
}

// Traces that press against every limit make no line too long, nor anything
// that the terminal would obey.
func TestDifferenceOfExtremes(t *testing.T) {
	list := extreme()
	hostiles := whole("read-write")
	poison(reflect.ValueOf(hostiles).Elem())
	list["hostile"] = hostiles
	for nameA, a := range list {
		for nameB, b := range list {
			for _, l := range strings.Split(Difference(a, b, hostile, nameB, 80), "\n") {
				if cells(l) > 80 || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e }) {
					t.Fatalf("%s and %s: %q", nameA, nameB, l)
				}
			}
		}
	}
}

package ui

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/charmbracelet/bubbles/key"
)

// bindings are those of a key map, which lie in fields that nobody else can read.
func bindings(v reflect.Value) (all []key.Binding) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Type() == reflect.TypeFor[key.Binding]() {
			all = append(all, *(*key.Binding)(unsafe.Pointer(f.UnsafeAddr())))
		} else {
			all = append(all, bindings(f)...)
		}
	}
	return all
}

// The README's table of keys has each key by the name that help gives it, and no key
// that does nothing.
func TestKeysInTheReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n| key | |\n|---|---|\n")
	if !found {
		t.Fatal("the README has no table of keys")
	}
	rows, _, _ := strings.Cut(rest, "\n\n")
	var listed []string
	for row := range strings.Lines(rows) {
		keys, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(keys, -1) {
			listed = append(listed, name[1])
		}
	}
	var there []string
	keys := newKeys()
	for _, b := range bindings(reflect.ValueOf(&keys).Elem()) {
		if name := b.Help().Key; name != "" && !slices.Contains(listed, name) {
			t.Errorf("the README's table of keys lacks %s (%s): add it", name, b.Help().Desc)
		}
		there = append(append(there, b.Help().Key), b.Keys()...)
	}
	for _, name := range listed {
		if !slices.Contains(there, name) {
			t.Errorf("the README's table of keys has %s, which does nothing: remove it", name)
		}
	}
}

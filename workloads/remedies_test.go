//go:build linux

package workloads

import "testing"

func TestMountPoint(t *testing.T) {
	for dir, want := range map[string]string{
		"/": "/", "/proc": "/proc", "/proc/sys/net/core": "/proc", "/proc/self/../sys": "/proc", "/nowhere/at/all": "/nowhere/at/all",
	} {
		if got := mountPoint(dir); got != want {
			t.Errorf("%s is on %s, want %s", dir, got, want)
		}
	}
}

// A source that was made for the run is not what another one is advised instead of.
func TestSupportOfAutoNamesNoAuto(t *testing.T) {
	source, _ := open(t, "auto:8192", "null")
	never := &Strategy{Name: "fragile", loop: func(w *window) {
		if w.inSize == source.Bytes {
			w.fail(0, 1)
		}
	}}
	if remedy := alternative(never, source, SinkTCP); remedy != "take read-write" {
		t.Errorf("%q", remedy)
	}
}

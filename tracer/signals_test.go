//go:build linux

package tracer

import (
	"os"
	"strings"
	"testing"
)

func TestUndisturbed(t *testing.T) {
	blocked := func() string {
		status, err := os.ReadFile("/proc/thread-self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, mask, _ := strings.Cut(string(status), "SigBlk:\t")
		mask, _, _ = strings.Cut(mask, "\n")
		return mask
	}
	var during string
	undisturbed(func() { during = blocked() })
	if want := "0000000008400000"; during != want { // SIGWINCH 28, SIGURG 23; see proc_pid_status(5)
		t.Errorf("signals %s are blocked, want %s", during, want)
	}
	if after := blocked(); strings.Trim(after, "0") != "" {
		t.Errorf("signals %s are still blocked afterwards", after)
	}
}

//go:build linux

package tracer

import (
	"os"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/ledger"
)

func TestUnheld(t *testing.T) {
	for _, test := range []struct {
		release string
		engines []ledger.Engine
		doubted bool
	}{
		{"6.12.117+deb12-cloud-amd64", []ledger.Engine{ledger.Fentry}, false},
		{"6.1.0-56-cloud-amd64", []ledger.Engine{ledger.Fentry}, false},
		{"6.11.0-9-generic", []ledger.Engine{ledger.Fentry}, true},
		{"99.0-rc1", []ledger.Engine{ledger.Fentry}, true},
		{"99.0-rc1", []ledger.Engine{ledger.Fentry, ledger.Breakpoint, ledger.Derived}, false}, // the run itself holds them
		{"99.0-rc1", []ledger.Engine{ledger.Derived}, false},
		{"99", []ledger.Engine{ledger.Fentry}, true},
		{"", []ledger.Engine{ledger.Fentry}, true},
	} {
		if why := unheld(test.release, test.engines); (why != "") != test.doubted {
			t.Errorf("%q, %v: %q", test.release, test.engines, why)
		}
	}
}

// A guest in which the engines are held against each other is of a series that says so.
func TestGuestIsHeld(t *testing.T) {
	engines := os.Getenv(enginesEnv)
	if why := unheld(release(), []ledger.Engine{ledger.Fentry}); why != "" && strings.Contains(engines, string(ledger.Breakpoint)) {
		t.Errorf("%s: if TestEnginesAgree passes here, add the series of %s to heldSeries", why, release())
	}
}

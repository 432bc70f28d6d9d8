//go:build linux

package workloads

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
)

// FuzzAddress: what is taken for HOST:PORT has both, and names a port that there is;
// all else is refused with what to do.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"192.0.2.1:7373", "[::1]:7373", "[fe80::1%eth0]:1", "host:0", "host:65536", "host:-1", ":7373", "host:", "::1", "192.0.2.1",
		"tcp", "tcp:80", "file:/x:80", "a:b:c", "[::1", "[::1]:+7", "host:007", "host:1e3", "host: 80", "", ":", "null\x00:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		kind, remote := KindOf(spec)
		if !remote {
			if name, _, colon := strings.Cut(spec, ":"); string(kind) != name || colon && !slices.Contains(SinkKinds, kind) {
				t.Errorf("%q is of kind %q", spec, kind)
			}
			return
		}
		err := checkAddress(spec)
		var refused *fault.Error
		switch {
		case err != nil:
			if !errors.As(err, &refused) || refused.Kind != fault.Usage || refused.Remedy == "" {
				t.Errorf("%q is refused with %v", spec, err)
			}
			return
		case kind != SinkTCP:
			t.Errorf("%q is of kind %q", spec, kind)
		}
		host, port, err := net.SplitHostPort(spec)
		if n, portErr := strconv.Atoi(port); err != nil || host == "" || portErr != nil || n < 1 || n > 65535 {
			t.Errorf("%q is taken for host %q, port %q", spec, host, port)
		}
	})
}

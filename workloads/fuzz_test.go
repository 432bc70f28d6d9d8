//go:build linux

package workloads

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
)

// FuzzSink: what is taken for a sink is one of the kinds, or HOST:PORT with both, and a
// port that there is; it is written as it was typed. All else is refused with what to do.
func FuzzSink(f *testing.F) {
	for _, seed := range []string{
		"192.0.2.1:7373", "[::1]:7373", "[fe80::1%eth0]:1", "host:0", "host:65536", "host:-1", ":7373", "host:", "::1", "192.0.2.1",
		"tcp", "tcp:80", "file:/x:80", "a:b:c", "[::1", "[::1]:+7", "host:007", "host:1e3", "host: 80", "", ":", "null\x00:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := ParseSink(text)
		var refused *fault.Error
		switch {
		case err != nil:
			if !errors.As(err, &refused) || refused.Kind != fault.Usage || refused.Remedy == "" {
				t.Errorf("%q is refused with %v", text, err)
			}
			return
		case spec.String() != text || !slices.Contains(SinkKinds, spec.Kind):
			t.Errorf("%q is taken for %+v, %q", text, spec, spec)
		case spec.Path != "" && (spec.Kind != SinkFile || spec.IsRemote()):
			t.Errorf("%q has the path %q", text, spec.Path)
		case !spec.IsRemote():
			return
		case spec.Kind != SinkTCP:
			t.Errorf("%q is of kind %q", text, spec.Kind)
		}
		host, port, err := net.SplitHostPort(spec.Host)
		if n, portErr := strconv.Atoi(port); err != nil || host == "" || portErr != nil || n < 1 || n > 65535 {
			t.Errorf("%q is taken for host %q, port %q", text, host, port)
		}
	})
}

package reading

import (
	"fmt"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// CPUsText is how many CPUs the machine has online, and how many of them zctrace was allowed,
// if not all; "" if nobody knows.
func CPUsText(h trace.Host) string {
	online := human.Plural(int64(h.CPUs), "CPU")
	switch {
	case h.CPUs <= 0 && h.CPUsAllowed <= 0:
		return ""
	case h.CPUs <= 0:
		return human.Plural(int64(h.CPUsAllowed), "CPU") + " allowed"
	case h.CPUsAllowed > 0 && h.CPUsAllowed < h.CPUs:
		return fmt.Sprintf("%d of %s allowed", h.CPUsAllowed, online)
	}
	return online
}

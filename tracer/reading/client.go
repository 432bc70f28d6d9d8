package reading

import (
	"path/filepath"
	"slices"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// clients are commands that ask a daemon to do the work, and what then does it.
var clients = map[string]string{
	"docker": "its containers", "podman": "its containers", "podman-remote": "its containers", "nerdctl": "its containers",
	"ctr": "its containers", "crictl": "its containers", "lxc": "its containers", "incus": "its containers",
	"machinectl": "its machines", "virsh": "its machines",
	"kubectl": "its pods", "oc": "its pods",
	"systemctl": "its units", "systemd-run": "its units", "service": "its units",
}

// clientBytes are moved at most by a client for itself: configuration, requests and answers. One that
// moves more (docker save, kubectl cp, podman with its containers in the tree) works itself.
const clientBytes = 1 << 20

// Elsewhere says so if the command of exec is a client or started one (sh -c 'docker run ...'), and the work was done by
// others whom exec does not follow. It is "" where the programs did some themselves or talked to nobody, and where that is
// not known.
func Elsewhere(p *trace.Program) string {
	if p.Scope.Kind != trace.ScopeExec {
		return ""
	}
	names := []string{}
	if len(p.Scope.Command) > 0 {
		names = append(names, filepath.Base(p.Scope.Command[0]))
	}
	for i := range p.Processes {
		names = append(names, p.Processes[i].Comm)
	}
	at := slices.IndexFunc(names, func(name string) bool { return clients[name] != "" })
	moved, asked := trace.Known(0), false
	for key, by := range p.Total.ByPath {
		moved = moved.Add(by.Bytes)
		for _, from := range []string{trace.EndUnix, trace.EndTCP} {
			asked = asked || key == trace.PathKey(from, trace.EndUser) && by.Calls.Or(0) > 0
		}
	}
	if at < 0 || !asked || moved.Or(clientBytes+1) > clientBytes {
		return ""
	}
	return names[at] + " is a client, and no more than " + human.FormatBytes(moved.Or(0)) + " moved here: the work is done by other processes, " +
		clients[names[at]] + ", which exec does not follow; give exec the command that they run"
}

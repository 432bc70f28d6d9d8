package reading

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// A client of a daemon is told from a command that works itself.
func TestElsewhere(t *testing.T) {
	const does = "docker is a client, and no more than 64 KiB moved here: the work is done by other processes, its containers, which exec does not follow; give exec the command that they run"
	bytes := func(n int64) trace.PathCost { return trace.PathCost{Calls: trace.Known(1), Bytes: trace.Known(n)} }
	for _, test := range []struct {
		name    string
		kind    string
		command []string
		paths   map[string]trace.PathCost
		want    string
	}{
		{"asks and waits", "exec", []string{"/usr/bin/docker", "run"}, map[string]trace.PathCost{"file->user": bytes(60 << 10), "unix->user": bytes(4 << 10)}, does},
		{"over TCP", "exec", []string{"docker"}, map[string]trace.PathCost{"tcp->user": bytes(64 << 10)}, does},
		{"moves much itself", "exec", []string{"docker", "save"}, map[string]trace.PathCost{"unix->user": bytes(64 << 20), "user->file": bytes(64 << 20)}, ""},
		{"just within", "exec", []string{"systemctl"}, map[string]trace.PathCost{"unix->user": bytes(1 << 20)}, "systemctl is a client, and no more than 1 MiB moved here: the work is done by other processes, its units, which exec does not follow; give exec the command that they run"},
		{"just without", "exec", []string{"systemctl"}, map[string]trace.PathCost{"unix->user": bytes(1<<20 + 1)}, ""},
		{"asks nobody", "exec", []string{"docker", "--help"}, map[string]trace.PathCost{"user->device": bytes(4 << 10)}, ""},
		{"not known", "exec", []string{"docker"}, map[string]trace.PathCost{"unix->user": {Calls: trace.Known(1)}}, ""},
		{"nothing counted", "exec", []string{"docker"}, nil, ""},
		{"another command", "exec", []string{"curl"}, map[string]trace.PathCost{"unix->user": bytes(1)}, ""},
		{"attached", "attach", []string{"docker"}, map[string]trace.PathCost{"unix->user": bytes(1)}, ""},
		{"no command", "exec", nil, map[string]trace.PathCost{"unix->user": bytes(1)}, ""},
		{"by a shell", "exec", []string{"sh", "-c", "docker run"}, map[string]trace.PathCost{"file->user": bytes(60 << 10), "unix->user": bytes(4 << 10)}, does},
	} {
		p := &trace.Program{Scope: trace.Scope{Kind: test.kind, Command: test.command}, Total: trace.Cost{ByPath: test.paths}}
		if len(test.command) > 0 && test.command[0] == "sh" {
			p.Processes = []trace.ProcessRow{{Comm: "sh"}, {Comm: "docker"}}
		}
		if got := Elsewhere(p); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

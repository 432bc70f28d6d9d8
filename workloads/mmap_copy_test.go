//go:build linux

package workloads

import (
	"os"
	"path/filepath"
	"testing"
)

// A run that is stopped early leaves what it has written and no zeros after it.
func TestMmapCopyLeavesNoTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink")
	cfg := Config{Work: Work{Bytes: 1 << 20, Chunk: 4096, Rate: 1 << 14}} // it would take a minute
	sender, _, source, sink := workload{mmapCopy, "auto:1M", "file:" + path, cfg}.start(t)
	release(t, sender)
	eventually(t, "payload", func() bool { return sender.Payload() > 0 })
	sender.Stop()
	res, err := wait(t, sender)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if res.Payload == 1<<20 || info.Size() != res.Payload {
		t.Errorf("the sink has %d bytes after a payload of %d", info.Size(), res.Payload)
	}
	if d := sender.Declared(); d.UserSpace != res.Payload {
		t.Errorf("%d bytes were copied in user space, want %d", d.UserSpace, res.Payload)
	}
	outcome{sent: res, source: source, sink: sink}.verified(t, res.Payload)
}

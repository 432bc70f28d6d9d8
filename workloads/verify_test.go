//go:build linux

package workloads

import (
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
)

func TestVerifyCatchesACorruptedByte(t *testing.T) {
	const at = 123_457
	for _, source := range []string{"auto:1M", "auto:100000", "zero"} { // the second goes round before
		for _, sink := range []SinkKind{SinkTCP, SinkUnix, SinkPipe} {
			t.Run(source+"/"+string(sink), func(t *testing.T) {
				o := workload{readWrite, source, string(sink), Config{Work: Work{Bytes: 1 << 20, Chunk: 4096, Verify: true}, CorruptAt: ptr(int64(at))}}.run(t)
				if o.sendErr != nil || o.receiveErr != nil || o.received.Payload != 1<<20 {
					t.Fatalf("%+v", o)
				}
				checkMismatch(t, o.received.Mismatch, at)
			})
		}
	}
	t.Run("file", func(t *testing.T) {
		o := workload{readWrite, "auto:1M", "file", Config{Work: Work{Bytes: 1 << 20, Chunk: 4096}, CorruptAt: ptr(int64(at))}}.run(t)
		bad, err := o.sink.VerifyFile(t.Context(), o.source, o.sent.Payload)
		if err != nil {
			t.Fatal(err)
		}
		checkMismatch(t, bad, at)
	})
}

func checkMismatch(t *testing.T, bad *Mismatch, at int64) {
	t.Helper()
	if bad == nil {
		t.Fatal("the corrupted byte was not found")
	}
	if bad.Offset != at || bad.Got != ^bad.Expected {
		t.Errorf("found %+v, want all bits flipped at %d", *bad, at)
	}
}

func TestVerifyAgainstASnapshot(t *testing.T) {
	source, err := sourceNamed(t.Context(), tempFile(t, 300_001), nil)
	must(t, err)
	defer source.Close()
	expect, err := source.Snapshot(t.Context(), 200_000)
	must(t, err)
	defer expect.Close()

	wl := workload{sendfile, source.Path, "tcp", Config{Work: Work{Bytes: 200_000, Chunk: 4096, Verify: true}, Expect: expect}}
	wl.run(t).verified(t, 200_000)

	// And it is the snapshot that counts.
	_, err = expect.WriteAt([]byte{0}, 199_999)
	must(t, err)
	o := wl.run(t)
	if m := o.received.Mismatch; m == nil || m.Offset != 199_999 || m.Expected != 0 {
		t.Errorf("found %+v, want offset 199999", m)
	}
}

// The receiver maps what is sent, however large the source is.
func TestVerifyMapsWhatIsSent(t *testing.T) {
	s := hole(t, 4<<40)
	sink, err := sinkNamed("tcp", s, nil)
	must(t, err)
	t.Cleanup(sink.Close)
	cfg := Config{Role: Receiver, Work: Work{Chunk: 4096, Verify: true, Bytes: 300_001}, Source: s, Sink: sink}
	j, _, err := cfg.job()
	must(t, err)
	if j.ExpectSize != 300_001 {
		t.Fatalf("%d bytes are mapped, want 300001", j.ExpectSize)
	}
	receiver := startWorker(t, cfg)
	cfg.Role, cfg.Work.Strategy = Sender, sendfile
	sender := startWorker(t, cfg)
	sink.HandOver()
	release(t, receiver)
	release(t, sender)
	if res, err := wait(t, receiver); err != nil || res.Payload != 300_001 || res.Mismatch != nil {
		t.Errorf("%+v, %v", res, err)
	}

	cfg.Role, cfg.Work.Bytes = Receiver, 0
	_, err = Start(cfg)
	mustFail(t, err, fault.Usage, "does not fit into the page cache: 4 TiB of it", "--bytes", "--verify")
	_, err = s.Snapshot(t.Context(), 0)
	mustFail(t, err, fault.Usage, "4 TiB of the source does not fit into memory", "--bytes")
}

func TestOnlyAUserBufferCanBeCorrupted(t *testing.T) {
	source, sink := open(t, "zero", "null")
	_, err := Start(Config{Role: Sender, Work: Work{Strategy: sendfile, Chunk: 1}, Source: source, Sink: sink, CorruptAt: ptr(int64(0))})
	mustFail(t, err, fault.Usage, "sendfile", "read-write")
}

func TestExpectationTruncatedWhileItIsCompared(t *testing.T) {
	source, err := sourceNamed(t.Context(), "auto:1M", nil)
	must(t, err)
	defer source.Close()
	expect, err := source.Snapshot(t.Context(), 0)
	must(t, err)
	defer expect.Close()
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Work: Work{Chunk: 4096, Verify: true}, Expect: expect}}.start(t)
	must(t, expect.Truncate(0))
	release(t, receiver)
	release(t, sender)
	_, err = wait(t, receiver)
	mustSay(t, err, "receiver", "SIGBUS", "truncated the source")
}

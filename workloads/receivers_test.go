//go:build linux

package workloads

import (
	"strings"
	"testing"
)

// Every byte arrives, whatever sends it and however it is received; a file that the
// receiver keeps goes round with the source.
func TestReceivers(t *testing.T) {
	for _, m := range ReceiveMethods {
		for _, sink := range m.sinks {
			for _, s := range []*Strategy{readWrite, sendfile, vmsplice, msgZerocopy} {
				if Support(s, nil, sink) != nil {
					continue
				}
				for _, source := range []string{"auto:300001", "zero"} {
					t.Run(m.Name+"/"+string(sink)+"/"+s.Name+"/"+source, func(t *testing.T) {
						const n = 1_000_123
						cfg := Config{Work: Work{Bytes: n, Chunk: 40_000, Receive: m, Verify: !m.discards}}
						o := workload{s, source, string(sink), cfg}.run(t)
						o.verified(t, n)
						if !m.keeps {
							return
						}
						bad, err := o.sink.VerifyFile(t.Context(), o.source, o.sent.Payload)
						if err != nil || bad != nil {
							t.Errorf("%+v, %v", bad, err)
						}
					})
				}
			}
		}
	}
}

// A byte that is wrong is found, also in pages that were only mapped and in a file.
func TestReceiversFindACorruptedByte(t *testing.T) {
	const at = 123_457
	for _, m := range []*ReceiveMethod{spliceReceiver, zerocopyReceiver} {
		t.Run(m.Name, func(t *testing.T) {
			cfg := Config{Work: Work{Bytes: 200_000, Chunk: 4096, Receive: m, Verify: true}, CorruptAt: ptr(int64(at))}
			o := workload{readWrite, "auto:1M", "tcp", cfg}.run(t)
			bad := o.received.Mismatch
			if m.keeps {
				var err error
				bad, err = o.sink.VerifyFile(t.Context(), o.source, o.sent.Payload)
				must(t, err)
			}
			checkMismatch(t, bad, at)
		})
	}
}

func TestReceiveMethodCheck(t *testing.T) {
	for _, test := range []struct {
		method *ReceiveMethod
		sink   SinkKind
		verify bool
		says   string // "": it goes
	}{
		{ReadReceiver, SinkFile, false, ""},
		{ReadReceiver, SinkTCP, true, ""},
		{spliceReceiver, SinkPipe, true, ""},
		{spliceReceiver, SinkNull, false, "nobody receives from sink null"},
		{zerocopyReceiver, SinkTCP, true, ""},
		{zerocopyReceiver, SinkUnix, false, "only a TCP socket can be mapped"},
		{truncReceiver, SinkTCP, false, ""},
		{truncReceiver, SinkTCP, true, "nothing can be verified"},
		{truncReceiver, SinkPipe, false, "only TCP discards"},
	} {
		err := test.method.Check(test.sink, test.verify)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s from %s, verify %v: %v", test.method.Name, test.sink, test.verify, err)
		}
	}
}

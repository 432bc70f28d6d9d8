//go:build linux

package workloads

import (
	"fmt"
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
)

// Both sinks get every byte, whichever of them is slow, and whichever pairs they are.
func TestTeeToAllPairs(t *testing.T) {
	const n = 300_001
	for _, one := range SinkKinds {
		for _, two := range SinkKinds {
			t.Run(fmt.Sprintf("%s and %s", one, two), func(t *testing.T) {
				wl := workload{tee, tempFile(t, 100_000), fmt.Sprintf("%s,%s", one, two), Config{Work: Work{Bytes: n, Chunk: 4093, Verify: true}}}
				o := wl.run(t)
				if o.sendErr != nil || o.receiveErr != nil || o.received.Mismatch != nil {
					t.Fatalf("%+v", o)
				}
				ends := int64(0)
				for _, kind := range []SinkKind{one, two} {
					if kind != SinkFile && kind != SinkNull {
						ends++
					}
				}
				if o.sent.Payload != n || o.received.Payload != ends*n {
					t.Errorf("%d bytes sent, %d received at %d ends", o.sent.Payload, o.received.Payload, ends)
				}
			})
		}
	}
}

// A wrong byte is found at either end, with its place in the payload.
func TestTeeVerifies(t *testing.T) {
	source, err := sourceNamed(t.Context(), tempFile(t, 200_000), nil)
	must(t, err)
	defer source.Close()
	expect, err := source.Snapshot(t.Context(), 0)
	must(t, err)
	defer expect.Close()
	_, err = expect.WriteAt([]byte{0}, 123_457)
	must(t, err)
	for _, sinks := range []string{"tcp,null", "null,tcp", "tcp,unix", "pipe,pipe"} {
		t.Run(sinks, func(t *testing.T) {
			o := workload{tee, source.Path, sinks, Config{Work: Work{Bytes: 200_000, Chunk: 4096, Verify: true}, Expect: expect}}.run(t)
			if m := o.received.Mismatch; m == nil || m.Offset != 123_457 || m.Expected != 0 {
				t.Errorf("found %+v, want offset 123457", m)
			}
		})
	}
}

func TestCheckSinks(t *testing.T) {
	check := func(s *Strategy, sinks int) error {
		w := Work{Strategy: s, Sinks: make([]SinkSpec, sinks)}
		return w.CheckSinks()
	}
	must(t, check(tee, 2))
	must(t, check(sendfile, 1))
	mustFail(t, check(tee, 1), fault.Usage, "tee takes two sinks", "give --sink twice")
	mustFail(t, check(sendfile, 2), fault.Usage, "only tee takes two sinks", "give one --sink")
}

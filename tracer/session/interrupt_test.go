//go:build linux

package session

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// elsewhere is a receiver for one sender, as in workloads/protocol.go. It says that it got
// so many bytes, or, if that is negative, nothing.
func elsewhere(t *testing.T, payload int64) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		hello := make([]byte, 16)
		_, _ = io.ReadFull(conn, hello)
		magic := hello[:8:8]
		_, _ = conn.Write(append(magic, make([]byte, 8)...))
		_, _ = io.Copy(io.Discard, conn)
		if payload >= 0 {
			_, _ = conn.Write(append(binary.BigEndian.AppendUint64(magic, uint64(payload)), make([]byte, 32)...))
		}
		_, _ = listener.Accept() // until the test ends
	}()
	return listener.Addr().String()
}

// An interruption after the transfer ends what is still to do, and the trace says what is
// not known; the totals are those of the transfer.
func TestInterruptedEnd(t *testing.T) {
	const huge = 1 << 36 // bytes; to compare them would take half a minute or more
	for _, test := range []struct {
		name, during string
		payload      int64 // in the receipt
		cfg          func(*Config)
	}{
		{"the receipt", "to say what it received", -1, func(*Config) {}},
		{"the receipt, to verify", "to say what it received", -1, func(c *Config) { c.Verify = true }},
		{"the checksum", "comparing what", huge, func(c *Config) { c.Verify = true }},
		{"the comparison", "comparing sink file", 0, func(c *Config) { c.Verify, c.Sinks = true, sinks("file") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			cfg.Source, cfg.Sinks = source("zero"), sinks(elsewhere(t, test.payload))
			test.cfg(&cfg)
			ctx, interrupt := context.WithCancelCause(t.Context())
			defer interrupt(nil)
			reached := time.Time{}
			cfg.Doing = func(what string) {
				if strings.Contains(what, test.during) {
					reached = time.Now()
					time.AfterFunc(50*time.Millisecond, func() { interrupt(errors.New("Ctrl-C")) })
					if cfg.Sinks[0].Kind == workloads.SinkFile { // which is soon compared
						<-ctx.Done()
					}
				}
			}
			s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: moves(huge)}}
			s.snapshot.Slots[ledger.Sender].State = bpf.ObjectSlotStateCLOSED
			got, err := Run(ctx, cfg, s.deps(), nil)
			if err != nil || got == nil {
				t.Fatalf("it failed: %v", err)
			}
			if took := time.Since(reached); reached.IsZero() || took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
			if r := got.Run; r.Ended != trace.Interrupted || r.Error != "" || r.Verified != nil || r.PayloadBytes != trace.Known(huge) {
				t.Errorf("it ended %q, error %q, verified %v, payload %v", r.Ended, r.Error, r.Verified, r.PayloadBytes)
			}
		})
	}
}

// Without a receipt nobody knows whether the NIC has sent everything.
func TestNoReceiptNoNICs(t *testing.T) {
	for _, payload := range []int64{5, -1} {
		sink, err := workloads.Dial(t.Context(), elsewhere(t, payload), false)
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		sink.Device = workloads.Device{Name: "eth0", Kind: "nic"}
		a := &attempt{workload: &workload{sink: sink}, said: &said{}}
		a.Sinks = sinks("null")
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		if payload < 0 {
			interrupt()
		}
		if now, err := a.takeReceipt(ctx, false); err != nil || now != (payload < 0) {
			t.Errorf("interrupted: %v, %v", now, err)
		}
		var party ledger.Party
		a.askNICs(&party)
		if unknown := payload < 0; (party.UnknownTx != "") != unknown || (party.UnknownRx != "") != unknown {
			t.Errorf("with a receipt of %d bytes: sent %q, received %q", payload, party.UnknownTx, party.UnknownRx)
		}
	}
}

// Who interrupts the transfer still learns what arrived, if that does not take long.
func TestInterruptedTransfer(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload int64
		err     string
	}{
		{"received", 5, ""},
		{"not all received", 4, "5 bytes sent, and 4 received"},
		{"not told", -1, "did not say what it received: it took more than 10s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			cfg.Sinks = sinks(elsewhere(t, test.payload))
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: func(w *fakeWorker) {
				interrupt()
				<-w.stop
				moves(5)(w)
			}}}
			got, err := Run(ctx, cfg, s.deps(), nil)
			if got == nil || got.Run.Ended != trace.Interrupted {
				t.Fatalf("it did not end as interrupted: %v", err)
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("the error is %v, want one with %q", err, test.err)
			}
		})
	}
}

//go:build linux

package workloads

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zctrace/zctrace/internal/fault"
)

// server runs one at a free port of 127.0.0.1 until the test ends.
func server(t *testing.T) (address string, served <-chan Served) {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	reports := make(chan Served, 2*maxHandshakes)
	s.Report = func(r Served) { reports <- r }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
	return s.Address(), reports
}

func report(t *testing.T, served <-chan Served) Served {
	t.Helper()
	select {
	case r := <-served:
		return r
	case <-time.After(hang):
		t.Fatal("the server reports nothing")
		return Served{}
	}
}

// Several senders at once, more than it takes, and one that comes when they are gone.
func TestServeManyAtOnce(t *testing.T) {
	address, served := server(t)
	var sinks []*Sink
	for range maxSenders {
		sink, err := Dial(t.Context(), address, false)
		must(t, err)
		sinks = append(sinks, sink)
	}
	_, err := Dial(t.Context(), address, false)
	mustFail(t, err, fault.Failed, "as many senders as it takes", "wait")
	if r := report(t, served); r.Err == nil || !strings.Contains(r.Err.Error(), "refused") {
		t.Errorf("the server reports %+v", r)
	}
	var all sync.WaitGroup
	for _, sink := range sinks {
		all.Go(func() {
			defer sink.Close()
			_, err := sink.sender.Write([]byte("some bytes"))
			if err == nil {
				_, err = sink.Finish(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for range sinks {
		if r := report(t, served); r.Err != nil || r.Bytes != 10 {
			t.Errorf("the server reports %+v", r)
		}
	}
	sink, err := Dial(t.Context(), address, false)
	must(t, err)
	sink.Close()
}

// Who has not said who they are takes no sender's place, and is not waited for.
func TestServeSilentConnections(t *testing.T) {
	address, served := server(t)
	connect := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	for i := range maxSenders {
		_, err := io.WriteString(connect(), magic[:i%len(magic)])
		must(t, err)
	}
	sink, err := Dial(t.Context(), address, false)
	must(t, err)
	defer sink.Close()
	for range maxHandshakes {
		connect()
	}
	_, err = Dial(t.Context(), address, false)
	mustFail(t, err, fault.Failed, "as many senders as it takes", "wait")

	_, err = sink.sender.Write([]byte("some bytes"))
	must(t, err)
	_, err = sink.Finish(t.Context())
	must(t, err)
	for {
		if r := report(t, served); r.Bytes == 10 && r.Err == nil {
			return
		}
	}
}

// Whoever does not speak the protocol is dropped.
func TestServeDropsStrangers(t *testing.T) {
	address, served := server(t)
	other := []byte(magic + "        ")
	other[7] = 2
	for name, test := range map[string]struct {
		says, report string
	}{
		"another protocol": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "it is no zctrace"},
		"a short word":     {"hi", "it is no zctrace"},
		"another version":  {string(other), "another version"},
		"nothing":          {"", "it left without a word"},
		"silence":          {"", "it said nothing within 5s"},
		"half a hello":     {magic + "\x00", "it left before its hello ended"},
		"a slow hello":     {magic[:4], "it did not end its hello within 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			must(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, test.says)
			must(t, err)
			if name != "silence" && name != "a slow hello" {
				_ = conn.(*net.TCPConn).CloseWrite() // it may be closed already
			}
			if r := report(t, served); r.Err == nil || !strings.Contains(r.Err.Error(), test.report) || r.Bytes != 0 {
				t.Errorf("the server reports %+v, want %q", r, test.report)
			}
			_, _ = io.Copy(io.Discard, conn) // until it is closed
		})
	}
}

// A number of bytes that nobody can have sent is no receipt.
func TestReceipt(t *testing.T) {
	for _, bytes := range []int64{0, 1, math.MaxInt64} {
		want := &Receipt{Bytes: bytes, SHA256: [32]byte{7}}
		if got, ok := readReceipt(want.marshal()); !ok || *got != *want {
			t.Errorf("%+v is read as %+v, %v", want, got, ok)
		}
	}
	for _, bytes := range []int64{-1, math.MinInt64} {
		if got, ok := readReceipt((&Receipt{Bytes: bytes}).marshal()); ok {
			t.Errorf("%d is read as %+v", uint64(bytes), got)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	taken, _ := server(t)
	for address, words := range map[string][]string{
		taken:            {"the port is in use", "another port"},
		"127.0.0.1":      {"is no ADDRESS:PORT"},
		"192.0.2.1:7373": {"no device here has the address 192.0.2.1", "0.0.0.0"},
		"127.0.0.1:x":    {"127.0.0.1:x"},
	} {
		kind := fault.Usage
		if address == taken {
			kind = fault.Failed
		}
		_, err := Listen(t.Context(), address)
		mustFail(t, err, kind, words...)
	}
}

//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// send runs a sender to its end.
func send(t *testing.T, sink *Sink, source *Source, cfg Config) Result {
	t.Helper()
	cfg.Role, cfg.Source, cfg.Sink, cfg.Work.Chunk = Sender, source, sink, 4093
	p, err := Start(cfg)
	must(t, err)
	sink.HandOver()
	must(t, p.WaitReady(t.Context()))
	must(t, p.Go())
	result, err := p.Wait()
	must(t, err)
	return result
}

// The payload arrives whole, the source going round, and what did not is found.
func TestRemote(t *testing.T) {
	address, served := server(t)
	path := tempFile(t, 30_001)
	for _, strategy := range []*Strategy{readWrite, sendfile} {
		for _, from := range []string{path, "zero"} {
			t.Run(strategy.Name+" from "+filepath.Base(from), func(t *testing.T) {
				source, err := sourceNamed(t.Context(), from, nil)
				must(t, err)
				defer source.Close()
				if Support(strategy, source, SinkTCP) != nil {
					t.Skipf("%s takes no %s", strategy.Name, from)
				}
				sink, err := Dial(t.Context(), address, true)
				must(t, err)
				defer sink.Close()
				if sink.Device.Kind != "loopback" || sink.Device.Name != "lo" || !sink.IsRemote() || sink.HasReceiver() {
					t.Errorf("sink %+v", sink)
				}
				for range 2 {
					result := send(t, sink, source, Config{Work: Work{Strategy: strategy, Bytes: 100_003}})
					receipt, err := sink.Finish(t.Context())
					must(t, err)
					if receipt.Bytes != 100_003 || result.Payload != 100_003 {
						t.Errorf("%d bytes sent, %d received", result.Payload, receipt.Bytes)
					}
					must(t, sink.VerifyRemote(t.Context(), source, result.Payload, receipt))
					if r := report(t, served); r.Err != nil || r.Bytes != 100_003 {
						t.Errorf("the server reports %+v", r)
					}
					must(t, sink.Reset(t.Context()))
				}
				sink.Close()
				if r := report(t, served); r.Err != nil || r.Bytes != 0 {
					t.Errorf("of a connection without payload the server reports %+v", r)
				}
			})
		}
	}
	t.Run("a wrong byte", func(t *testing.T) {
		source, err := sourceNamed(t.Context(), path, nil)
		must(t, err)
		defer source.Close()
		sink, err := Dial(t.Context(), address, true)
		must(t, err)
		defer sink.Close()
		at := int64(70_000)
		result := send(t, sink, source, Config{Work: Work{Strategy: readWrite, Bytes: 100_003}, CorruptAt: &at})
		receipt, err := sink.Finish(t.Context())
		must(t, err)
		if err := sink.VerifyRemote(t.Context(), source, result.Payload, receipt); err == nil || !strings.Contains(err.Error(), "SHA-256") {
			t.Errorf("it found %v", err)
		}
		report(t, served)
	})
}

// What is no zctrace serve, or not there, is told so, and soon.
func TestDialRefuses(t *testing.T) {
	answers := func(answer func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				answer(conn)
			}
		}()
		return l.Addr().String()
	}
	free := answers(func(net.Conn) {})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed.Close()
	hangsUp := answers(func(c net.Conn) { c.Close() })
	ssh := answers(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2p1\r\n") })
	older := answers(func(c net.Conn) { _, _ = io.WriteString(c, magic[:7]+"\x00        ") })
	half := answers(func(c net.Conn) { _, _ = io.CopyN(c, strings.NewReader(magic+"\x00"), 9); c.Close() })
	slow := answers(func(c net.Conn) { _, _ = io.WriteString(c, magic[:3]) })
	for _, test := range []struct {
		name, address string
		kind          fault.Kind
		words         []string
	}{
		{"nobody", closed.Addr().String(), fault.Failed, []string{"nobody listens there", "zctrace serve --listen " + closed.Addr().String()}},
		{"silent", free, fault.Failed, []string{"is not zctrace serve", "did not answer within 5s", "zctrace serve --listen"}},
		{"hangs up", hangsUp, fault.Failed, []string{"is not zctrace serve", "zctrace serve --listen"}},
		{"another protocol", ssh, fault.Failed, []string{"is not zctrace serve", "SSH-2.0", "zctrace serve --listen"}},
		{"half an answer", half, fault.Failed, []string{"zctrace serve at", "ended the connection within its answer"}},
		{"a slow answer", slow, fault.Failed, []string{"zctrace serve at", "did not end its answer within 5s"}},
		{"another version", older, fault.Failed, []string{"another version", "on both machines"}},
		{"no such host", "no..such-host:7373", fault.Usage, []string{"there is no host no..such-host"}}, // nor can be: no server is asked
		{"no port", "192.0.2.1:", fault.Usage, []string{"lacks the host or the port", "192.0.2.1:7373"}},
		{"no host", ":7373", fault.Usage, []string{"lacks the host or the port"}},
		{"no such port", "192.0.2.1:70000", fault.Usage, []string{"there is no port 70000"}},
		{"IPv6 without a port", "2001:db8::1", fault.Usage, []string{"has no port", "[2001:db8::1]:7373"}},
		{"IPv6 with a port, but without brackets", "::1:7373", fault.Usage, []string{"does not say where its port begins", "take [::1]:7373"}},
		{"IPv6 with what may be a port", "2001:db8::1:80", fault.Usage, []string{"take [2001:db8::1]:80 for port 80 of it, or [2001:db8::1:80]:7373"}},
		{"too many colons", "2001:db8::1:x:y", fault.Usage, []string{"is no HOST:PORT", "[ADDRESS]:PORT"}},
		{"a misspelt sink", "fil:/tmp/x", fault.Usage, []string{"unknown sink", "did you mean file?"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			spec, err := ParseSink(test.address)
			if err == nil {
				_, err = Dial(t.Context(), spec.Host, false)
			}
			mustFail(t, err, test.kind, test.words...)
			if took := time.Since(start); took > 4*handshakeTime {
				t.Errorf("it took %v", took)
			}
		})
	}
	t.Run("an address without a port", func(t *testing.T) {
		_, err := sinkNamed("192.0.2.1", nil, nil)
		mustFail(t, err, fault.Usage, "192.0.2.1 has no port", "192.0.2.1:7373")
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the user's wish")
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		if _, err := Dial(ctx, free, false); !errors.Is(err, why) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// A server that ends in the middle is told from one that got everything.
func TestServerEndsFirst(t *testing.T) {
	s, err := Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	reports := make(chan Served, 1)
	s.Report = func(r Served) { reports <- r }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	sink, err := Dial(t.Context(), s.Address(), false)
	must(t, err)
	defer sink.Close()
	_, err = sink.sender.Write([]byte("some bytes"))
	must(t, err)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if r := report(t, reports); r.Err == nil {
		t.Errorf("the server reports %+v", r)
	}
	_, err = sink.Finish(t.Context())
	mustFail(t, err, fault.Failed, "did not say what it received", "see what zctrace serve says there")
}

// mute is a server that greets the first sender, and does nothing more for anybody.
func mute(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var senders []net.Conn
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			if senders = append(senders, conn); len(senders) == 1 {
				_, _ = conn.Write(appendHello(statusReady))
			}
		}
		for _, conn := range senders {
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// Whoever waits for a server that does not answer can be interrupted.
func TestInterruptedWait(t *testing.T) {
	why := errors.New("the user's wish")
	for name, wait := range map[string]func(context.Context, *Sink) error{
		"for the receipt":         func(ctx context.Context, s *Sink) error { _, err := s.Finish(ctx); return err },
		"for the next connection": func(ctx context.Context, s *Sink) error { return s.Reset(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			sink, err := Dial(t.Context(), mute(t), false)
			must(t, err)
			defer sink.Close()
			_, err = sink.sender.Write([]byte("some bytes"))
			must(t, err)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
			start := time.Now()
			if err := wait(ctx, sink); !errors.Is(err, why) {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(start); took > patience/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A server that resets the connection in the middle ends the sender's work, with a reason
// and no signal.
func TestServerResets(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write(appendHello(statusReady))
		_, _ = io.CopyN(io.Discard, conn, 1<<20)
		_ = conn.(*net.TCPConn).SetLinger(0) // closing is a reset then, whatever is unread
		conn.Close()
	}()
	sink, err := Dial(t.Context(), listener.Addr().String(), false)
	must(t, err)
	defer sink.Close()
	source, err := sourceNamed(t.Context(), tempFile(t, 1<<20), nil)
	must(t, err)
	defer source.Close()
	p := startWorker(t, Config{Role: Sender, Work: Work{Strategy: sendfile, Chunk: 64 << 10}, Source: source, Sink: sink})
	release(t, p)
	_, err = wait(t, p)
	mustSay(t, err, "sender", "the receiver ended first")
}

// A server that takes nothing any more is waited for as long as TCP_USER_TIMEOUT says.
func TestServerStalls(t *testing.T) {
	sink, err := Dial(t.Context(), mute(t), false)
	must(t, err)
	defer sink.Close()
	fd := int(sink.sender.Fd())
	if ms, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); err != nil || int64(ms) != patience.Milliseconds() {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, %v; want %v", ms, err, patience)
	}
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300)) // the test waits less
	source, err := sourceNamed(t.Context(), tempFile(t, 1<<20), nil)
	must(t, err)
	defer source.Close()
	p := startWorker(t, Config{Role: Sender, Work: Work{Strategy: sendfile, Chunk: 64 << 10}, Source: source, Sink: sink})
	release(t, p)
	_, err = wait(t, p)
	mustSay(t, err, "sender", fmt.Sprintf("took nothing for %v", patience))
}

// What kind of device it is stands in sysfs: only a NIC has a device of its own.
func TestLinkDevice(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{
		"eth0/device", "eth1/device", "lonely",
		"bond0/lower_eth0", "bond0/lower_eth1", "bond0.5/lower_bond0", "br0/lower_tap0", "tap0",
	} {
		must(t, os.MkdirAll(filepath.Join(dir, path), 0o755))
	}
	for name, want := range map[string]struct{ kind, stacked string }{
		"eth0":    {"nic", ""},
		"bond0":   {"nic", "bond0"},
		"bond0.5": {"nic", "bond0.5"},
		"br0":     {"virtual", ""},
		"lonely":  {"virtual", ""},
		"absent":  {"unknown", ""},
	} {
		device, stacked := linkDevice(dir, name)
		if device != (Device{Name: name, Kind: want.kind}) || stacked != want.stacked {
			t.Errorf("%s is %+v, stacked %q, want %+v", name, device, stacked, want)
		}
	}
}

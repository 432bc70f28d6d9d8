//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// peer is a process of this program, or of another build of it, that answers requests
// in JSON over a socket: it works, or it holds eBPF programs.
type peer struct {
	name   string
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  bool
	conn   net.Conn
	in     *json.Decoder
	out    *json.Encoder
}

const startTimeout = 2 * time.Minute // an emulated guest takes its time

// socket is the path that a peer that is being started connects to.
func (b *bench) socket() string { return filepath.Join(b.dir, "socket") }

func (b *bench) listen() (*net.UnixListener, error) {
	if err := os.RemoveAll(b.socket()); err != nil {
		return nil, err
	}
	return net.ListenUnix("unix", &net.UnixAddr{Name: b.socket(), Net: "unix"})
}

// start runs a command that serves on b.socket, and waits until it has connected.
func (b *bench) start(command ...string) (*peer, error) {
	listener, err := b.listen()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	p := &peer{name: strings.Join(command, " "), cmd: exec.Command(command[0], command[1:]...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// No signals to preempt goroutines: they would be traced too.
	p.cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // see settle
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	b.peers = append(b.peers, p)
	return p, p.accept(listener)
}

// accept waits until the peer has connected.
func (p *peer) accept(listener *net.UnixListener) error {
	err := listener.SetDeadline(time.Now().Add(startTimeout))
	var conn net.Conn
	if err == nil {
		conn, err = listener.Accept()
	}
	if err != nil {
		return errors.Join(err, p.end())
	}
	if p.conn != nil {
		p.conn.Close()
	}
	p.conn, p.in, p.out = conn, json.NewDecoder(conn), json.NewEncoder(conn)
	return nil
}

// again has a program execute itself once more, and connect again.
func (b *bench) again(p *peer) error {
	listener, err := b.listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := p.out.Encode(piece{Again: true}); err != nil {
		return errors.Join(err, p.end())
	}
	return p.accept(listener)
}

// ask sends a request and waits for the answer.
func (p *peer) ask(request, answer any) error {
	err := p.out.Encode(request)
	if err == nil {
		err = p.in.Decode(answer)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", p.name, err), p.end())
	}
	return nil
}

// end hangs up, whereupon the process ends. An error has what it printed.
func (p *peer) end() error {
	if p.ended {
		return nil
	}
	p.ended = true
	var err error
	if p.conn != nil {
		err = p.conn.Close()
	} else {
		err = p.cmd.Process.Kill()
	}
	if err := errors.Join(err, p.cmd.Wait()); err != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, err, p.output.Bytes())
	}
	return nil
}

// hangUp ends all peers.
func (b *bench) hangUp() (err error) {
	for _, p := range b.peers {
		err = errors.Join(err, p.end())
	}
	b.peers = nil
	return err
}

// serve is the peer's side: it answers each request until the other side hangs up.
func serve[Request, Answer any](path string, answer func(Request) (Answer, error)) error {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	defer conn.Close()
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for in.More() {
		var r Request
		if err := in.Decode(&r); err != nil {
			return err
		}
		a, err := answer(r)
		if err != nil {
			return err
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

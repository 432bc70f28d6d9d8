//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"testing"
)

// listens waits until somebody listens at a port. A connection to find that out would be served.
func listens(t *testing.T, port int) {
	t.Helper()
	entry := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: \w+:%04X \w+:0000 0A `, port))
	eventually(t, fmt.Sprintf("somebody listens at port %d", port), func() bool {
		text, err := os.ReadFile("/proc/net/tcp")
		return err == nil && entry.Match(text)
	})
}

func dial(t *testing.T, port int) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// get fetches data by HTTP, and returns how many bytes the answer has.
func get(t *testing.T, port int, data []byte) int64 {
	t.Helper()
	c := dial(t, port)
	defer c.Close()
	if _, err := io.WriteString(c, "GET /data HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasSuffix(answer, data) {
		t.Errorf("the answer of %d bytes is not data (%v)", len(answer), err)
	}
	return int64(len(answer))
}

// send sends data by TCP, and returns nothing received.
func send(t *testing.T, port int, data []byte) int64 {
	t.Helper()
	c := dial(t, port)
	defer c.Close()
	if _, err := c.Write(data); err != nil {
		t.Error(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, c) // until it has all
	return 0
}

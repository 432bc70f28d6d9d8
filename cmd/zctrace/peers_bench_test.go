//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Each contender moves data for peerSeconds in each of peerRounds, by turns.
const (
	peerRounds  = 11
	peerSeconds = 1
)

// contender measures a throughput once, in bytes per second.
type contender struct {
	name string
	rate func(b *testing.B) float64
}

// What zctrace moves while it counts, next to what the field's own tools move
// without counting. The first contender is the tool; each other's median is
// reported as a ratio to the tool's. Sender and receiver are pinned to a CPU each.
// iperf3 sends one block again and again, which zctrace does with a source of
// one chunk; a larger source is reported beside it, and so is iperf3 without Nagle's
// algorithm, which zctrace turns off for chunks of this size.
func BenchmarkPeers(b *testing.B) {
	needTracing(b)
	b.Run("sendfile", func(b *testing.B) {
		byTurns(b, iperf3(b, "iperf3_-Z", "-Z"), tcpRun("sendfile", "auto:64KiB"), tcpRun("sendfile", "auto"), iperf3(b, "iperf3_-Z_-N", "-Z", "-N"))
	})
	b.Run("read-write", func(b *testing.B) {
		byTurns(b, iperf3(b, "iperf3"), tcpRun("read-write", "auto:64KiB"), tcpRun("read-write", "auto"), iperf3(b, "iperf3_-N", "-N"))
	})
	b.Run("direct-io", func(b *testing.B) {
		file := diskFile(b, payload)
		byTurns(b, fio(file), contender{"direct-io", func(b *testing.B) float64 {
			return throughput(b, "direct-io", "--source", file, "--sink", "null")
		}})
	})
}

func byTurns(b *testing.B, contenders ...contender) {
	for range b.N {
		rates := make([][]float64, len(contenders))
		for range peerRounds {
			for i, c := range contenders {
				rates[i] = append(rates[i], c.rate(b))
			}
		}
		for i, c := range contenders {
			slices.Sort(rates[i])
			median := rates[i][peerRounds/2]
			b.Logf("%-24s %8.0f MiB/s (%.0f to %.0f)", c.name, median/mib, rates[i][0]/mib, rates[i][peerRounds-1]/mib)
			if i > 0 {
				b.ReportMetric(median/rates[0][peerRounds/2], c.name+"/"+contenders[0].name)
			}
		}
	}
}

func tcpRun(strategy, source string) contender {
	return contender{strategy + "_" + source, func(b *testing.B) float64 {
		return throughput(b, strategy, "--source", source, "--cpu", "0,1")
	}}
}

// throughput of a run with its defaults, latencies and all.
func throughput(b *testing.B, args ...string) float64 {
	args = append([]string{"run"}, append(args, "--chunk", "64KiB", "--duration", fmt.Sprintf("%ds", peerSeconds), "--json", "-")...)
	r := zctrace(b, args...)
	if r.code != 0 {
		b.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	saved, err := trace.Read(bytes.NewReader([]byte(r.stdout)))
	t := saved.Trace
	if err != nil {
		b.Fatal(err)
	}
	return float64(t.Run.PayloadBytes.Or(0)) / float64(t.Run.ElapsedNS) * 1e9
}

// iperf3 sends to a server of its own.
func iperf3(b *testing.B, name string, flags ...string) contender {
	port := strconv.Itoa(freePort(b))
	server := exec.CommandContext(b.Context(), "iperf3", "--server", "--bind", "127.0.0.1", "--port", port)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		b.Fatalf("%v (Debian package: iperf3)", err)
	}
	b.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	awaitPort(b, port)
	args := append([]string{"--client", "127.0.0.1", "--port", port, "--length", "64K", "--affinity", "0,1", "--time", strconv.Itoa(peerSeconds), "--json"}, flags...)
	return contender{name, func(b *testing.B) float64 {
		var result struct {
			End struct {
				Sent struct {
					BitsPerSecond float64 `json:"bits_per_second"`
				} `json:"sum_sent"`
			} `json:"end"`
		}
		output(b, &result, "iperf3", args...)
		return result.End.Sent.BitsPerSecond / 8
	}}
}

// fio reads the file as direct-io does.
func fio(file string) contender {
	return contender{"fio", func(b *testing.B) float64 {
		var result struct {
			Jobs []struct {
				Read struct {
					BytesPerSecond float64 `json:"bw_bytes"`
				} `json:"read"`
			} `json:"jobs"`
		}
		output(b, &result, "fio", "--name=read", "--filename="+file, "--rw=read", "--ioengine=psync", "--direct=1", "--bs=64k",
			"--time_based", "--runtime="+strconv.Itoa(peerSeconds), "--output-format=json")
		return result.Jobs[0].Read.BytesPerSecond
	}}
}

func output(b *testing.B, result any, name string, args ...string) {
	cmd := exec.CommandContext(b.Context(), name, args...)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, result)
	}
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func freePort(b testing.TB) int {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitPort(b *testing.B, port string) {
	for range 100 {
		if c, err := net.Dial("tcp4", "127.0.0.1:"+port); err == nil {
			c.Close()
			time.Sleep(100 * time.Millisecond) // until the server is ready for the next one
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatalf("nobody listens on port %s", port)
}

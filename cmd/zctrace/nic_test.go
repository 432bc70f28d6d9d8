//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// nicsEnv names the drivers of which this machine has two NICs, joined to each other
// and used for nothing else; see scripts/vm.
const nicsEnv = "ZCTRACE_TEST_NICS"

// gathers are the drivers whose NIC collects a packet from where its parts lie. For
// the other the stack has to copy: QEMU's virtio NICs do it only where the host's
// side can take packets without checksums, and a hub cannot.
var gathers = map[string]bool{"vmxnet3": true, "virtio_net": false}

// headers are those of a packet that is not the first of its connection: Ethernet,
// IPv4, and TCP with time stamps.
const headers = 14 + 20 + 20 + 12

// small is the most payload of a packet that vmxnet3's driver copies into its ring of 128
// bytes for each, and pulls together for that (vmxnet3_parse_hdr). When TCP
// sends the end of a chunk by itself, with how many bytes, depends on timing.
const small = 128 - headers

// hello is with how many bytes each end greets the other before the window.
const hello = 16

// outside is what else passes besides headers: SYN and its answer have 8 bytes of options
// more.
const outside = 8 + hello

// What a NIC moves is counted to the byte: payload and headers, as the device's own
// statistics say, and DMA is as in the textbook.
func TestNIC(t *testing.T) {
	needTracing(t)
	drivers := strings.Fields(os.Getenv(nicsEnv))
	if len(drivers) == 0 {
		t.Skip("no two NICs here that are joined and used for nothing else; it is tested in the guests: make test-vm RUN=TestNIC")
	}
	const n = 1_000_123
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			w := join(t, devicesOf(t, driver))
			sink := w.serve(t)
			source := diskFile(t, n)
			for i, row := range nicRows {
				if !dealt(i) {
					continue
				}
				t.Run(row.strategy, func(t *testing.T) {
					var before statistics
					var closed closings
					tr := unskipped(t, func() *trace.Trace {
						before, closed = w.settled(), w.from.watchClosings(t)
						return w.traced(t, row.strategy, "--sink", sink, "--source", source, "--cache", "cold", "--verify")
					})
					w.checkNIC(t, tr, before, closed.resent(t, hello+n), n)
					row.want.check(t, tr)
					want{"sender.disk.read_bytes": 1_003_520, "sender.copies.in_kernel": inStack(driver, n)}.check(t, tr)
					if tr.Run.Verified == nil || !*tr.Run.Verified {
						t.Error("not verified")
					}
				})
			}
			t.Run("compare", func(t *testing.T) { w.compare(t, driver, sink) })
		})
	}
}

// inStack is what the stack copies so that the NIC finds each packet in one piece.
func inStack(driver string, n int64) int64 {
	if gathers[driver] {
		return 0
	}
	return n
}

var nicRows = []struct {
	strategy string
	want     want
}{
	{"read-write", want{"sender.copies.to_user": 1_000_123, "sender.copies.from_user": 1_000_123, "sender.moved.page_refs": 0}},
	{"mmap-write", want{"sender.copies.to_user": 0, "sender.copies.from_user": 1_000_123, "sender.moved.page_refs": 0}},
	{"sendfile", want{"sender.copies.to_user": 0, "sender.copies.from_user": 0, "sender.moved.page_refs": 1_000_123}},
	{"msg-zerocopy", want{"sender.copies.to_user": 0, "sender.copies.from_user": 0, "sender.moved.page_refs": 1_000_123, "sender.zerocopy.completions": 16}},
}

// checkNIC holds what was counted against the payload and the device.
func (w *wire) checkNIC(t *testing.T, tr *trace.Trace, before statistics, resent, payload int64) {
	t.Helper()
	if d := tr.Run.Sink.Device; d.Kind != "nic" || d.Name != w.device {
		t.Errorf("device %+v, want the NIC %s", d, w.device)
	}
	nic := tr.Total.Sender.NIC
	more := nic.TxBytes.Or(-1) - headers*nic.TxPackets.Or(0) - payload
	if more < 0 || more > resent {
		t.Errorf("%v bytes in %v packets: %d more than payload and headers, and %d were sent again", nic.TxBytes, nic.TxPackets, more, resent)
	}
	// The driver copies small packets, and a copied one may be merged into a notification that does not say so.
	copied, pulled := tr.Total.Sender.Zerocopy.Copied.Or(-1), tr.Total.Sender.Copies.NetInternal.Bytes.Or(0)
	if gathers[w.driver] && (copied != 0 && pulled == 0 || pulled > small*nic.TxPackets.Or(0)) {
		t.Errorf("%d sends were copied, %d bytes of %v packets: want none but of small ones", copied, pulled, nic.TxPackets)
	}
	var d statistics
	if !holds(func() bool { // a device counts what it sent when it gets round to it
		d = w.statistics().less(before)
		return d.tx.beyond(nic.TxBytes, nic.TxPackets) == outside && d.rx.beyond(nic.RxBytes, nic.RxPackets) == outside
	}) {
		t.Errorf("the device moved %+v: besides the handshake not %+v", d, nic)
	}
}

// compare is the acceptance: the textbook's three, cold, from a disk through a NIC.
func (w *wire) compare(t *testing.T, driver, sink string) {
	const n = mib
	file := filepath.Join(t.TempDir(), "c.json")
	r := finish(t, w.from.command(command(t, "compare", "read-write", "mmap-write", "sendfile", "--sink", sink, "--cache", "cold",
		"--source", "auto:1MiB", "--rounds", "1", "--json", file)))
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	set := readSet(t, file)
	for i, passes := range []int64{2, 1, 0} {
		tr := set.Traces[i]
		copies := tr.Total.Sender.Copies
		if cpu := copies.ToUser.Bytes.Or(-1) + copies.FromUser.Bytes.Or(-1) + copies.InKernel.Bytes.Or(-1); cpu != passes*n+inStack(driver, n) {
			t.Errorf("%s copies %d bytes", tr.Run.Strategy, cpu)
		}
		want{"sender.disk.read_bytes": n}.check(t, tr)
		nic := tr.Total.Sender.NIC
		if out := nic.TxBytes.Or(-1) - headers*nic.TxPackets.Or(0); out < n {
			t.Errorf("%s: %d bytes without headers, of %d", tr.Run.Strategy, out, n)
		}
	}
	as := strings.Count(r.stdout, "as in the textbook") - strings.Count(r.stdout, "not as in the textbook")
	if gathers[driver] && as != 3 {
		t.Errorf("%d of the three are as in the textbook:\n%s", as, r.stdout)
	}
}

// A veth pair moves no byte by DMA, and what was sent by reference is copied when it
// arrives: once, though behind a bridge it arrives at two devices.
func TestVeth(t *testing.T) {
	needTracing(t)
	needProgram(t, "ip")
	const a = "zct-veth0"
	if out, err := exec.Command("ip", "link", "add", a, "type", "veth").CombinedOutput(); err != nil {
		cannot(t, fmt.Sprintf("make a veth pair: %v: %s", err, out))
	}
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", a).Run() })
	b := peerOf(t, a)
	w := join(t, [2]string{a, b})
	t.Run("sendfile", func(t *testing.T) { w.arrives(t, "sendfile", 0) })
	t.Run("msg-zerocopy", func(t *testing.T) { w.arrives(t, "msg-zerocopy", 1) })
	w.bridge(b)
	t.Run("msg-zerocopy, bridge", func(t *testing.T) { w.arrives(t, "msg-zerocopy", 1) })
}

// arrives: what the strategy sends is copied so many times when it arrives.
func (w *wire) arrives(t *testing.T, strategy string, times int64) {
	const n = 1_000_123
	sink := w.serve(t)
	var closed closings
	tr := unskipped(t, func() *trace.Trace {
		closed = w.from.watchClosings(t)
		return w.traced(t, strategy, "--sink", sink, "--bytes", fmt.Sprint(n), "--verify")
	})
	if d := tr.Run.Sink.Device; d.Kind != "veth" || d.Name != w.device {
		t.Errorf("device %+v, want %s, veth", d, w.device)
	}
	want{"sender.nic.tx_bytes": 0, "sender.nic.tx_packets": 0, "sender.nic.rx_bytes": 0, "sender.moved.page_refs": n}.check(t, tr)
	again := closed.resent(t, hello+n)
	if got := tr.Total.Sender.Copies.InKernel.Bytes.Or(-1); got < times*n || got > times*(n+again) {
		t.Errorf("%d bytes were copied on arrival, want %d times %d, and of %d that were sent again", got, times, n, again)
	}
	if tr.Run.Verified == nil || !*tr.Run.Verified {
		t.Error("not verified")
	}
}

// bridge puts a bridge between the device at the far end and its address.
func (w *wire) bridge(device string) {
	w.t.Helper()
	w.to.shell(strings.ReplaceAll(`
		mac=$(cat /sys/class/net/DEV/address)
		ip link add zct-br type bridge
		ip link set zct-br address $mac
		echo 1 >/proc/sys/net/ipv6/conf/zct-br/disable_ipv6
		ip addr del 10.99.0.2/24 dev DEV
		ip link set DEV master zct-br
		ip addr add 10.99.0.2/24 dev zct-br
		ip link set zct-br up`, "DEV", device))
}

// peerOf is the other end of a veth pair, which the kernel has named: a busybox
// cannot.
func peerOf(t *testing.T, device string) string {
	t.Helper()
	text, err := os.ReadFile("/sys/class/net/" + device + "/iflink")
	if err != nil {
		t.Fatal(err)
	}
	index, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.InterfaceByIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	return peer.Name
}

// needProgram fails where a program is missing that make deps installs.
func needProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: see make deps", err)
	}
}

// devicesOf are the two NICs of a driver. Those that a test before had come back
// when its namespaces are gone.
func devicesOf(t *testing.T, driver string) [2]string {
	t.Helper()
	var found []string
	if !holds(func() bool {
		found = nil
		links, _ := filepath.Glob("/sys/class/net/*/device/driver")
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && filepath.Base(target) == driver {
				found = append(found, strings.Split(link, "/")[4])
			}
		}
		return len(found) == 2
	}) {
		t.Fatalf("NICs with driver %s: %v", driver, found)
	}
	return [2]string(found)
}

// namespace is a network namespace, with its own view of /sys, as long as the test
// runs.
type namespace struct {
	t   *testing.T
	pid string
}

func newNamespace(t *testing.T) namespace {
	t.Helper()
	needNamespaces(t, "-n", "-m")
	cmd := exec.Command("unshare", "-n", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && { mount -t tracefs tracefs /sys/kernel/tracing || true; } && echo ready && exec cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("make a network namespace: %v: %s", err, line)
	}
	return namespace{t, strconv.Itoa(cmd.Process.Pid)}
}

// command makes the command run in the namespace.
func (n namespace) command(cmd *exec.Cmd) *exec.Cmd {
	n.t.Helper()
	path, err := exec.LookPath("nsenter")
	if err != nil {
		n.t.Fatal(err)
	}
	cmd.Args = append([]string{path, "-t", n.pid, "-n", "-m", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = path
	return cmd
}

func (n namespace) shell(script string) string {
	n.t.Helper()
	out, err := n.command(exec.Command("sh", "-ec", script)).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%v: %s\n%s", err, script, out)
	}
	return strings.TrimSpace(string(out))
}

// wire is two devices that reach each other, each in a namespace of its own.
type wire struct {
	t        *testing.T
	from, to namespace
	device   string // at the sender's end
	driver   string
}

// join takes two devices apart. Nothing but the test's connections passes: no IPv6,
// no ARP. And nothing is sent again only because the other end was slow, as an
// emulated machine's is.
func join(t *testing.T, devices [2]string) *wire {
	t.Helper()
	w := &wire{t: t, from: newNamespace(t), to: newNamespace(t), device: devices[0]}
	if target, err := os.Readlink("/sys/class/net/" + w.device + "/device/driver"); err == nil {
		w.driver = filepath.Base(target)
	}
	ends := [2]namespace{w.from, w.to}
	// Who enters a mount namespace leaves a chroot, and sees what is mounted outside.
	if seen := strings.Fields(w.from.shell("ls /sys/class/net")); slices.Contains(seen, w.device) {
		cannot(t, "a network namespace does not see its own /sys here, as in a chroot: run it outside")
	}
	var mac [2]string
	for i, device := range devices {
		address, err := os.ReadFile("/sys/class/net/" + device + "/address")
		if err != nil {
			t.Fatal(err)
		}
		mac[i] = strings.TrimSpace(string(address))
		if out, err := exec.Command("ip", "link", "set", device, "netns", ends[i].pid).CombinedOutput(); err != nil {
			t.Fatalf("move %s into a network namespace: %v\n%s", device, err, out)
		}
	}
	for i, device := range devices {
		own, other := fmt.Sprintf("10.99.0.%d", i+1), fmt.Sprintf("10.99.0.%d", 2-i)
		ends[i].shell(strings.NewReplacer("DEV", device, "OWN", own, "OTHER", other, "MAC", mac[1-i]).Replace(`
			echo 1 >/proc/sys/net/ipv6/conf/DEV/disable_ipv6
			echo 0 >/proc/sys/net/ipv4/tcp_early_retrans
			ip link set lo up
			ip addr add OWN/24 dev DEV
			ip link set DEV up
			ip neigh replace OTHER lladdr MAC dev DEV nud permanent 2>/dev/null || arp -s OTHER MAC
			ip route replace 10.99.0.0/24 dev DEV src OWN rto_min 20s 2>/dev/null || echo 20000000 >/proc/sys/net/ipv4/tcp_rto_min_us`))
	}
	for i, device := range devices {
		eventually(t, "a carrier", func() bool {
			return ends[i].shell("cat /sys/class/net/"+device+"/carrier") == "1"
		})
	}
	return w
}

// serve starts the receiver at the far end for a test, and returns its address.
func (w *wire) serve(t *testing.T) string {
	t.Helper()
	return startServer(t, w.to.command(serving("--listen", "10.99.0.2:7373")))
}

// serving is zctrace serve, without a time limit of its own.
func serving(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"serve"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// startServer runs zctrace serve until the test ends, and returns where it listens.
func startServer(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	_, rest, ok := strings.Cut(line, "listening on ")
	address, _, _ := strings.Cut(rest, ";")
	if err != nil || !ok {
		t.Fatalf("%v: it says %q", err, line)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return address
}

// traced is traced at the near end.
func (w *wire) traced(t *testing.T, args ...string) *trace.Trace {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.json")
	r := finish(t, w.from.command(command(t, append([]string{"run", "--plain", "--json", file}, args...)...)))
	if r.code != 0 {
		t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return readTrace(t, file)
}

// traffic is what a device says of one direction.
type traffic struct{ bytes, packets int64 }

type statistics struct{ tx, rx traffic }

// beyond is how many bytes that are no headers it has more.
func (d traffic) beyond(bytes, packets trace.Int) int64 {
	return d.bytes - bytes.Or(0) - headers*(d.packets-packets.Or(0))
}

func (s statistics) less(o statistics) statistics {
	return statistics{traffic{s.tx.bytes - o.tx.bytes, s.tx.packets - o.tx.packets}, traffic{s.rx.bytes - o.rx.bytes, s.rx.packets - o.rx.packets}}
}

func (w *wire) statistics() (s statistics) {
	w.t.Helper()
	text := w.from.shell("cd /sys/class/net/" + w.device + "/statistics && cat tx_bytes tx_packets rx_bytes rx_packets")
	if _, err := fmt.Sscan(text, &s.tx.bytes, &s.tx.packets, &s.rx.bytes, &s.rx.packets); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// settled waits until the device's statistics stand still: what ended the connection
// before may be under way.
func (w *wire) settled() statistics {
	w.t.Helper()
	last := w.statistics()
	for range 50 {
		time.Sleep(300 * time.Millisecond)
		now := w.statistics()
		if now == last {
			return now
		}
		last = now
	}
	w.t.Fatal("packets keep passing")
	return last
}

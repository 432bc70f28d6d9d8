//go:build linux

package workloads

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// routeDevice is the device through which a connected socket's packets leave, and,
// if that is a virtual one with a NIC below it, its name once more.
func routeDevice(fd int) (device Device, stacked string) {
	index, err := routeIndex(fd)
	if err != nil {
		return Device{Kind: "unknown"}, ""
	}
	if index == loopbackIndex {
		return Device{Name: "lo", Kind: "loopback"}, ""
	}
	link, err := net.InterfaceByIndex(index)
	if err != nil {
		return Device{Kind: "unknown"}, ""
	}
	return linkDevice(sysNet, link.Name)
}

// loopbackIndex: lo is the first device of every network namespace.
const loopbackIndex = 1

const sysNet = "/sys/class/net"

// linkDevice tells from sysfs what kind of device it is: one that moves bytes by DMA
// has a parent device, as the eBPF programs see it too.
func linkDevice(dir, name string) (device Device, stacked string) {
	switch _, err := os.Stat(filepath.Join(dir, name)); {
	case err != nil: // sysfs is mounted for another network namespace
		return Device{Name: name, Kind: "unknown"}, ""
	case isNIC(dir, name):
		return Device{Name: name, Kind: "nic"}, ""
	case hasNICBelow(dir, name, 8):
		return Device{Name: name, Kind: "nic"}, name
	case driver(name) == "veth":
		return Device{Name: name, Kind: "veth"}, ""
	}
	return Device{Name: name, Kind: "virtual"}, ""
}

func isNIC(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name, "device"))
	return err == nil
}

// hasNICBelow looks through bonds, bridges and VLANs.
func hasNICBelow(dir, name string, depth int) bool {
	lower, _ := filepath.Glob(filepath.Join(dir, name, "lower_*"))
	for _, l := range lower {
		below := strings.TrimPrefix(filepath.Base(l), "lower_")
		if isNIC(dir, below) || depth > 0 && hasNICBelow(dir, below, depth-1) {
			return true
		}
	}
	return false
}

func driver(name string) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, name)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(info.Driver[:])
}

// routeIndex asks the kernel for the route between the socket's two addresses
// (rtnetlink(7): RTM_GETROUTE) and returns the index of its device.
func routeIndex(fd int) (int, error) {
	local, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return 0, err
	}
	from, _ := addressOf(local)
	to, zone := addressOf(peer)
	if !to.IsValid() || to.BitLen() != from.BitLen() {
		return 0, errors.New("no addresses of one family")
	}
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	defer unix.Close(socket)
	if err := unix.Sendto(socket, routeRequest(from, to, zone), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, 8<<10)
	n, _, err := unix.Recvfrom(socket, answer, 0)
	if err != nil {
		return 0, err
	}
	return routeAnswer(answer[:n])
}

// addressOf is the address of a socket, and the index of a link-local one's device.
func addressOf(sa unix.Sockaddr) (netip.Addr, uint32) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr), 0
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr).Unmap(), sa.ZoneId
	}
	return netip.Addr{}, 0
}

func routeRequest(from, to netip.Addr, zone uint32) []byte {
	order := binary.NativeEndian
	family, bits := byte(unix.AF_INET), byte(to.BitLen())
	if to.Is6() {
		family = unix.AF_INET6
	}
	// struct nlmsghdr, whose length comes last, and struct rtmsg
	b := make([]byte, 4, 128)
	b = order.AppendUint16(b, unix.RTM_GETROUTE)
	b = order.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...)
	b = append(b, family, bits, bits)
	b = append(b, make([]byte, unix.SizeofRtMsg-3)...)
	attribute := func(kind uint16, value []byte) { // all are multiples of 4 bytes
		b = order.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
		b = order.AppendUint16(b, kind)
		b = append(b, value...)
	}
	attribute(unix.RTA_DST, to.AsSlice())
	attribute(unix.RTA_SRC, from.AsSlice())
	if zone != 0 {
		attribute(unix.RTA_OIF, order.AppendUint32(nil, zone))
	}
	order.PutUint32(b, uint32(len(b)))
	return b
}

func routeAnswer(answer []byte) (int, error) {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return 0, err
	}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg {
			continue
		}
		if m.Data[7] == unix.RTN_LOCAL { // struct rtmsg's rtm_type
			return loopbackIndex, nil
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return 0, err
		}
		for _, a := range attributes {
			if a.Attr.Type == unix.RTA_OIF && len(a.Value) == 4 {
				return int(binary.NativeEndian.Uint32(a.Value)), nil
			}
		}
	}
	return 0, errors.New("the kernel names no route")
}

//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Path is where the bytes of a cell's calls come from and go to, as the trace has it (trace.Ends); "" and "" of calls that move none.
func Path(key bpf.ObjectCellKey) (from, to string) {
	c := callOf(key.Nr)
	switch {
	case c.rule == nil, c.Result >= uint8(bpf.ObjectResultRESULT_COMMANDS) && key.Flags == 0:
		return "", ""
	case c.from != "":
		return c.from, c.to
	}
	from, to = trace.EndUser, trace.EndUser
	if c.InFd != 0 {
		from = pathKind(key.In)
	}
	if c.OutFd != 0 {
		to = pathKind(key.Out)
	}
	if key.Nr == unix.SYS_VMSPLICE && !attr(key.Out, bpf.ObjectFdAttrFD_WRITABLE) { // out of the pipe
		return to, trace.EndUser
	}
	return from, to
}

func pathKind(k bpf.ObjectFdKind) string {
	if !attr(k, bpf.ObjectFdAttrFD_KNOWN) {
		return trace.EndOther
	}
	switch kindOf(k) {
	case kindControl:
		return trace.EndControl
	case kindTCP, kindTLS:
		return trace.EndTCP
	case kindUDP:
		return trace.EndUDP
	case kindUnixStream, kindUnixDgram:
		return trace.EndUnix
	}
	switch k.Format {
	case unix.S_IFREG, unix.S_IFDIR:
		return trace.EndFile
	case unix.S_IFIFO:
		return trace.EndPipe
	case unix.S_IFCHR, unix.S_IFBLK:
		return trace.EndDevice
	case unix.S_IFSOCK:
		return socketPath(k.Detail)
	}
	return trace.EndOther
}

// socketPath is by the protocol of a socket of which the rules are not certain.
func socketPath(detail uint32) string {
	family, protocol := detail>>24, detail&0xffff
	switch {
	case family != unix.AF_INET && family != unix.AF_INET6:
		return trace.EndOther
	case protocol == unix.IPPROTO_MPTCP:
		return trace.EndTCP
	case protocol == unix.IPPROTO_UDPLITE:
		return trace.EndUDP
	}
	return trace.EndOther
}

//go:build linux

package ledger

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

func file(magic uint32, attrs ...bpf.ObjectFdAttr) bpf.ObjectFdKind {
	k := bpf.ObjectFdKind{Format: unix.S_IFREG, Detail: magic, Attrs: known}
	for _, a := range attrs {
		k.Attrs |= uint16(a)
	}
	return k
}

func socket(family, typ, protocol uint32, attrs ...bpf.ObjectFdAttr) bpf.ObjectFdKind {
	k := bpf.ObjectFdKind{Format: unix.S_IFSOCK, Detail: family<<24 | typ<<16 | protocol, Attrs: known}
	for _, a := range attrs {
		k.Attrs |= uint16(a)
	}
	return k
}

func device(major, minor uint32) bpf.ObjectFdKind {
	return bpf.ObjectFdKind{Format: unix.S_IFCHR, Detail: major<<20 | minor, Attrs: known}
}

const known = uint16(bpf.ObjectFdAttrFD_KNOWN)

const (
	sg       = bpf.ObjectFdAttrFD_SG
	zerocopy = bpf.ObjectFdAttrFD_ZEROCOPY
	direct   = bpf.ObjectFdAttrFD_DIRECT
	dax      = bpf.ObjectFdAttrFD_DAX
	writable = bpf.ObjectFdAttrFD_WRITABLE
	stable   = bpf.ObjectFdAttrFD_STABLE
)

// Numbers that golang.org/x/sys/unix does not have.
const (
	bcachefs = 0xca451a4e
	ntfs3    = 0x7366746e
)

var (
	none    = bpf.ObjectFdKind{}
	ext4    = file(unix.EXT4_SUPER_MAGIC)
	xfs     = file(unix.XFS_SUPER_MAGIC)
	btrfs   = file(unix.BTRFS_SUPER_MAGIC)
	tmpfs   = file(unix.TMPFS_MAGIC)
	fuse    = file(unix.FUSE_SUPER_MAGIC)
	procfs  = file(unix.PROC_SUPER_MAGIC)
	pipe    = bpf.ObjectFdKind{Format: unix.S_IFIFO, Attrs: known}
	pipeIn  = bpf.ObjectFdKind{Format: unix.S_IFIFO, Attrs: known | uint16(writable)}
	tcp     = socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP, sg)
	tcp6    = socket(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP, sg)
	tcpNoSG = socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	tcpZC   = socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP, sg, zerocopy)
	udp     = socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP, sg)
	udpZC   = socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP, sg, zerocopy)
	stream  = socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	null    = device(1, 3)
	zero    = device(1, 5)
	random  = device(1, 9)
	block   = bpf.ObjectFdKind{Format: unix.S_IFBLK, Attrs: known}
)

func TestRules(t *testing.T) {
	for _, test := range []struct {
		name    string
		nr      uint32
		in, out bpf.ObjectFdKind
		flags   uint32
		want    []class // certain; nil with unknown: nothing is certain
		unknown []class
	}{
		{"read of a file", unix.SYS_READ, ext4, none, 0, []class{toUser}, nil},
		{"read of tmpfs with O_DIRECT copies", unix.SYS_READ, file(unix.TMPFS_MAGIC, direct), none, 0, []class{toUser}, nil},
		{"read with O_DIRECT", unix.SYS_PREAD64, file(unix.XFS_SUPER_MAGIC, direct), none, 0, nil, []class{toUser, pageRefs, fill}},
		{"read of bcachefs", unix.SYS_READ, file(bcachefs), none, 0, []class{toUser}, nil},
		{"read of ntfs3 with O_DIRECT", unix.SYS_READ, file(ntfs3, direct), none, 0, nil, []class{toUser, pageRefs, fill}},
		{"read of a DAX file", unix.SYS_READ, file(unix.EXT4_SUPER_MAGIC, dax), none, 0, nil, []class{toUser, pageRefs, fill}},
		{"read of a FUSE file", unix.SYS_READ, fuse, none, 0, nil, []class{toUser, pageRefs, fill}},
		{"read of a block device", unix.SYS_READ, block, none, 0, []class{toUser}, nil},
		{"read of a pipe", unix.SYS_READV, pipe, none, 0, []class{toUser}, nil},
		{"read of a TCP socket", unix.SYS_READ, tcp, none, 0, []class{toUser}, nil},
		{"read of /dev/zero", unix.SYS_READ, zero, none, 0, []class{fill}, nil},
		{"read of /dev/null", unix.SYS_READ, null, none, 0, nil, nil},
		{"read of /dev/urandom", unix.SYS_READ, random, none, 0, []class{toUser}, nil},
		{"write to a file", unix.SYS_WRITE, none, btrfs, 0, []class{fromUser}, nil},
		{"write with O_DIRECT", unix.SYS_PWRITE64, none, file(unix.BTRFS_SUPER_MAGIC, direct), 0, nil, []class{fromUser, pageRefs}},
		{"write to /dev/null", unix.SYS_WRITE, none, null, 0, nil, nil},
		{"write to TCP, even with SO_ZEROCOPY", unix.SYS_WRITE, none, tcpZC, 0, []class{fromUser}, nil},
		{"send with MSG_ZEROCOPY", unix.SYS_SENDTO, none, tcpZC, unix.MSG_ZEROCOPY, []class{pageRefs}, nil},
		{"send with MSG_ZEROCOPY without SO_ZEROCOPY", unix.SYS_SENDTO, none, tcp, unix.MSG_ZEROCOPY, []class{fromUser}, nil},
		{"UDP send with MSG_ZEROCOPY", unix.SYS_SENDMSG, none, udpZC, unix.MSG_ZEROCOPY, nil, []class{fromUser, pageRefs}},
		{"recv", unix.SYS_RECVFROM, tcp, none, 0, []class{toUser}, nil},
		{"TCP recv with MSG_TRUNC discards", unix.SYS_RECVFROM, tcp6, none, unix.MSG_TRUNC, nil, nil},
		{"UDP recv with MSG_TRUNC", unix.SYS_RECVMSG, udp, none, unix.MSG_TRUNC, []class{toUser}, nil},
		{"recv of notifications", unix.SYS_RECVMSG, tcp, none, unix.MSG_ERRQUEUE, []class{toUser}, nil},
		{"getsockopt(TCP_ZEROCOPY_RECEIVE), less what it mapped", unix.SYS_GETSOCKOPT, tcp, none, unix.TCP_ZEROCOPY_RECEIVE, []class{toUser}, nil},
		{"another getsockopt", unix.SYS_GETSOCKOPT, tcp, none, unix.TCP_INFO, nil, nil},
		{"sendfile to TCP", unix.SYS_SENDFILE, ext4, tcp, 0, []class{pageRefs}, nil},
		{"sendfile to TCP without scatter-gather", unix.SYS_SENDFILE, ext4, tcpNoSG, 0, []class{inKernel}, nil},
		{"sendfile to a unix socket", unix.SYS_SENDFILE, tmpfs, stream, 0, []class{pageRefs}, nil},
		{"sendfile to UDP: 6.1 copies, 6.12 does not", unix.SYS_SENDFILE, ext4, udp, 0, nil, []class{inKernel, pageRefs}},
		{"sendfile to a pipe", unix.SYS_SENDFILE, xfs, pipeIn, 0, []class{pageRefs}, nil},
		{"sendfile to a file", unix.SYS_SENDFILE, ext4, ext4, 0, []class{inKernel}, nil},
		{"sendfile to /dev/null", unix.SYS_SENDFILE, ext4, null, 0, []class{pageRefs}, nil},
		{"sendfile from /dev/zero", unix.SYS_SENDFILE, zero, tcp, 0, []class{fill, pageRefs}, nil},
		{"sendfile from /proc", unix.SYS_SENDFILE, procfs, tcp, 0, []class{inKernel}, nil},
		{"splice file to pipe", unix.SYS_SPLICE, ext4, pipeIn, 0, []class{pageRefs}, nil},
		{"splice pipe to TCP", unix.SYS_SPLICE, pipe, tcp, 0, []class{pageRefs}, nil},
		{"splice pipe to file", unix.SYS_SPLICE, pipe, ext4, 0, []class{inKernel}, nil},
		{"splice of a TCP socket", unix.SYS_SPLICE, tcp, pipeIn, 0, nil, []class{inKernel, pageRefs}},
		{"splice of a unix socket", unix.SYS_SPLICE, stream, pipeIn, 0, nil, []class{inKernel, pageRefs}},
		{"tee", unix.SYS_TEE, pipe, pipeIn, 0, []class{pageRefs}, nil},
		{"vmsplice into a pipe", unix.SYS_VMSPLICE, none, pipeIn, 0, []class{pageRefs}, nil},
		{"vmsplice out of a pipe", unix.SYS_VMSPLICE, none, pipe, 0, []class{toUser}, nil},
		{"copy_file_range on ext4", unix.SYS_COPY_FILE_RANGE, ext4, ext4, 0, []class{inKernel}, nil},
		{"copy_file_range on xfs: reflink or copy", unix.SYS_COPY_FILE_RANGE, xfs, xfs, 0, nil, []class{inKernel, cloned}},
		{"read of what could not be looked at", unix.SYS_READ, bpf.ObjectFdKind{}, none, 0, nil, []class{toUser, pageRefs, fill}},
		{"sendfile to MPTCP", unix.SYS_SENDFILE, ext4, socket(unix.AF_INET, unix.SOCK_STREAM, 262, sg), 0, nil, []class{inKernel, pageRefs}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := ruleOf(test.nr)(test.in, test.out, test.flags)
			if !slices.Equal(v.certain, test.want) || !slices.Equal(v.unknown, test.unknown) {
				t.Errorf("certain %v, unknown %v; want %v, %v", v.certain, v.unknown, test.want, test.unknown)
			}
			if (v.reason == "") != (len(v.unknown) == 0) {
				t.Errorf("the reason %q does not fit unknown %v", v.reason, v.unknown)
			}
		})
	}
}

//go:build linux

package ledger

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// class is a way in which payload bytes moved.
type class uint8

const (
	toUser class = iota
	fromUser
	inKernel
	fill
	pageRefs
	cloned
	classes
)

// ruling is what a system call of a kind did with each byte of its result:
// which classes it belongs to and, where a case cannot be excluded in which it
// went another way, which classes are therefore unknown, and why.
type ruling struct {
	certain []class
	unknown []class
	reason  string

	unmeasured bool

	apart bool // its bytes are no payload: they are told by its call and its path, and belong to no class

	watched  bool   // every copy of such a call passes the copy hooks of an engine that has them
	byFentry bool   // of engine fentry only
	early    bool   // which counts them when they are asked for: a call that fails may have made none of them
	twice    bool   // bytes that are copied within the kernel are copied there once more on their way out
	rest     *class // where then the bytes belong that none of them saw; nil: not known either

	unlessDense bool // rest holds only of a source without holes
	anyway      bool // without such hooks, the file itself tells that what was written was copied
	byExtents   bool // without such hooks, the extents of the file that was written tell
}

func certain(c ...class) ruling                  { return ruling{certain: c} }
func uncertain(reason string, c ...class) ruling { return ruling{unknown: c, reason: reason} }

// unmeasured is a ruling on calls whose result is not a number of bytes, so that
// even one of 0 leaves the classes unknown.
func unmeasured(reason string, c ...class) ruling {
	return ruling{unknown: c, reason: reason, unmeasured: true}
}

// seenOr is a ruling that copy hooks make certain: what they did not see is of
// class rest.
func (v ruling) seenOr(rest class) ruling {
	v.watched, v.rest = true, &rest
	return v
}

// seenOrHole is one of which, besides, a hole may be what was not seen.
func (v ruling) seenOrHole(rest class) ruling {
	v = v.seenOr(rest)
	v.unlessDense = true
	return v
}

// orExtents is one that the extents make certain, where no hook does: see [Clones].
func (v ruling) orExtents() ruling {
	v.byExtents = true
	return v
}

// seen is a ruling whose copies the hooks see, though not all of the rest.
func (v ruling) seen() ruling {
	v.watched = true
	return v
}

// surplus is whether hooks saw more copied than a result of n bytes accounts for.
func (v ruling) surplus(seen copies, n int64) bool {
	within := n
	if v.twice {
		within = 2 * n
	}
	return seen[toUser] > n || seen[inKernel] > within && slices.Contains(v.unknown, inKernel)
}

// reading is a ruling on direct reads. Those of xfs, of a file that must not change meanwhile, are copied when the
// disk is done, in nobody's context, where no breakpoint knows whose they are. Other file systems read into the
// reader's own pages, whatever the disk demands: nobody else has fs/iomap bounce what is read (fs/xfs/xfs_file.c: xfs_file_dio_read).
func (v ruling) reading(in bpf.ObjectFdKind) ruling {
	if attr(in, bpf.ObjectFdAttrFD_STABLE) && in.Detail == unix.XFS_SUPER_MAGIC {
		v.byFentry, v.early, v.reason = true, true, whyBounced
	}
	return v
}

// writing is a ruling on direct writes, of which hooks see whether they were copied. Those to
// files of xfs and btrfs that must not change meanwhile are copied into pages of the kernel's own, or, where the file
// system falls back, into the page cache: either way of the first of the unknown classes.
func (v ruling) writing(out bpf.ObjectFdKind) ruling {
	v = v.seenOr(pageRefs)
	v.anyway = attr(out, bpf.ObjectFdAttrFD_STABLE) && (out.Detail == unix.XFS_SUPER_MAGIC || out.Detail == unix.BTRFS_SUPER_MAGIC)
	return v
}

// rule derives the ruling from the descriptors' kinds and the flags. Each rule
// holds on every kernel from 6.1 on; where kernels differ it is uncertain.
type rule func(in, out bpf.ObjectFdKind, flags uint32) ruling

const (
	whyDirect  = "direct I/O may have fallen back to copies; that needs a hook on the copy functions"
	whyBounced = "its file must not change meanwhile, so this kernel copies what is read directly, when the disk is done; that needs a hook on bio_iov_iter_bounce"
	whyFailed  = "direct reads of this file count as copied when they begin, and some failed: how much of these was copied before, nobody saw"
	whyFS      = "this file system may bypass the page cache; that needs a hook on the copy functions"
	whyResult  = "the call's result does not tell how its bytes moved"
	whyLinear  = "of a packet, what is not in pages is copied into the pipe; that needs a hook on skb_splice_bits"
	whyDevice  = "its driver may copy it once more or not at all; that needs a hook on the copy functions"
	whyTLS     = "what goes through kTLS is encrypted, and where it is copied for that no hook sees"
	whySocket  = "it depends on the socket and the kernel; that needs a hook on the copy functions"
	whyReflink = reflinkOrCopy + "; that needs a hook on the copy functions"

	reflinkOrCopy = "it is a reflink where the file system can, else a copy"
)

// ruleApart is that of calls whose bytes are no payload.
func ruleApart(_, _ bpf.ObjectFdKind, _ uint32) ruling { return ruling{apart: true} }

// ruleToCaller and ruleFromCaller: one copy, into the memory of who calls or out of it.
func ruleToCaller(_, _ bpf.ObjectFdKind, _ uint32) ruling { return certain(toUser) }

func ruleFromCaller(_, _ bpf.ObjectFdKind, _ uint32) ruling { return certain(fromUser) }

func ruleUnknown(_, _ bpf.ObjectFdKind, _ uint32) ruling {
	return unmeasured(whyResult, toUser, fromUser, inKernel, pageRefs)
}

func ruleRead(in, _ bpf.ObjectFdKind, _ uint32) ruling {
	switch kindOf(in) {
	case kindDirect: // holes are zero-filled, some file systems fall back
		return uncertain(whyDirect, toUser, pageRefs, fill).seenOrHole(pageRefs).reading(in)
	case kindOther:
		return uncertain(whyOther(in, whyFS), toUser, pageRefs, fill)
	case kindTLS:
		return uncertain(whyTLS, toUser, inKernel)
	case kindControl:
		return ruleApart(in, in, 0)
	case kindNull:
		return certain()
	case kindZero:
		return certain(fill)
	}
	return certain(toUser)
}

func ruleWrite(_, out bpf.ObjectFdKind, _ uint32) ruling {
	switch kindOf(out) {
	case kindDirect: // btrfs copies since 6.12
		return uncertain(whyDirect, fromUser, pageRefs).writing(out)
	case kindOther:
		return uncertain(whyOther(out, whyFS), fromUser, pageRefs)
	case kindTLS:
		return uncertain(whyTLS, fromUser, inKernel)
	case kindControl:
		return ruleApart(out, out, 0)
	case kindNull, kindZero: // drivers/char/mem.c: write_null
		return certain()
	}
	return certain(fromUser)
}

// whyOther is why nothing is certain of a descriptor: of one that is no socket, as said.
func whyOther(k bpf.ObjectFdKind, why string) string {
	if k.Format == unix.S_IFSOCK {
		return whySocket
	}
	return why
}

func ruleSend(_, out bpf.ObjectFdKind, flags uint32) ruling {
	if flags&unix.MSG_ZEROCOPY == 0 || !attr(out, bpf.ObjectFdAttrFD_ZEROCOPY) {
		return ruleWrite(bpf.ObjectFdKind{}, out, flags)
	}
	switch kindOf(out) {
	case kindTCP: // net/ipv4/tcp.c: tcp_sendmsg_locked
		if attr(out, bpf.ObjectFdAttrFD_SG) {
			return certain(pageRefs)
		}
		return certain(fromUser)
	case kindUnixStream, kindUnixDgram:
		return certain(fromUser)
	case kindTLS, kindControl:
		return ruleWrite(bpf.ObjectFdKind{}, out, flags)
	}
	return uncertain(whySocket, fromUser, pageRefs)
}

// ruleSendZC: io_uring's zero-copy send asks for no SO_ZEROCOPY.
func ruleSendZC(in, out bpf.ObjectFdKind, flags uint32) ruling {
	out.Attrs |= uint16(bpf.ObjectFdAttrFD_ZEROCOPY)
	return ruleSend(in, out, flags|unix.MSG_ZEROCOPY)
}

// ruleReceive: what MSG_PEEK shows is copied, and copied again when it is taken. What MSG_ERRQUEUE brings of a packet
// that was sent is copied, too; a notification of a zero-copy send has no bytes.
func ruleReceive(in, _ bpf.ObjectFdKind, flags uint32) ruling {
	stream := in.Format == unix.S_IFSOCK && in.Detail>>16&0xff == unix.SOCK_STREAM
	if flags&(unix.MSG_TRUNC|unix.MSG_ERRQUEUE) != unix.MSG_TRUNC || !stream {
		return ruleRead(in, bpf.ObjectFdKind{}, flags) // of datagrams the programs have taken away what there was no room for
	}
	switch kindOf(in) {
	case kindTCP: // discarded: tcp(7)
		return certain()
	case kindUnixStream: // takes no notice of it (net/unix/af_unix.c: unix_stream_read_generic)
		return certain(toUser)
	}
	return uncertain(whySocket, toUser)
}

// ruleGetsockopt: the result is what TCP_ZEROCOPY_RECEIVE reports, less the pages
// that it mapped.
func ruleGetsockopt(in, _ bpf.ObjectFdKind, flags uint32) ruling {
	if kindOf(in) == kindTCP && flags == unix.TCP_ZEROCOPY_RECEIVE {
		return certain(toUser)
	}
	return certain()
}

// handsOn is what happens to pages that a splice brings to out.
func handsOn(out bpf.ObjectFdKind) ruling {
	switch kindOf(out) {
	case kindPipe, kindNull, kindZero:
		return certain(pageRefs)
	case kindTCP:
		if attr(out, bpf.ObjectFdAttrFD_SG) {
			return certain(pageRefs)
		}
		return certain(inKernel)
	case kindUnixStream:
		return certain(pageRefs)
	case kindCached, kindMade, kindTerminal: // fs/splice.c: iter_file_splice_write copies
		return certain(inKernel)
	case kindControl:
		return ruleApart(out, out, 0)
	case kindStream:
		return uncertain(whyDevice, inKernel, pageRefs)
	case kindTLS:
		return uncertain(whyTLS, inKernel, pageRefs)
	case kindDirect:
		return uncertain(whyDirect, inKernel, pageRefs).writing(out)
	}
	v := uncertain(whySocket, inKernel, pageRefs)
	if kindOf(out) == kindUDP { // copies on 6.1, not on 6.12, and with a checksum past the breakpoints
		v = v.seenOr(pageRefs)
		v.byFentry = true
	}
	return v
}

// ruleSendfile: sendfile(2) is a splice into a pipe of the task's own and one
// out of it; pages that arrive in it by reference count once for the call.
func ruleSendfile(in, out bpf.ObjectFdKind, _ uint32) ruling {
	v := handsOn(out)
	switch kindOf(in) {
	case kindCached:
		return v
	case kindZero: // fresh pages, zero-filled
		v.certain = append([]class{fill}, v.certain...)
		return v
	case kindDirect:
		twice := slices.Contains(v.certain, inKernel)
		v = uncertain(whyDirect, inKernel, pageRefs, fill).seen().reading(in)
		v.twice = twice
		return v
	case kindTCP, kindUnixStream: // to a pipe: by memcpy, which no breakpoint sees
		v := uncertain(whyLinear, inKernel, pageRefs).seenOr(pageRefs)
		v.byFentry = true
		return v
	case kindControl:
		return ruleApart(in, in, 0)
	case kindMade, kindStream, kindTerminal: // fs/splice.c: copy_splice_read; then they go on
		if slices.Equal(v.certain, []class{pageRefs}) {
			return certain(inKernel)
		}
		return uncertain(whyDevice, inKernel, pageRefs)
	}
	return uncertain(whyOther(in, whyFS), inKernel, pageRefs, fill)
}

func ruleSplice(in, out bpf.ObjectFdKind, flags uint32) ruling {
	if kindOf(in) == kindPipe {
		return handsOn(out)
	}
	return ruleSendfile(in, out, flags)
}

func ruleTee(_, _ bpf.ObjectFdKind, _ uint32) ruling { return certain(pageRefs) }

// ruleVmsplice: user pages into the write end, a copy out of the read end
// (vmsplice(2)).
func ruleVmsplice(_, out bpf.ObjectFdKind, _ uint32) ruling {
	if attr(out, bpf.ObjectFdAttrFD_WRITABLE) {
		return certain(pageRefs)
	}
	return certain(toUser)
}

func ruleCopyFileRange(in, out bpf.ObjectFdKind, _ uint32) ruling {
	if kindOf(in) == kindCached && kindOf(out) == kindCached {
		switch out.Detail {
		case unix.EXT4_SUPER_MAGIC, unix.TMPFS_MAGIC: // no reflink
			return certain(inKernel)
		}
	}
	if kindOf(in) == kindCached && kindOf(out) == kindCached && in.Detail == out.Detail &&
		(out.Detail == unix.XFS_SUPER_MAGIC || out.Detail == unix.BTRFS_SUPER_MAGIC) {
		return uncertain(whyReflink, inKernel, cloned).seenOr(cloned).orExtents()
	}
	return uncertain(whyReflink, inKernel, pageRefs, cloned) // a server may do it, or direct I/O
}

// ruleClone: ioctl(FICLONE, FICLONERANGE, FIDEDUPERANGE) shares blocks, or fails. The other commands move no
// payload that anybody could count.
func ruleClone(_, _ bpf.ObjectFdKind, command uint32) ruling {
	if command == 0 {
		return ruling{apart: true}
	}
	return certain(cloned)
}

//go:build linux

package workloads

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Between a sender and `zctrace serve` on another machine, over the connection that
// the payload takes, numbers in network order:
//
//	sender    hello    magic[8], flags uint32, 0 uint32
//	receiver  answer   magic[8], status uint32, 0 uint32
//	sender             the payload, and the end of the stream
//	receiver  receipt  magic[8], bytes uint64, sha256[32]; zeros if it was not asked for
//
// All but the payload passes outside of the window. The magic's last byte is the
// protocol's version.
const (
	magic = "zctrace\x01"

	helloBytes   = 16
	receiptBytes = 8 + 8 + sha256.Size

	flagChecksum = 1 << 0

	statusReady = 0
	statusBusy  = 1
)

// handshakeTime is how long each end waits for the other's part of the handshake.
const handshakeTime = 5 * time.Second

func appendHello(word uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte(magic), word)
	return binary.BigEndian.AppendUint32(b, 0)
}

// readHello returns the flags or the status; false if it is no such message.
func readHello(b []byte) (word uint32, ok bool) {
	if len(b) != helloBytes || string(b[:8]) != magic {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[8:]), true
}

// unfinished is the beginning of a hello.
func unfinished(b []byte) bool {
	n := min(len(b), len(magic))
	return n > 0 && len(b) < helloBytes && string(b[:n]) == magic[:n]
}

// otherVersion is a hello, but of a protocol that this program does not speak.
func otherVersion(b []byte) bool {
	n := len(magic) - 1
	return len(b) > n && bytes.Equal(b[:n], []byte(magic[:n])) && b[n] != magic[n]
}

// Receipt is what a receiver on another machine says that it got.
type Receipt struct {
	Bytes  int64
	SHA256 [sha256.Size]byte // zeros unless it was asked for
}

func (r *Receipt) marshal() []byte {
	b := binary.BigEndian.AppendUint64([]byte(magic), uint64(r.Bytes))
	return append(b, r.SHA256[:]...)
}

func readReceipt(b []byte) (*Receipt, bool) {
	if len(b) != receiptBytes || string(b[:8]) != magic || b[8] >= 0x80 { // nobody sends 8 EiB
		return nil, false
	}
	return &Receipt{Bytes: int64(binary.BigEndian.Uint64(b[8:])), SHA256: [sha256.Size]byte(b[16:])}, true
}

//go:build linux

package workloads

import (
	"os"
	"strconv"
	"testing"
)

func TestDriver(t *testing.T) {
	if os.Getenv("DRV_STRAT") == "" {
		t.Skip("driver")
	}
	s, _ := Find(os.Getenv("DRV_STRAT"))
	b, _ := strconv.ParseInt(os.Getenv("DRV_BYTES"), 10, 64)
	c, _ := strconv.ParseInt(os.Getenv("DRV_CHUNK"), 10, 64)
	src := os.Getenv("DRV_SRC")
	if src == "" {
		src = "auto"
	}
	o := workload{s, src, os.Getenv("DRV_SINK"), Config{Bytes: b, Chunk: c, Verify: os.Getenv("DRV_VERIFY") != ""}}.run(t)
	o.verified(t, b)
	t.Logf("%+v %+v %.2f GB/s", o.sent, o.received, float64(b)/float64(o.sent.Elapsed.Nanoseconds()))
}

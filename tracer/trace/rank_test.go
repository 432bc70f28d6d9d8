package trace

import (
	"reflect"
	"strings"
	"testing"
)

// timed is a golden run that took so long.
func timed(strategy string, elapsedNS int64) *Trace {
	t := goldenTraces()[strategy+".json"]
	t.Samples, t.Run.ElapsedNS = nil, elapsedNS
	return t
}

func failing(t *Trace, why string) *Trace {
	t.Run.Ended, t.Run.Error = Failed, why
	return t
}

func row(t *testing.T, ranking []Ranked, strategy string) Ranked {
	t.Helper()
	for _, r := range ranking {
		if r.Strategy == strategy {
			return r
		}
	}
	t.Fatalf("no %s in the ranking", strategy)
	return Ranked{}
}

func TestRank(t *testing.T) {
	// 64 MiB in n/64 s are n MiB/s.
	in := func(strategy string, mibPerSecond int64) *Trace { return timed(strategy, 64e9/mibPerSecond) }
	interrupted := in("sendfile", 1)
	interrupted.Run.Ended = Interrupted
	lossy := in("read-write", 64000)
	lossy.Losses = map[string]int64{"uncounted_calls": 1}
	ranking := Rank([]*Trace{
		in("read-write", 1000), in("mmap-write", 500), in("sendfile", 3200),
		in("mmap-write", 800), in("sendfile", 1600), in("read-write", 1280),
		in("sendfile", 2000), in("read-write", 640), lossy, interrupted,
	})
	var order []string
	for i, r := range ranking {
		order = append(order, r.Strategy)
		if r.Rank != Known(int64(i+1)) {
			t.Errorf("%s has rank %s, want %d", r.Strategy, r.Rank, i+1)
		}
	}
	if want := []string{"sendfile", "read-write", "mmap-write"}; !reflect.DeepEqual(order, want) {
		t.Fatalf("ranked %v, want %v", order, want)
	}
	const mib = 1 << 20
	for strategy, want := range map[string]struct {
		median, min, max float64
		rounds, failed   int64
		error            string
	}{
		"sendfile":   {2000 * mib, 1600 * mib, 3200 * mib, 3, 0, ""},
		"read-write": {1000 * mib, 640 * mib, 1280 * mib, 3, 1, "events were lost"},
		"mmap-write": {650 * mib, 500 * mib, 800 * mib, 2, 0, ""}, // the mean of two
	} {
		r := row(t, ranking, strategy)
		s := r.Throughput
		if s.Median != KnownReal(want.median) || s.Min != KnownReal(want.min) || s.Max != KnownReal(want.max) || s.Provenance != Observed {
			t.Errorf("%s: %+v, want %+v", strategy, s, want)
		}
		if r.Rounds != want.rounds || r.Failed != want.failed || r.Error != want.error || r.ChunkBytes != chunk {
			t.Errorf("%s: %+v, want %+v", strategy, r, want)
		}
	}

	s := row(t, ranking, "sendfile")
	if got := s.PerMiB.Calls; got != (Spread{KnownReal(16), KnownReal(16), KnownReal(16), Observed, ""}) || got.Varies() {
		t.Errorf("sendfile makes %+v calls per MiB, want 16 in each round", got)
	}
	rw := row(t, ranking, "read-write")
	for path, got := range map[string]Spread{"to_user": rw.Passes.ToUser, "from_user": rw.Passes.FromUser} {
		if got.Median != KnownReal(1) || got.Varies() || got.Provenance != Derived || got.Reason == "" {
			t.Errorf("read-write copies %+v passes %s, want 1, derived", got, path)
		}
	}
	if !s.Throughput.Overlaps(s.Throughput) || s.Throughput.Overlaps(row(t, ranking, "mmap-write").Throughput) {
		t.Error("1600 to 3200 MiB/s overlap with themselves, and not with 500 to 800")
	}
}

// What one round does not know, or counts otherwise, the ranking does not claim.
func TestRankDoubts(t *testing.T) {
	odd, null := timed("sendfile", 1e9), timed("sendfile", 1e9)
	odd.Total.Sender.Syscalls.Calls = Known(1025)
	null.Total.Sender.Copies.ToUser = Amount{Provenance: Unavailable, Reason: "no hook"}
	r := row(t, Rank([]*Trace{timed("sendfile", 1e9), odd, null}), "sendfile")
	if s := r.PerMiB.Calls; !s.Varies() || s.Median != KnownReal(16) || s.Max != KnownReal(1025.0/64) {
		t.Errorf("calls per MiB are %+v", s)
	}
	if s := r.Passes.ToUser; s.Median.Known() || s.Min.Known() || s.Provenance != Unavailable || s.Reason != "no hook" {
		t.Errorf("to_user is %+v, want null", s)
	}

	r = row(t, Rank([]*Trace{failing(timed("sendfile", 1e9), "killed")}), "sendfile")
	if r.Rank.Known() || r.Throughput.Median.Known() || r.Failed != 1 || r.Error != "killed" {
		t.Errorf("a strategy that only failed is %+v", r)
	}
	if err := r.validate(); err != nil {
		t.Error(err)
	}
	if len(Rank(nil)) != 0 {
		t.Error("nothing is ranked")
	}
}

// Chunk sizes are ranked apart.
func TestRankByChunk(t *testing.T) {
	small := timed("sendfile", 3e9)
	small.Run.ChunkBytes = 512
	ranking := Rank([]*Trace{timed("sendfile", 1e9), timed("read-write", 2e9), small})
	for i, want := range []struct {
		strategy string
		rank     int64
	}{{"sendfile", 1}, {"sendfile", 1}, {"read-write", 2}} {
		if r := ranking[i]; r.Strategy != want.strategy || r.Rank != Known(want.rank) {
			t.Errorf("place %d: %s, rank %s; want %+v", i, r.Strategy, r.Rank, want)
		}
	}
	set := NewSet([]*Trace{timed("sendfile", 1e9), small})
	for i, chunk := range []int64{512, chunk} {
		if of := set.TracesOf(&set.Ranking[i]); len(of) != 1 || of[0].Run.ChunkBytes != chunk {
			t.Errorf("row %d is of %d traces", i, len(of))
		}
	}
}

// Every number of Ranked is in the table of costs, and none twice.
func TestEveryCostIsListed(t *testing.T) {
	listed := map[*Spread]string{}
	r := &Ranked{}
	for path, s := range r.spreads() {
		if listed[s] != "" || r.Spread(path) != s {
			t.Errorf("%s is %q, and found at %p, not %p", path, listed[s], r.Spread(path), s)
		}
		listed[s] = path
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		if s, ok := v.Addr().Interface().(*Spread); ok {
			if got := listed[s]; got != strings.TrimPrefix(path, ".") {
				t.Errorf("%s is listed as %q", path, got)
			}
			return
		}
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Int]() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Tag.Get("json"))
			}
		}
	}
	walk(reflect.ValueOf(r).Elem(), "")
}

// The slowest run is not ranked as if it had moved nothing.
func TestRankSlow(t *testing.T) {
	slow := timed("sendfile", 4e9)
	slow.Run.PayloadBytes = Known(1)
	fast := timed("sendfile", 1e9+1)
	fast.Run.PayloadBytes = Known(2000)
	if got := row(t, Rank([]*Trace{slow, fast}), "sendfile").Throughput; got.Min != KnownReal(0.25) || got.Max != KnownReal(2000) {
		t.Errorf("%+v", got)
	}
}

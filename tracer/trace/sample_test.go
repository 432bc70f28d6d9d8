package trace

import (
	"reflect"
	"runtime"
	"sync"
	"testing"
)

func TestSamplerKeepsAllThatFit(t *testing.T) {
	var s Sampler
	if got := s.Samples(); len(got) != 0 {
		t.Fatalf("%d samples in a new one", len(got))
	}
	for i := range int64(MaxSamples) {
		s.Add(i*10, Totals{})
	}
	if got := len(s.Samples()); got != MaxSamples {
		t.Errorf("%d samples, want %d", got, MaxSamples)
	}
}

// A window's end may turn out to lie before a moment at which it was seen open.
func TestSamplerTakesBackWhatWasNot(t *testing.T) {
	var s Sampler
	for _, at := range []int64{100, 200, 260, 270} {
		s.Add(at, Totals{Sender: Counters{PayloadBytes: Known(at)}})
	}
	before := s.Samples()
	s.Add(250, Totals{Sender: Counters{PayloadBytes: Known(300)}})
	var got, was []int64
	for _, sample := range s.Samples() {
		got = append(got, sample.ElapsedNS, sample.Sender.PayloadBytes.Or(-1))
	}
	if want := []int64{100, 100, 200, 200, 250, 300}; !reflect.DeepEqual(got, want) {
		t.Errorf("moments and bytes %v, want %v", got, want)
	}
	for _, sample := range before {
		was = append(was, sample.ElapsedNS)
	}
	if want := []int64{100, 200, 260, 270}; !reflect.DeepEqual(was, want) {
		t.Errorf("what was handed out has become %v, want %v", was, want)
	}
}

func TestSamplerThinsEvenly(t *testing.T) {
	for _, count := range []int64{MaxSamples + 1, 1499, 1501, 7919, 20_011} {
		const tick = 100_000_000
		var s Sampler
		for i := range count {
			s.Add(i*tick+i*7919%(tick/10), Totals{Sender: Counters{PayloadBytes: Known(i)}})
		}
		got := s.Samples()
		if len(got) > MaxSamples || len(got) < MaxSamples/4 {
			t.Errorf("%d of %d samples kept", len(got), count)
		}
		if got[0].Sender.PayloadBytes != Known(0) || got[len(got)-1].Sender.PayloadBytes != Known(count-1) {
			t.Errorf("of %d, the first and the last are not kept", count)
		}
		// The older half is evenly spaced, but for the jitter.
		least, most := int64(1<<62), int64(0)
		for i := 1; i < len(got)/4; i++ {
			gap := got[i].ElapsedNS - got[i-1].ElapsedNS
			least, most = min(least, gap), max(most, gap)
		}
		if most-least > tick/5 {
			t.Errorf("of %d samples, gaps from %d to %d ns", count, least, most)
		}
	}
}

// Hours of samples take the memory of minutes.
func TestSamplerTakesConstantMemory(t *testing.T) {
	total := goldenTraces()["read-write.json"].Total
	var s Sampler
	var atFirst uint64
	const hour = 3600 // samples of a second
	for i := range int64(12*hour + 1) {
		s.Add(i*1e9, total)
		if i%hour != 0 || i == 0 {
			continue
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if atFirst == 0 {
			atFirst = m.HeapAlloc
		} else if m.HeapAlloc > atFirst+4<<20 {
			t.Fatalf("%d KiB after %d samples, and %d KiB after %d", m.HeapAlloc>>10, i, atFirst>>10, hour)
		}
	}
	runtime.KeepAlive(&s)
}

func TestSamplerAtOneMoment(t *testing.T) {
	var s Sampler
	for range 3 * MaxSamples {
		s.Add(5, Totals{})
	}
	if got := len(s.Samples()); got > MaxSamples || got < 2 {
		t.Errorf("%d samples", got)
	}
}

// Run with -race: readers hold slices while samples are added.
func TestSamplesNeverChange(t *testing.T) {
	var s Sampler
	var readers sync.WaitGroup
	for i := range int64(3 * MaxSamples) {
		s.Add(i, Totals{Sender: Counters{PayloadBytes: Known(i)}})
		if i%97 != 0 {
			continue
		}
		published := s.Samples()
		readers.Go(func() {
			for i := range published {
				if published[i].Sender.PayloadBytes != Known(published[i].ElapsedNS) {
					t.Errorf("sample %d has changed", i)
				}
			}
			// What a reader appends is its own.
			_ = append(published, Sample{ElapsedNS: -1})
		})
	}
	readers.Wait()
	for _, sample := range s.Samples() {
		if sample.ElapsedNS < 0 {
			t.Fatal("a reader wrote into the samples")
		}
	}
}

func TestWithoutHistograms(t *testing.T) {
	want := goldenTraces()["read-write.json"].Total
	total := goldenTraces()["read-write.json"].Total
	stripped := total.WithoutHistograms()
	for party, c := range stripped.Parties() {
		for name, call := range c.Syscalls.ByName {
			if call.LatencyLog2 != nil {
				t.Errorf("%s.%s has a histogram", party, name)
			}
		}
	}
	stripped.Sender.Syscalls.ByName["read"] = Syscall{}
	stripped.Receiver.Syscalls.ByName["read"] = Syscall{}
	stripped.Receiver.PayloadBytes = Int{}
	if !reflect.DeepEqual(total, want) {
		t.Error("the original has changed")
	}
	if got := (Counters{}).WithoutHistograms(); got.Syscalls.ByName != nil {
		t.Error("unknown calls became known")
	}
}

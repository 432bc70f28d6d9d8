package trace

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// SetSchema names a file that holds several traces, as compare and sweep write
// it.
const SetSchema = "zctrace-set/1"

// errSet says that a file holds a set of traces where one was wanted.
var errSet = errors.New("this is a set of traces as compare and sweep write it, not one trace")

// MaxSetTraces is how many traces a set holds at most; a file of so many is about
// as large as that of one run with MaxSamples.
const MaxSetTraces = 1000

// Set is the same work done several times through several strategies. Values
// handed out are immutable, as those of [Trace].
type Set struct {
	Schema  string   `json:"schema"`
	Traces  []*Trace `json:"traces"`  // one per run, in the order in which they ran; without samples
	Ranking []Ranked `json:"ranking"` // one per strategy and chunk size, see Rank
	// Overlaps are those of the ranking; nil in files of older versions.
	Overlaps []Overlap `json:"overlaps,omitempty"`
}

// Failure is a run of which there is no trace.
type Failure struct {
	Strategy   string
	ChunkBytes int64
	Error      string
}

// NewSet ranks the traces. It keeps copies without the samples, of which a
// ranking shows nothing.
func NewSet(traces []*Trace, failures ...Failure) *Set {
	s := &Set{Schema: SetSchema, Traces: make([]*Trace, len(traces))}
	for i, t := range traces {
		short := *t
		short.Samples = nil
		s.Traces[i] = &short
	}
	s.Ranking = Rank(s.Traces)
	for _, f := range failures {
		s.addFailure(f)
	}
	s.Overlaps = Overlaps(s.Ranking)
	return s
}

func (s *Set) addFailure(f Failure) {
	i := slices.IndexFunc(s.Ranking, func(r Ranked) bool { return r.Strategy == f.Strategy && r.ChunkBytes == f.ChunkBytes })
	if i < 0 {
		r := Ranked{Strategy: f.Strategy, ChunkBytes: f.ChunkBytes}
		r.count(nil)
		i, s.Ranking = len(s.Ranking), append(s.Ranking, r)
	}
	s.Ranking[i].Failed++
	s.Ranking[i].Error = cmp.Or(s.Ranking[i].Error, f.Error)
}

// TracesOf are the traces that belong to a row of the ranking, in the order of their
// rounds.
func (s *Set) TracesOf(r *Ranked) []*Trace {
	var list []*Trace
	for _, t := range s.Traces {
		if t.Run.Strategy == r.Strategy && t.Run.ChunkBytes == r.ChunkBytes {
			list = append(list, t)
		}
	}
	return list
}

// WriteSet writes the set as JSON, one trace a line.
func WriteSet(w io.Writer, s *Set) error {
	out := &jsonWriter{w: bufio.NewWriterSize(w, 64<<10)}
	out.member("{\n  ", "schema", SetSchema)
	list(out, "traces", s.Traces)
	if s.Ranking == nil {
		out.text(",\n  \"ranking\": []")
	} else {
		out.member(",\n  ", "ranking", s.Ranking)
	}
	if s.Overlaps != nil {
		list(out, "overlaps", s.Overlaps)
	}
	out.text("\n}\n")
	if out.err != nil {
		return out.err
	}
	return out.w.Flush()
}

// decodeSet decodes what checkSchema called a set; of its traces it asks what [Read] asks
// of one.
func decodeSet(data []byte) (*Set, error) {
	if err := checkShape(data); err != nil {
		return nil, fmt.Errorf("not a set of traces: %w", err)
	}
	var file struct {
		Schema  string            `json:"schema"`
		Traces  []json.RawMessage `json:"traces"`
		Ranking []Ranked          `json:"ranking"`

		Overlaps []Overlap `json:"overlaps"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, decodeError(data, err)
	}
	if file.Schema != SetSchema {
		return nil, fmt.Errorf("schema %.40q: this zctrace reads %q only (use the zctrace that wrote the file, or a newer one)", file.Schema, SetSchema)
	}
	if len(file.Traces) > MaxSetTraces {
		return nil, fmt.Errorf("not a set of traces: %d of them, the most is %d", len(file.Traces), MaxSetTraces)
	}
	s := &Set{Schema: SetSchema, Traces: []*Trace{}, Ranking: file.Ranking, Overlaps: file.Overlaps}
	for i, raw := range file.Traces {
		if err := checkSchema(raw); err != nil {
			return nil, fmt.Errorf("traces[%d]: %w", i, err)
		}
		t, err := decodeTrace(raw)
		if err != nil {
			return nil, fmt.Errorf("traces[%d]: %w", i, err)
		}
		s.Traces = append(s.Traces, t)
	}
	for i := range s.Ranking {
		s.Ranking[i].fillMissing()
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// Validate checks what holds of every set, and its traces.
func (s *Set) Validate() error {
	if s.Schema != SetSchema {
		return fmt.Errorf("invalid set: schema is %.40q, want %q", s.Schema, SetSchema)
	}
	if len(s.Ranking) > MaxSetTraces {
		return fmt.Errorf("invalid set: a ranking of %d rows, the most is %d", len(s.Ranking), MaxSetTraces)
	}
	for i, t := range s.Traces {
		if err := t.Validate(); err != nil {
			return fmt.Errorf("traces[%d]: %w", i, err)
		}
	}
	for i := range s.Ranking {
		if err := s.Ranking[i].validate(); err != nil {
			return fmt.Errorf("invalid set: ranking[%d]%w", i, err)
		}
	}
	if s.Overlaps != nil && !slices.EqualFunc(s.Overlaps, Overlaps(s.Ranking), Overlap.equal) {
		return errors.New("invalid set: overlaps are not those of the ranking")
	}
	return nil
}

package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zctrace/zctrace/internal/human"
)

// File is what a file holds: one of these, and nil for the others.
type File struct {
	Trace   *Trace
	Set     *Set
	Program *Program
}

// ReadFile reads what is in a file. See [Read].
func ReadFile(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, fmt.Errorf("read trace: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return File{}, fmt.Errorf("read trace: %s is a directory (name a file that zctrace run --json FILE wrote)", path)
	}
	file, err := Read(f)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Read reads a trace of a run or of programs, or a set of traces, and checks it as
// Validate does. Keys that it does not know are ignored and missing ones are null.
// The input is not trusted: size, depth, and the number and length of what is in it
// are bounded. Control characters in strings remain; whoever prints them removes
// them.
func Read(r io.Reader) (file File, err error) {
	data, err := readBounded(r)
	if err != nil {
		return File{}, err
	}
	switch err = checkSchema(data); {
	case errors.Is(err, errSet):
		file.Set, err = decodeSet(data)
	case errors.Is(err, errProgram):
		file.Program, err = decodeProgram(data)
	case err == nil:
		file.Trace, err = decodeTrace(data)
	}
	return file, err
}

// readBounded reads all that a file may hold.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) { // ReadFile names it
			err = path.Err
		}
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("not a trace: larger than %s, which no trace is", human.FormatBytes(maxFileBytes))
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the file is empty: the run that should have written it did not end (run it again)")
	}
	return data, nil
}

// decodeTrace decodes what checkSchema called a trace.
func decodeTrace(data []byte) (*Trace, error) {
	if err := checkShape(data); err != nil {
		return nil, fmt.Errorf("not a trace: %w", err)
	}
	t := &Trace{}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, decodeError(data, err)
	}
	if err := checkLosses(data); err != nil {
		return nil, err
	}
	total := totalIn(data)
	t.Total.settle(total)
	for i := range t.Samples {
		t.Samples[i].settle(total)
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return t, nil
}

// totalIn is the total of a file that was decoded before, as generic JSON.
func totalIn(data []byte) func() map[string]any {
	return sync.OnceValue(func() map[string]any {
		var file struct {
			Total map[string]any `json:"total"`
		}
		_ = json.Unmarshal(data, &file)
		return file.Total
	})
}

// checkSchema tells the files that people mistake for a trace from one.
func checkSchema(data []byte) error {
	var head struct {
		Schema *string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return decodeError(data, err)
	}
	switch {
	case head.Schema == nil:
		return fmt.Errorf("not a trace: its JSON has no schema (want %q; zctrace run --json FILE writes one)", Schema)
	case *head.Schema == Schema:
		return nil
	case strings.HasPrefix(*head.Schema, "zctrace-set/"):
		return errSet
	case strings.HasPrefix(*head.Schema, "zctrace-program/"):
		return errProgram
	case strings.HasPrefix(*head.Schema, "zctrace/"):
		return fmt.Errorf("schema %.40q: this zctrace reads %q only (use the zctrace that wrote the file, or a newer one)", *head.Schema, Schema)
	}
	return fmt.Errorf("not a trace: schema %.40q (want %q)", *head.Schema, Schema)
}

// checkLosses refuses a cause of loss that nobody counted: Go reads null as 0,
// which is what a run that may be believed has.
func checkLosses(data []byte) error {
	var file struct {
		Losses map[string]*int64 `json:"losses"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return decodeError(data, err)
	}
	for cause, n := range file.Losses {
		if n == nil {
			return fmt.Errorf("invalid trace: losses.%s is null: whether events were lost is always known", printable(cause))
		}
	}
	return nil
}

// decodeError says where in the file, and in words of JSON rather than of Go.
func decodeError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		// Only a Decoder tells an end that comes too early from other mistakes.
		var skip json.RawMessage
		if errors.Is(json.NewDecoder(bytes.NewReader(data)).Decode(&skip), io.ErrUnexpectedEOF) {
			return fmt.Errorf("cut off: the file ends in line %d, inside the JSON (copy it again, or run again)", line)
		}
		return fmt.Errorf("not a trace: line %d is not JSON: %s", line, syntax.Error())
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return fmt.Errorf("not a trace: found a JSON %s where an object is wanted", wrong.Value)
		}
		return fmt.Errorf("not a trace: %s is a JSON %.40s, want %s", printable(wrong.Field), wrong.Value, wantedType(wrong))
	}
	var badTime *time.ParseError
	if errors.As(err, &badTime) {
		return fmt.Errorf("not a trace: run.started is not a time as RFC 3339 writes it: %.40q", badTime.Value)
	}
	return fmt.Errorf("not a trace: %w", err)
}

func wantedType(wrong *json.UnmarshalTypeError) string {
	switch wrong.Type.String() {
	case "int", "int64", "trace.Int":
		return "an integer"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	}
	if strings.HasPrefix(wrong.Type.String(), "[]") {
		return "a list"
	}
	return "an object"
}

// settle turns what an older file does not have into what it is, not counted, and
// drops what a later one says of the provenance of numbers that are new in it: the
// numbers are dropped, too. total is that of the file.
func (t *Totals) settle(total func() map[string]any) {
	for party, c := range t.Parties() {
		for n, key := range c.places() {
			if _, a := catalog[n].find(c, key); a != nil {
				a.settle()
			}
		}
		maps.DeleteFunc(c.Provenance, func(path string, _ Origin) bool {
			return checkOrigin(path) != nil && leads(path, total()[party])
		})
	}
}

// settle makes of an amount that is not in the file one that was not counted.
func (a *Amount) settle() {
	if *a == (Amount{}) {
		*a = Amount{Provenance: Unavailable, Reason: "not in this file"}
	}
}

// leads reports whether a path leads to something in generic JSON: the path of what
// every system call has, to that of any.
func leads(path string, value any) bool {
	for key := range strings.SplitSeq(path, ".") {
		group, isGroup := value.(map[string]any)
		next, known := group[key]
		if key == anyKey {
			if len(group) == 0 {
				return isGroup
			}
			for _, next = range group {
				known = true
			}
		}
		if !known {
			return false
		}
		value = next
	}
	return true
}

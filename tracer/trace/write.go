package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Write writes the trace as JSON, indented by two spaces but with one sample a
// line. A thousand samples then need the memory of one, and the file stays
// readable by eye and by line.
func Write(w io.Writer, t *Trace) error {
	out := &jsonWriter{w: bufio.NewWriterSize(w, 64<<10)}
	out.member("{\n  ", "schema", Schema)
	out.member(",\n  ", "tool", t.Tool)
	out.member(",\n  ", "host", t.Host)
	out.member(",\n  ", "hooks", t.Hooks)
	out.member(",\n  ", "textbook", t.Textbook)
	list(out, "samples", t.Samples)
	out.member(",\n  ", "total", t.Total)
	out.member(",\n  ", "losses", t.Losses)
	out.member(",\n  ", "run", t.Run)
	out.text("\n}\n")
	if out.err != nil {
		return out.err
	}
	return out.w.Flush()
}

// jsonWriter writes the parts of an object until the first error.
type jsonWriter struct {
	w       *bufio.Writer
	encoded bytes.Buffer // one value, before it is written
	err     error
}

func (j *jsonWriter) text(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

// member writes one key and its value below the top.
func (j *jsonWriter) member(before, key string, value any) {
	j.text(before)
	j.text(`"` + key + `": `)
	j.value(value, "  ")
}

// list writes a list with one element a line.
func list[T any](j *jsonWriter, key string, elements []T) {
	j.text(",\n  \"" + key + "\": [")
	if len(elements) == 0 {
		j.text("]")
		return
	}
	before := "\n    "
	for i := range elements {
		j.text(before)
		j.value(&elements[i], "")
		before = ",\n    "
	}
	j.text("\n  ]")
}

// value writes indented JSON, or one line without an indent.
func (j *jsonWriter) value(value any, indent string) {
	if j.err != nil {
		return
	}
	j.encoded.Reset()
	encoder := json.NewEncoder(&j.encoded)
	encoder.SetEscapeHTML(false) // a command line has "<=" in it, not "\u003c="
	encoder.SetIndent(indent, indent)
	if err := encoder.Encode(value); err != nil {
		j.err = fmt.Errorf("encode trace: %w", err)
		return
	}
	_, j.err = j.w.Write(bytes.TrimSuffix(j.encoded.Bytes(), []byte("\n")))
}

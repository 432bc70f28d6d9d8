package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Write names the top-level keys itself, so it could forget one.
func TestWriteIsTheWholeTrace(t *testing.T) {
	for name, trace := range goldenTraces() {
		var buf bytes.Buffer
		if err := Write(&buf, trace); err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(trace)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Write differs from json.Marshal", name)
		}
	}
}

func TestWriteForm(t *testing.T) {
	trace := goldenTraces()["sendfile.json"]
	trace.Run.Command = []string{"--expect", "a <= b & c"}
	var buf bytes.Buffer
	if err := Write(&buf, trace); err != nil {
		t.Fatal(err)
	}
	text := buf.String()
	if !strings.HasPrefix(text, "{\n  \"schema\": \"zctrace/1\",\n") || !strings.HasSuffix(text, "\n  }\n}\n") {
		t.Errorf("starts or ends otherwise: %.40q ... %q", text, text[len(text)-20:])
	}
	if got := strings.Count(text, "\n    {\"elapsed_ns\":"); got != len(trace.Samples) {
		t.Errorf("%d lines of samples, want %d", got, len(trace.Samples))
	}
	if !strings.Contains(text, `"a <= b & c"`) {
		t.Error("the command line is escaped")
	}
	if strings.Index(text, "\n  \"run\":") < strings.Index(text, "\n  \"losses\":") {
		t.Error("run is not last")
	}
}

func TestWriteEmpty(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, &Trace{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(buf.String(), "\n  \"samples\": [],\n") {
		t.Errorf("no samples are %s", &buf)
	}
	if _, err := Read(&buf); err != nil {
		t.Error(err)
	}
}

func TestWriteReportsErrors(t *testing.T) {
	trace := goldenTraces()["sendfile.json"]
	for _, room := range []int{0, 1, 100, 70_000} {
		if err := Write(&shortWriter{room}, trace); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("after %d bytes: %v, want the writer's error", room, err)
		}
	}
	trace.Run.Started = time.Date(12025, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := Write(io.Discard, trace); err == nil {
		t.Error("a year that RFC 3339 cannot write was written")
	}
}

type shortWriter struct{ room int }

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, io.ErrClosedPipe
	}
	w.room -= len(p)
	return len(p), nil
}

//go:build linux

package workloads

import (
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
)

func TestParseSink(t *testing.T) {
	for text, want := range map[string]SinkSpec{
		"tcp":            {Kind: SinkTCP},
		"null":           {Kind: SinkNull},
		"file":           {Kind: SinkFile},
		"file:/x:y":      {Kind: SinkFile, Path: "/x:y"},
		"file:tcp":       {Kind: SinkFile, Path: "tcp"},
		"host:80":        {Kind: SinkTCP, Host: "host:80"},
		"[::1]:80":       {Kind: SinkTCP, Host: "[::1]:80"},
		"example.org:80": {Kind: SinkTCP, Host: "example.org:80"},
	} {
		got, err := ParseSink(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %+v, written %s, %v; want %+v", text, got, got, err, want)
		}
	}
	for _, text := range []string{"", "nowhere", "tcp:80", "null:", "file:", "host:", "192.0.2.1"} {
		_, err := ParseSink(text)
		mustFail(t, err, fault.Usage)
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]SourceSpec{
		"auto":       {Kind: SourceAuto, Bytes: 64 << 20},
		"auto:64KiB": {Kind: SourceAuto, Bytes: 64 << 10},
		"zero":       {Kind: SourceZero},
		"./zero":     {Kind: SourceFile, Path: "./zero"},
		"zero:1":     {Kind: SourceFile, Path: "zero:1"},
		"/x/auto:1":  {Kind: SourceFile, Path: "/x/auto:1"},
	} {
		got, err := ParseSource(text)
		want.text = text
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %+v, written %s, %v; want %+v", text, got, got, err, want)
		}
	}
	for _, text := range []string{"", "auto:", "auto:0", "auto:much"} {
		_, err := ParseSource(text)
		mustFail(t, err, fault.Usage)
	}
}

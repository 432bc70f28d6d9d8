package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that a page names exists.
func TestNamedTestsExist(t *testing.T) {
	there := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(text, -1) {
			there[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range append(pages, "../README.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(text, -1) {
			named++
			if !there[string(name[1])] {
				t.Errorf("%s names %s, but there is no such test: correct it", page, name[1])
			}
		}
	}
	if named < 100 {
		t.Errorf("%d tests are named: the pages are not read as they are written", named)
	}
}

// Every file and directory of the tree that a page names exists.
func TestNamedFilesExist(t *testing.T) {
	word := regexp.MustCompile("`((?:\\.ci|bpf|cmd|docs|internal|scripts|tracer|ui|workloads)/[\\w./-]*)`")
	pages, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range append(pages, more...) {
		if filepath.Base(page) == "CHANGELOG.md" {
			continue // names what there was
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range word.FindAllSubmatch(text, -1) {
			named++
			if _, err := os.Stat(filepath.Join("..", string(found[1]))); err != nil {
				t.Errorf("%s names %s, but there is no such file: correct it", page, found[1])
			}
		}
	}
	if named < 20 {
		t.Errorf("%d files are named: the pages are not read as they are written", named)
	}
}

// The eBPF programs call the helpers that docs/security.md names and no others, and read user memory as often as it says.
func TestWhatProgramsReach(t *testing.T) {
	text, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	files, err := filepath.Glob("../bpf/*.[ch]")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	called, types := map[string]bool{}, map[string]bool{"bpf_perf_event_data": true, "bpf_overflow_handler": true}
	reads := 0
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, call := range regexp.MustCompile(`\b(bpf_\w+) ?\(`).FindAllStringSubmatch(string(code), -1) {
			if strings.HasPrefix(call[1], "bpf_core_") || types[call[1]] {
				continue // resolved when the programs are loaded
			}
			called[call[1]] = true
			if call[1] == "bpf_probe_read_user" {
				n++
			}
		}
		if row := fmt.Sprintf("| `bpf/%s` | %d | ", filepath.Base(file), n); n > 0 && !strings.Contains(page, row) {
			t.Errorf("security.md lacks the row %s", row)
		}
		reads += n
	}
	if len(called) < 10 || reads < 10 {
		t.Errorf("%d helpers, %d reads: the programs are not read as they are written", len(called), reads)
	}
	for helper := range called {
		if !strings.Contains(page, "`"+helper+"`") {
			t.Errorf("security.md does not name %s, which a program calls", helper)
		}
	}
}

// The README says which Go the module needs.
func TestGoVersionInTheReadme(t *testing.T) {
	module, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	needs := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if needs == nil || !strings.Contains(string(readme), " Go "+string(needs[1])+" or later") {
		t.Errorf("go.mod needs Go %s, and the README does not say so", needs)
	}
}

package docs

import (
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

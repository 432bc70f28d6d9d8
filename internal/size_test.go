// Package internal has a test of the whole tree.
package internal

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	mostFileLines     = 450
	mostFunctionLines = 80
)

// What a person writes is short: a file that is longer is asking to be two, and so is a
// function.
func TestSizes(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "..":
			return filepath.SkipDir
		case entry.IsDir() || !slices.Contains([]string{".go", ".c", ".h"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if isGo := filepath.Ext(path) == ".go"; isGo {
			files++
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
			if err != nil {
				return err
			}
			if ast.IsGenerated(file) {
				return nil
			}
			checkFunctions(t, fset, file)
		}
		if n := bytes.Count(text, []byte("\n")); n > mostFileLines {
			t.Errorf("%s has %d lines, more than %d: split it by what a reader looks for", path, n, mostFileLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d Go files were found: this is not the whole tree", files)
	}
}

func checkFunctions(t *testing.T, fset *token.FileSet, file *ast.File) {
	t.Helper()
	for _, decl := range file.Decls {
		f, is := decl.(*ast.FuncDecl)
		if !is {
			continue
		}
		begin, end := fset.Position(f.Pos()), fset.Position(f.End())
		if n := end.Line - begin.Line + 1; n > mostFunctionLines {
			t.Errorf("%s: %s has %d lines, more than %d: split it", begin, f.Name.Name, n, mostFunctionLines)
		}
	}
}

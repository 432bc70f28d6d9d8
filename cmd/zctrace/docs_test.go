//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// section is the README's part under a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the README has no section %s", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// flagNames are those of a command and of all below it that its help tells of.
func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	for _, c := range cmd.Commands() {
		names = append(names, flagNames(c)...)
	}
	return names
}

var inlineFlag = regexp.MustCompile("`--([a-z-]+)")

// The README's table of flags has all of them, and no page names another.
func TestFlagsInTheDocs(t *testing.T) {
	oncePerMachine(t)
	there := append(flagNames(newRoot()), "help")
	slices.Sort(there)
	there = slices.Compact(there)
	inTable := []string{"help"}
	for _, found := range inlineFlag.FindAllStringSubmatch(section(t, "Flags"), -1) {
		inTable = append(inTable, found[1])
	}
	for _, name := range there {
		if !slices.Contains(inTable, name) {
			t.Errorf("the README's table of flags lacks --%s: add it", name)
		}
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md", "../../ARCHITECTURE.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range inlineFlag.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(there, found[1]) {
				t.Errorf("%s names --%s, but no command has such a flag: correct it", page, found[1])
			}
		}
	}
}

// The README's table of exit codes is the program's, and has those of all kinds of errors.
func TestExitCodesInTheReadme(t *testing.T) {
	oncePerMachine(t)
	var want, codes []string
	for _, row := range exitTable {
		want = append(want, "| "+row.written()+" | "+row.meaning+" |")
		codes = append(codes, strings.Split(row.written(), ", ")...)
	}
	rows := regexp.MustCompile(`(?m)^\| \d.*$`).FindAllString(section(t, "Exit codes"), -1)
	if !slices.Equal(rows, want) {
		t.Errorf("the README's table is\n%s\nand the program's\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	for _, code := range exitCodes {
		if !slices.Contains(codes, strconv.Itoa(code)) {
			t.Errorf("the table lacks %d", code)
		}
	}
}

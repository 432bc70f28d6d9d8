//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// flagNames are those of a command and of all below it.
func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
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

// The README's table of exit codes has all of them, and no other.
func TestExitCodesInTheReadme(t *testing.T) {
	oncePerMachine(t)
	there := []string{strconv.Itoa(exitDone)}
	for _, code := range exitCodes {
		there = append(there, strconv.Itoa(code))
	}
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		there = append(there, strconv.Itoa(signalExit(s)))
	}
	var rows []string
	for _, found := range regexp.MustCompile(`(?m)^\| ([\d, ]+) \|`).FindAllStringSubmatch(section(t, "Exit codes"), -1) {
		rows = append(rows, strings.Split(found[1], ", ")...)
	}
	slices.Sort(there)
	slices.Sort(rows)
	if !slices.Equal(rows, there) {
		t.Errorf("the README's exit codes are %v, the program's %v: correct the table", rows, there)
	}
}

package trace

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zctrace/zctrace/internal/human"
)

// Expectation is a condition that a run must meet, such as
// "sender.copies.from_user == 0": a gate for CI.
type Expectation struct{ comparison }

// ProgramExpectation is a condition that programs must meet, such as "total.copies.from_user == 0".
type ProgramExpectation struct{ comparison }

// comparison is a condition on the numbers of a format.
type comparison struct {
	of       *paths
	path     string
	op       string
	value    int64  // what the path is compared with, or the factor of other
	text     string // value as it was written
	other    string // a second path, or ""
	multiply bool   // value is written before other
}

// maxExpression keeps a mistaken argument, such as a whole file, out of errors.
const maxExpression = 500

// ParseExpectation reads "PATH OP VALUE". OP is ==, !=, <, <=, > or >=. VALUE is
// an integer, a size such as 64KiB, a duration such as 5ms where PATH ends in
// _ns, another path, or "INTEGER * PATH". Paths are those of the JSON, dotted,
// below "total" or the top; that of an [Amount] means its bytes, and a system
// call goes by its name (sender.syscalls.by_name.read.calls). A path that no
// trace has is an error here, so that a long run is not made in vain.
func ParseExpectation(s string) (Expectation, error) {
	c, err := runPaths.parse(s)
	return Expectation{c}, err
}

// ParseProgramExpectation reads the same of a trace of programs. The costs of all processes of a name are below
// processes["NAME"], and a path that begins with neither total, others nor processes is one below total.
func ParseProgramExpectation(s string) (ProgramExpectation, error) {
	c, err := programPaths.parse(s)
	return ProgramExpectation{c}, err
}

func (p *paths) parse(s string) (comparison, error) {
	if len(s) > maxExpression {
		return comparison{}, fmt.Errorf("expectation of %d bytes (the most is %d)", len(s), maxExpression)
	}
	e := comparison{of: p}
	if err := e.parse(s); err != nil {
		return comparison{}, fmt.Errorf("expectation %q: %w", s, err)
	}
	return e, nil
}

// symbols are those of which comparisons are made.
const symbols = "=!<>"

// unquoted is the index of the first of these characters that is not in quotes, nor of an arrow; -1: there is none.
func unquoted(s, chars string) int {
	for i := 0; i < len(s); i++ {
		switch quoted, err := strconv.QuotedPrefix(s[i:]); {
		case s[i] == '"' && err == nil:
			i += len(quoted) - 1
		case strings.HasPrefix(s[i:], "->"):
			i++
		case strings.IndexByte(chars, s[i]) >= 0:
			return i
		}
	}
	return -1
}

func (e *comparison) parse(s string) error {
	start := unquoted(s, symbols)
	if start < 0 {
		return fmt.Errorf("no comparison (write PATH OP VALUE, as in '%s == 0')", e.of.example)
	}
	right := strings.TrimLeft(s[start:], symbols)
	e.path, e.op = strings.TrimSpace(s[:start]), s[start:len(s)-len(right)]
	if unquoted(right, symbols) >= 0 {
		return errors.New("more than one comparison (repeat --expect)")
	}
	if _, ok := holds[e.op]; !ok {
		return fmt.Errorf("unknown comparison %s (want ==, !=, <, <=, > or >=)", e.op)
	}
	if e.path == "" || isNumber(e.path) {
		return fmt.Errorf("the path comes first (write PATH OP VALUE, as in '%s == 0')", e.of.example)
	}
	if err := e.of.check(e.path); err != nil {
		return err
	}
	return e.parseValue(strings.TrimSpace(right))
}

// parseValue reads the right side.
func (e *comparison) parseValue(text string) error {
	left, right, multiply := text, "", false
	if at := unquoted(text, "*"); at >= 0 {
		left, right, multiply = strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:]), true
	}
	switch {
	case left == "", multiply && right == "":
		return fmt.Errorf("something is missing after %s (want VALUE, PATH or INTEGER * PATH)", e.op)
	case multiply && !isNumber(left):
		return errors.New("the number comes before the path (write '2 * PATH')")
	case multiply:
		e.multiply, e.other = true, right
	case !isNumber(left):
		e.other, e.value = left, 1
		return e.of.check(e.other)
	}
	var err error
	e.text = left
	if e.value, err = e.parseNumber(left); err != nil || !multiply {
		return err
	}
	return e.of.check(e.other)
}

// parseNumber reads a number in the unit that the path is in.
func (e *comparison) parseNumber(text string) (int64, error) {
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%s: a count is never negative", text)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	duration, durationErr := time.ParseDuration(text)
	size, sizeErr := human.ParseBytes(text)
	switch inNS := strings.HasSuffix(e.path, "_ns"); {
	case inNS && durationErr == nil:
		return duration.Nanoseconds(), nil
	case inNS:
		return 0, fmt.Errorf("%s is in nanoseconds, and %.40q is no duration (write 5ms, or plain nanoseconds)", e.path, text)
	case sizeErr != nil && durationErr == nil:
		return 0, fmt.Errorf("%.40q is a duration, but %s is not a time", text, e.path)
	}
	return size, sizeErr
}

// isNumber tells a number from a path, which starts with a letter.
func isNumber(text string) bool {
	return text != "" && strings.ContainsRune("0123456789+-.", rune(text[0]))
}

// String is the expectation, evenly spaced.
func (e comparison) String() string {
	switch {
	case e.multiply:
		return e.path + " " + e.op + " " + e.text + " * " + e.other
	case e.other != "":
		return e.path + " " + e.op + " " + e.other
	}
	return e.path + " " + e.op + " " + e.text
}

// Check returns nil if the trace meets the expectation, and otherwise an error
// that says what it found: "sender.copies.from_user == 0: found 67108864". A
// number that nobody counted meets nothing.
func (e Expectation) Check(t *Trace) error {
	short := *t
	short.Samples = nil // no path leads there
	doc, err := toJSON(&short)
	if err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	return e.check(func(path string) (int64, error) { return t.lookUp(doc, path) })
}

// Check is what [Expectation.Check] is for a run.
func (e ProgramExpectation) Check(p *Program) error {
	short := *p
	short.Samples, short.Processes = nil, nil
	doc, err := toJSON(&short)
	if err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	return e.check(func(path string) (int64, error) { return p.lookUp(doc, path) })
}

// check compares the numbers that lookUp finds.
func (e comparison) check(lookUp func(path string) (int64, error)) error {
	found, err := lookUp(e.path)
	if err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	if e.other == "" {
		if !holds[e.op](cmp.Compare(found, e.value)) {
			return fmt.Errorf("%s: found %d", e, found)
		}
		return nil
	}
	other, err := lookUp(e.other)
	if err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	if !holds[e.op](compareProduct(found, e.value, other)) {
		return fmt.Errorf("%s: found %d, and %s is %d", e, found, e.other, other)
	}
	return nil
}

// holds tells for each comparison whether it holds of -1, 0 or 1.
var holds = map[string]func(order int) bool{
	"==": func(order int) bool { return order == 0 },
	"!=": func(order int) bool { return order != 0 },
	"<":  func(order int) bool { return order < 0 },
	"<=": func(order int) bool { return order <= 0 },
	">":  func(order int) bool { return order > 0 },
	">=": func(order int) bool { return order >= 0 },
}

// compareProduct compares n with a × b, none of them negative, in 128 bits.
func compareProduct(n, a, b int64) int {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if high > 0 {
		return -1
	}
	return cmp.Compare(uint64(n), low)
}

// lookUp finds the number at path; if there is none, the error says why.
func (t *Trace) lookUp(doc map[string]any, path string) (int64, error) {
	keys := runPaths.split(path)
	if n, ok := t.failedWith(keys); ok {
		return n, nil
	}
	return numberAt(doc, keys, func(reason string) error { return t.notCounted(path, reason) })
}

// numberAt finds the number to which keys lead; if it is null, notCounted says why.
func numberAt(doc map[string]any, keys []string, notCounted func(reason string) error) (int64, error) {
	var at any = doc
	reason := ""
	for i, key := range keys {
		group, ok := at.(map[string]any)
		if !ok {
			return 0, notCounted(reason)
		}
		if text, ok := group["reason"].(string); ok {
			reason = text
		}
		next, ok := group[key]
		if !ok && i > 0 && slices.Contains([]string{"by_name", "requests", "by_path", "kernel_io"}, keys[i-1]) {
			return 0, nil // that was not made
		}
		at = next
	}
	if amount, ok := at.(map[string]any); ok {
		at = amount["bytes"]
		reason, _ = amount["reason"].(string)
	}
	number, ok := at.(json.Number)
	if !ok {
		return 0, notCounted(reason)
	}
	n, err := number.Int64()
	if err != nil || n < 0 {
		return 0, fmt.Errorf("found %s, which no counter can be", number)
	}
	return n, nil
}

// failedWith is the number at the path of an errno, which stands in the JSON only if it is not 0.
func (t *Trace) failedWith(keys []string) (int64, bool) {
	n := len(keys)
	if n < 6 || keys[n-2] != "errnos" || t.Total.Party(keys[1]) == nil {
		return 0, false
	}
	c, name, errno := t.Total.Party(keys[1]), keys[n-3], keys[n-1]
	if request, made := c.Requests[name]; made && keys[n-4] == "requests" {
		return request.FailedWith(errno).Get()
	}
	if call, made := c.Syscalls.ByName[name]; made && keys[n-4] == "by_name" {
		return call.FailedWith(errno).Get()
	}
	return 0, false
}

// notCounted says why the number at path is null.
func (t *Trace) notCounted(path, reason string) error {
	party, number, _ := strings.Cut(strings.TrimPrefix(path, "total."), ".")
	c := t.Total.Party(party)
	if c != nil && reason == "" {
		reason = c.Origin(number).Reason
	}
	switch {
	case reason != "":
	case party == receiverName && c == nil:
		reason = "this run has no receiver"
	case party == "textbook" && t.Textbook == nil:
		reason = "no textbook tells of this strategy"
	case party == "losses":
		reason = "this run has no such cause of loss"
	case c != nil && strings.Contains(number, ofErrno):
		reason = "of some of these errors the trace has no errno"
	case c != nil && strings.HasPrefix(number, "engines."):
		reason = "it takes --copies all and more than one engine"
	default:
		reason = "not counted in this run"
	}
	return fmt.Errorf("found null for %s: %s", path, reason)
}

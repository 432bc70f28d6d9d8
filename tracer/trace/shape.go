package trace

import "fmt"

// A trace that anyone may have sent must not cost more memory than a trace
// needs. The largest real one (1,000 samples of three parties with ten system
// calls each) has about 800,000 values in 15 MB.
const (
	maxFileBytes   = 64 << 20
	maxValues      = 2 << 20
	maxElements    = 64 << 10 // of one list or object
	maxDepth       = 64
	maxStringBytes = 64 << 10 // as written, escapes included
)

// checkShape refuses JSON that would grow large when it is decoded: "[{},{},"
// and so on costs a thousand times its size. data is valid JSON already, which
// leaves only brackets, commas and quotes to look at.
func checkShape(data []byte) error {
	var elements [maxDepth + 1]int // so far, in each open list or object
	depth, values := 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			start := i + 1
			for i = start; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if i-start > maxStringBytes {
				return fmt.Errorf("a string of %d bytes (the most is %d)", i-start, maxStringBytes)
			}
		case '[', '{':
			if depth == maxDepth {
				return fmt.Errorf("nested more than %d deep", maxDepth)
			}
			depth++
			elements[depth] = 0
			values++
		case ']', '}':
			depth--
		case ',':
			elements[depth]++
			values++
		}
		if elements[depth] >= maxElements {
			return fmt.Errorf("a list of more than %d elements", maxElements)
		}
		if values > maxValues {
			return fmt.Errorf("more than %d values", maxValues)
		}
	}
	return nil
}

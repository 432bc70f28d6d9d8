package trace

import _ "embed"

// SchemaJSON is the JSON Schema (draft 2020-12) of the format. It cannot express
// the laws between numbers; [Trace.Validate] checks those, too.
//
//go:embed schema.json
var SchemaJSON string

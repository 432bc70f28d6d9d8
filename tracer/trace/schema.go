package trace

import _ "embed"

// SchemaJSON is the JSON Schema (draft 2020-12) of the format. It cannot express
// the laws between numbers; [Trace.Validate] checks those, too.
//
//go:embed schema.json
var SchemaJSON string

// SetSchemaJSON is the JSON Schema of a set of traces. It refers to that of a
// trace by its $id.
//
//go:embed schema-set.json
var SetSchemaJSON string

// ProgramSchemaJSON is the JSON Schema of a trace of programs. [Program.Validate] checks the laws between its numbers, too.
//
//go:embed program.schema.json
var ProgramSchemaJSON string

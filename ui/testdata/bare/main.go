// Bare is what every bubbletea v1 program does to a terminal before main: the
// control of the test that shows that zctrace does not.
package main

import (
	"fmt"

	_ "github.com/charmbracelet/bubbletea"
)

func main() { fmt.Println("main reached") }

// Command zctrace shows what an I/O strategy really costs: the bytes that the
// CPU copied, those that moved by reference, system calls, mode and context
// switches, page faults.
package main

import "os"

func main() { os.Exit(execute(os.Args[1:])) }

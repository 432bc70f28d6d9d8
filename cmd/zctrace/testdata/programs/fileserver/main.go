// Command fileserver serves the files below a directory by HTTP, as it is done in most Go programs:
//
//	fileserver ADDRESS DIRECTORY            with http.FileServer
//	fileserver ADDRESS DIRECTORY wrapped    behind middleware that counts what is written, as for a log
//
// At SIGTERM it succeeds: of one that a signal has killed, some shells say so, or not, as they find out.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// counted is a ResponseWriter as logging middleware has it. It has no ReadFrom.
type counted struct {
	http.ResponseWriter
	bytes int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: fileserver ADDRESS DIRECTORY [wrapped]")
		os.Exit(2)
	}
	handler := http.FileServer(http.Dir(os.Args[2]))
	if len(os.Args) > 3 {
		files := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { files.ServeHTTP(&counted{ResponseWriter: w}, r) })
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		os.Exit(0)
	}()
	listener, err := net.Listen("tcp", os.Args[1])
	if err == nil {
		fmt.Println("fileserver listens at", os.Args[1])
		err = http.Serve(listener, handler)
	}
	fmt.Fprintln(os.Stderr, "fileserver:", err)
	os.Exit(1)
}

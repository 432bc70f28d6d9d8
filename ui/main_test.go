package ui

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// The test binary plays other programs, too: one that only reaches main, and
// one that shows the dashboard on its terminal.
const helperVariable = "ZCTRACE_UI_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperVariable) {
	case "":
		goleak.VerifyTestMain(m)
	case "main":
		fmt.Printf("main reached, TERM=%q\n", os.Getenv("TERM"))
	case "dashboard":
		helperDashboard()
	}
}

// helperDashboard replays a run; it goes on until it is told to stop.
func helperDashboard() {
	stop := make(chan string, 2)
	p := NewDashboard(Options{
		Terminal:  term.DetectTerminal(os.Getenv),
		Stop:      func() { stop <- "stopped" },
		Interrupt: func() { stop <- "interrupted" },
	}, RunOptions{})
	why := ""
	go func() {
		for i := 1; ; i++ {
			select {
			case why = <-stop:
				p.Send(Finished{Trace: tracetest.Whole("sendfile")})
				return
			case <-time.After(20 * time.Millisecond):
				p.Send(Update{tracetest.RunOf("sendfile", min(i, 50))})
			}
		}
	}()
	_, err := p.Run()
	fmt.Println("left:", err, why)
	fmt.Print(report.Table(tracetest.Whole("sendfile"), 80))
}

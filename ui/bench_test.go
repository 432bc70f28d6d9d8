package ui

import (
	"strconv"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/tracetest"
)

// BenchmarkFrame is one update and one frame of each view at a size people use.
// Ten of them a second must stay within 3 % of a core: 3 ms each.
func BenchmarkFrame(b *testing.B) {
	t := tracetest.RunOf("read-write", 40)
	for len(t.Samples) < 1000 {
		t.Samples = append(t.Samples, t.Samples[len(t.Samples)-1])
	}
	for v, name := range viewNames {
		b.Run(name, func(b *testing.B) {
			var m tea.Model = newDashboard(Options{}, RunOptions{})
			m, _ = m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
			m, _ = m.Update(keyPress(strconv.Itoa(v + 1)))
			b.ReportAllocs()
			for b.Loop() {
				m, _ = m.Update(Update{t})
				_ = m.View()
			}
		})
	}
}

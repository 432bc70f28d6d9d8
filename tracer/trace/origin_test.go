package trace

import "testing"

// Provenance tells of plain numbers and of groups of them, and of nothing else.
func TestOriginsPaths(t *testing.T) {
	for _, path := range []string{
		"payload_bytes", "cpu", "cpu.user_ns", "syscalls", "syscalls.calls", "syscalls.by_name", "syscalls.by_name.*",
		"syscalls.by_name.*.time_ns", "syscalls.by_name.read", "syscalls.by_name.read.blocked",
	} {
		if err := checkOrigin(path); err != nil {
			t.Errorf("%s %v", path, err)
		}
	}
	for _, path := range []string{
		"cpu.user_nss", "cpu.users_ns", "cpus", "cpu.", "CPU.user_ns", "user_ns", "cpu.user_ns.kind", "sender.cpu.user_ns",
		"page_cache.hits", "page_cache.hit_byte", "", ".", "*", "disk.*", "syscalls.*", "syscalls.by_name.*.times_ns", "syscalls.by_name.read.time",
		"syscalls.by_name.*.latency_log2", "copies", "copies.to_user", "copies.to_user.bytes", "moved", "engines.*.to_user", "\x1b[2J",
	} {
		if checkOrigin(path) == nil {
			t.Errorf("%q is taken for a path", path)
		}
	}
}

func TestOrigin(t *testing.T) {
	c := Counters{Provenance: map[string]Origin{
		"cpu":                        {Estimated, "group"},
		"cpu.runtime_ns":             {Observed, ""},
		"syscalls.by_name.*.time_ns": {Unavailable, "--latency off"},
		"syscalls.by_name.read":      {Estimated, "only read"},
	}}
	for path, want := range map[string]Origin{
		"cpu.user_ns":                    {Estimated, "group"},
		"cpu.runtime_ns":                 {Observed, ""},
		"cpu":                            {Estimated, "group"},
		"disk.read_bytes":                {Observed, ""},
		"syscalls.by_name.write.time_ns": {Unavailable, "--latency off"},
		"syscalls.by_name.write.calls":   {Observed, ""},
		"syscalls.by_name.read.calls":    {Estimated, "only read"},
		"syscalls.by_name.read.time_ns":  {Unavailable, "--latency off"},
		"":                               {Observed, ""},
	} {
		if got := c.Origin(path); got != want {
			t.Errorf("Origin(%q) = %v, want %v", path, got, want)
		}
	}
	var none Counters
	if got := none.Origin("cpu.user_ns"); got.Provenance != Observed {
		t.Errorf("without provenance: %v", got)
	}
}

func TestIntAdd(t *testing.T) {
	const most = 1<<63 - 1
	for _, c := range []struct{ a, b, want Int }{
		{Known(1), Known(2), Known(3)},
		{Known(0), Known(0), Known(0)},
		{Known(5), Known(0), Known(5)},
		{Known(5), Known(-7), Known(-2)},
		{Known(1), Int{}, Int{}},
		{Int{}, Known(1), Int{}},
		{Known(most), Known(0), Known(most)},
		{Known(most), Known(1), Int{}},
		{Known(-most), Known(-2), Int{}},
	} {
		if got := c.a.Add(c.b); got != c.want {
			t.Errorf("%s + %s = %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

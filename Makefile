# zctrace: build, run, test. `make help` lists the targets.

GO     ?= go
# Only where the kernel asks for it, and only for what needs it.
ROOT   := $(shell [ $$(id -u) = 0 ] && echo root || command -v sudo)
SUDO   := $(if $(filter 0,$(shell id -u)),,$(shell command -v sudo))
BIN    := $(CURDIR)/.bin
PREFIX ?= /usr/local
NEEDS_GO := $(shell awk '$$1 == "go" {print $$2}' go.mod)
export CGO_ENABLED = 0

VERSION        := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT         := $(shell git rev-parse HEAD 2>/dev/null)
# No -s: exec's command is to ignore the signals that zctrace found ignored, and only the
# symbols say where Go's runtime keeps those.
LDFLAGS        := -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
GOLANGCI       := $(BIN)/golangci-lint-v2.15.0

.PHONY: help build install uninstall run test test-all test-unit test-native test-native-plain test-native-raced test-vm test-programs accept-vm test-fresh fuzz soak lint generate check-generated bench vm-shell deps deps-native deps-programs deps-vm deps-dev man screenshot clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build ./zctrace; needs only Go
	@$(GO) mod edit -json >/dev/null 2>&1 || { echo "zctrace: needs Go $(NEEDS_GO) or later, and no '$(GO)' here can read go.mod: install a newer one (https://go.dev/dl), or name it: GO=/usr/local/go/bin/go" >&2; exit 1; }
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o zctrace ./cmd/zctrace

# Under sudo Go is often not found: what was built before will do.
zctrace:
	@echo "zctrace: '$(GO)' is not found, and nothing is built: run make build as yourself, and then this again" >&2; exit 1

install: $(if $(shell command -v $(GO)),build,zctrace) ## Install zctrace, its man pages and shell completion below PREFIX=/usr/local (DESTDIR=)
	@./scripts/install '$(DESTDIR)$(PREFIX)'

uninstall: ## Remove what make install put there
	@./scripts/install --remove '$(DESTDIR)$(PREFIX)'

run: build ## Build it and run `zctrace run sendfile`
	$(SUDO) ./zctrace run sendfile

test: deps test-unit test-native ## Run all tests; installs what they need
	@no_vm=$$(./scripts/vm --why-not); \
	[ -n "$$no_vm" ] || $(MAKE) --no-print-directory test-vm || exit; \
	echo; echo "tiers that ran:"; \
	echo "  unit    no rights needed, with the race detector"; \
	[ -z "$(ROOT)" ] || echo "  native  eBPF on this kernel, $$(uname -r)"; \
	[ -n "$$no_vm" ] || echo "  vm      eBPF in emulated guests, as the lines with ok say$(if $(ALL),: all tests on all kernels)"; \
	[ -z "$(ROOT)" ] || [ -n "$$no_vm" ] || exit 0; \
	echo "tiers that did not run:"; \
	[ -n "$(ROOT)" ] || echo "  native  eBPF on this kernel: neither root nor sudo"; \
	[ -z "$$no_vm" ] || echo "  vm      eBPF in emulated guests:" $$no_vm; \
	[ -z "$(CI)" ] || { echo "CI has to run all of them"; exit 1; }

NATIVE := ./tracer ./cmd/zctrace
# Unit tests some of which need root, and skip themselves without; they run with it too.
AS_ROOT := ./workloads ./internal/outfile ./tracer/session/launch
# PATH is named, for sudo has one of its own, without Go.
AS_SUDO := $(if $(SUDO),-exec '$(SUDO) -E env "PATH=$(PATH)"')
# With root to be had, CI lets no test skip itself for want of it.
GO_TEST_NATIVE = ZCTRACE_TEST_ROOT=$(ROOT) $(GO) test -count=1 $(AS_SUDO) -timeout 40m

# They need programs that nobody wants a test to install. CI has run them before all others.
REAL_PROGRAMS := ^TestRealPrograms$$

test-unit: ## Run the tests that need no rights
	CGO_ENABLED=1 $(GO) test -race -timeout 40m $$($(GO) list ./... | grep -vxE '.*/(tracer|cmd/zctrace)')
	CGO_ENABLED=1 $(GO) test -race -run '^TestHook' ./tracer

test-native: ## Run the tests that load eBPF programs into this kernel, or need root
	@$(SUDO) true # asks for the password once
	@$(MAKE) --no-print-directory -j2 test-native-plain test-native-raced

# Beside each other, for they wait most of the time.
test-native-plain:
	$(GO_TEST_NATIVE) $(if $(CI),-skip '$(REAL_PROGRAMS)') $(NATIVE) $(AS_ROOT)

test-native-raced:
	ZCTRACE_TEST_RACED=1 CGO_ENABLED=1 GORACE=halt_on_error=1 $(GO_TEST_NATIVE) -race $(NATIVE)

test-programs: deps-programs ## Trace real programs, servers too, which it installs (docs/programs.md)
	ZCTRACE_TEST_PROGRAMS=1 $(GO_TEST_NATIVE) -run '$(REAL_PROGRAMS)' ./cmd/zctrace

test-all: ## Run all tests on all kernels, without a limit of time
	$(MAKE) --no-print-directory test ALL=1
	@echo "all tests passed on all kernels at $(VERSION): docs/kernels.md has a line that may say so"

IN_GUESTS = $(GO) run ./internal/guests $(if $(ALL),-all -timeout 4h)
test-vm: deps-vm ## Run them in guests with the kernels of internal/guests/kernels.txt, on some a part (KERNELS="6.12 newest": all on these; RUN=regexp)
	$(IN_GUESTS) -run '$(RUN)' $(KERNELS)

accept-vm: ## Take over how many tests passed, and what the engines saw, in the guests' last run as what is expected
	$(IN_GUESTS) -accept $(KERNELS)

FRESH ?= make test
test-fresh: ## Run FRESH="make test" as a newcomer on a fresh Debian 12, where make deps has to bring all that it needs
	@./scripts/need mmdebstrap:mmdebstrap /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
	$(SUDO) env GOROOT=$$($(GO) env GOROOT) GOMODCACHE=$$($(GO) env GOMODCACHE) GOPROXY=$$($(GO) env GOPROXY) ./scripts/fresh '$(FRESH)'

FUZZTIME ?= 10m
fuzz: ## Run every fuzzer for FUZZTIME=10m; what crashes one is kept in its testdata/fuzz
	@grep -rho --include='*_test.go' '^func Fuzz[A-Za-z]*' . | sort -u | cut -d ' ' -f 2 | while read -r name; do \
		package=$$(grep -rl --include='*_test.go' "^func $$name(" . | xargs dirname); \
		echo "$$name in $$package for $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1000x "$$package" || exit; \
	done

soak: ## Run ten minutes at full speed, start and stop 1,000 times, run 100 times four threads on one CPU, and try every combination; takes an hour
	ZCTRACE_TEST_LONG_RUN=10m ZCTRACE_TEST_STARTS=1000 ZCTRACE_TEST_ALL_COMBINATIONS=1 ZCTRACE_TEST_PREEMPTED=100 $(GO) test -count=1 $(AS_SUDO) -timeout 2h -v -run 'TestLongRun|TestStartsAndStops|TestProduct|TestNothingIsLostOnOneCPU' ./cmd/zctrace

lint: $(GOLANGCI) ## Check formatting, imports and code, and that `show` builds elsewhere
	$(GOLANGCI) run ./...
	GOOS=darwin $(GO) vet ./...

$(GOLANGCI):
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(BIN)/golangci-lint $@

generate: deps-dev ## Compile the eBPF programs and remake all generated files
	$(GO) generate ./...

check-generated: generate ## Fail if a generated file is not what its source gives
	git diff --exit-code -- bpf internal/syscalls

bench: ## Measure what tracing and the dashboard cost, next to other tracers and tools; takes half an hour (BENCH=regexp: only these)
	@./scripts/need chrt:util-linux
	@if echo BenchmarkPeers | grep -qE '$(or $(firstword $(subst /, ,$(BENCH))),.)'; then ./scripts/need iperf3:iperf3 fio:fio; fi
	@if echo BenchmarkExec | grep -qE '$(or $(firstword $(subst /, ,$(BENCH))),.)'; then ./scripts/need bpftrace:bpftrace strace:strace cc:gcc /usr/include/stdlib.h:libc6-dev && \
		{ ./scripts/need perf:linux-perf || echo "without perf: no package linux-perf here"; }; fi
ifndef BENCH
	$(GO) build -o $(BIN)/overhead ./internal/overhead
	$(SUDO) $(BIN)/overhead
endif
	$(GO) test $(AS_SUDO) -timeout 30m -run '^$$' -bench '$(or $(BENCH),.)' -benchtime 1x ./tracer/session ./cmd/zctrace

KERNEL ?= 6.12
vm-shell: build deps-vm ## Open a shell in a guest with Debian's kernel KERNEL=6.12, or another of internal/guests/kernels.txt
	@./scripts/vm --fetch $(KERNEL)
	$(SUDO) ./scripts/vm $(KERNEL)

# What the tests need besides Go, and what generating needs besides that.
deps: deps-native ## Install what the tests need (Debian, Ubuntu)
	@[ -n "$$(./scripts/vm --why-not)" ] || $(MAKE) --no-print-directory deps-vm

# Nothing that is only recommended comes with a package: the race detector needs cgo, so the headers of C are named, too.
deps-native:
	@PATH=$$PATH:/usr/sbin:/sbin ./scripts/need tmux:tmux jq:jq /usr/bin/python3:python3 capsh:libcap2-bin setpriv:util-linux ip:iproute2 cc:gcc /usr/include/stdlib.h:libc6-dev \
		mount:mount dmsetup:dmsetup mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs strace:strace curl:curl

deps-programs: deps-native
	@PATH=$$PATH:/usr/sbin:/sbin ./scripts/need tar:tar gzip:gzip rsync:rsync nginx:nginx-light socat:socat iperf3:iperf3

deps-vm:
	@PATH=$$PATH:/usr/sbin:/sbin ./scripts/need qemu-system-x86_64:qemu-system-x86 qemu-system-aarch64:qemu-system-arm \
		/usr/lib/qemu/virtiofsd:qemu-system-common cpio:cpio xz:xz-utils depmod:kmod /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring \
		mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu /usr/aarch64-linux-gnu/lib/libc.a:libc6-dev-arm64-cross

deps-dev: deps ## Install what `make generate` needs
	@./scripts/need clang-19:clang-19 llvm-strip-19:llvm-19 /usr/include/bpf/bpf_helpers.h:libbpf-dev

# In a guest, whose kernel lets copies be observed; how fast it is there is the emulator's.
FILMS := .bin/film
FILM  := set -e; for strategy in read-write mmap-write sendfile; do \
		./scripts/film $(FILMS)/$$strategy run $$strategy --duration 12s; done; \
	./scripts/film $(FILMS)/compare compare --bytes 16MiB read-write mmap-write sendfile splice
screenshot: build deps-vm ## Take the README's pictures of the dashboard, in a guest with Debian's kernel 6.12 (Debian 12)
	@./scripts/need tmux:tmux python3:python3
	@./scripts/vm --fetch 6.12
	rm -rf $(FILMS) && mkdir $(FILMS)
	$(SUDO) env TIMEOUT=1800 ./scripts/vm 6.12 bash -c '$(FILM)'
	for strategy in read-write mmap-write; do \
		./scripts/picture --still "sudo zctrace run $$strategy" <$(FILMS)/$$strategy >docs/$$strategy.svg || exit; \
	done
	./scripts/picture --still "sudo zctrace compare" <$(FILMS)/compare >docs/compare.svg
	./scripts/picture "sudo zctrace run sendfile" <$(FILMS)/sendfile >docs/sendfile.svg

man: build ## Write the man pages to ./man
	./zctrace man man

clean: ## Remove what was built
	rm -rf zctrace man $(BIN)

# zctrace: build, run, test. `make help` lists the targets.

GO     ?= go
# Only where the kernel asks for it, and only for what needs it.
SUDO   := $(if $(filter 0,$(shell id -u)),,$(shell command -v sudo))
BIN    := $(CURDIR)/.bin
export CGO_ENABLED = 0

VERSION        := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT         := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS        := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
GOLANGCI       := $(BIN)/golangci-lint-v2.15.0

.PHONY: help build run test test-unit test-native lint generate check-generated bench vm-shell deps deps-dev man screenshot clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build ./zctrace; needs only Go
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o zctrace ./cmd/zctrace

run: build ## Build it and run `zctrace run sendfile`
	$(SUDO) ./zctrace run sendfile

test: deps test-unit test-native ## Run all tests; installs what they need
	@echo; echo "tiers that ran:"; \
	echo "  unit    no rights needed, with the race detector"; \
	if [ -n "$(SUDO)" ] || [ "$$(id -u)" = 0 ]; then \
		echo "  native  eBPF on this kernel, $$(uname -r)"; \
	else \
		echo "tiers that did not run:"; \
		echo "  native  eBPF on this kernel: neither root nor sudo"; \
	fi

NATIVE := ./tracer ./cmd/zctrace

test-unit: ## Run the tests that need no rights
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -vxE '.*/(tracer|cmd/zctrace)')

test-native: ## Run the tests that load eBPF programs into this kernel
	$(GO) test -count=1 $(if $(SUDO),-exec '$(SUDO) -E') -timeout 20m $(NATIVE)

lint: $(GOLANGCI) ## Check formatting, imports and code
	$(GOLANGCI) run ./...

$(GOLANGCI):
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(BIN)/golangci-lint $@

generate: deps-dev ## Compile the eBPF programs and remake all generated files
	$(GO) generate ./...

check-generated: generate ## Fail if a generated file is not what its source gives
	git diff --exit-code -- bpf tracer

bench: ## Measure what tracing costs on this machine
	$(GO) test $(if $(SUDO),-exec '$(SUDO) -E') -run '^$$' -bench . -benchtime 1x ./tracer/session

KERNEL ?= 6.12
vm-shell: build ## Open a shell in a guest with Debian's kernel KERNEL=6.12 or 6.1
	@./scripts/need qemu-system-x86_64:qemu-system-x86 /usr/lib/qemu/virtiofsd:qemu-system-common /bin/busybox:busybox-static cpio:cpio /sbin/mkfs.ext4:e2fsprogs /sbin/depmod:kmod
	$(SUDO) ./scripts/vm $(KERNEL)

# What the tests need besides Go, and what generating needs besides that.
deps: ## Install what the tests need (Debian, Ubuntu)
	@./scripts/need tmux:tmux jq:jq setpriv:util-linux cc:gcc

deps-dev: deps ## Install what `make generate` needs
	@./scripts/need clang-19:clang-19 llvm-strip-19:llvm-19 /usr/include/bpf/bpf_helpers.h:libbpf-dev

screenshot: build ## Take the README's picture of the dashboard (Debian)
	@./scripts/need tmux:tmux aha:aha chromium:chromium fc-list:fontconfig /usr/share/fonts/truetype/dejavu:fonts-dejavu-core
	$(SUDO) ./scripts/screenshot sendfile docs/sendfile.png

man: build ## Write the man pages to ./man
	./zctrace man man

clean: ## Remove what was built
	rm -rf zctrace man $(BIN)

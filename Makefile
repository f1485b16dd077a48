# Juno. `make` alone lists what can be made. Every target does its own set-up: on a fresh Debian
# machine with Go and nothing else, `make demo` and `make test` work. System packages are
# installed only when they are missing, and nothing touches the network when nothing is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# Go is often unpacked in /usr/local and forgotten in PATH.
export PATH := $(PATH):/usr/local/go/bin
# The version comes from VERSION below; stamping by the go command fails in a borrowed checkout.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# How long each fuzz target runs; CI has less patience than a night has.
FUZZTIME ?= $(if $(CI),5s,10s)
# How many seeds `make sim` runs.
SEEDS ?= 1000
# How many rounds `make chaos` runs.
ROUNDS ?= 20

# The rooms with goroutines in them; the pure rooms may have none (internal/tidy), and the
# simulator is one goroutine by design.
RACE = $(wildcard cluster cluster/zmq cluster/rpc cluster/client internal/submit server remote \
	wal db db/sql snapshot shell)

# The rooms whose tests break the rules of the protocol, one at a time (internal/mutate).
MUTATED = ./cluster/consensus ./cluster/sim

.PHONY: help build demo test check fmt fmt-check vet lint race fuzz peers sim chaos bench \
	bench-cluster clean setup setup-cc

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: setup ## build bin/juno
	@mkdir -p bin
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/juno ./cmd/juno

demo: build ## run a cluster of four: load, kill, restart, audit, verify; ends in the shell
	bin/juno demo

test: setup ## run every test
	go test ./...
	go run ./internal/mutate test -run 'TestMutants$$' $(MUTATED)

check: fmt-check vet lint test race fuzz peers ## everything CI runs, about ten minutes on two cores

fmt: setup ## format the code
	go tool gofumpt -l -w .

fmt-check: setup
	@unformatted=$$(go tool gofumpt -l .); \
	if [ -n "$$unformatted" ]; then \
		printf 'not formatted, run "make fmt":\n%s\n' "$$unformatted"; exit 1; \
	fi

vet: setup
	go vet ./...
	go run ./internal/mutate vet $(MUTATED)

lint: setup
	go tool staticcheck ./...
	go tool staticcheck -tags mutant $(MUTATED)

race: setup-cc ## run the tests of the concurrent rooms under the race detector
	$(if $(RACE),go test -race $(addprefix ./,$(RACE)))

fuzz: setup ## fuzz every decoder for FUZZTIME each (make fuzz FUZZTIME=10m)
	.ci/fuzz $(FUZZTIME)

peers: setup
	go -C bench vet ./...
	go -C bench test ./...

sim: setup ## run SEEDS seeds of the simulator (make sim SEEDS=10000)
	go run ./internal/mutate test -count=1 -timeout 0 -v -run 'TestCampaign$$' ./cluster/sim \
		-seeds $(SEEDS)

chaos: setup ## break clusters of processes for ROUNDS rounds (make chaos ROUNDS=100)
	go test -count=1 -timeout 0 -v -run 'TestChaos$$' ./chaos -rounds $(ROUNDS)

bench: build ## measure Juno and its peers in one run, write docs/BENCHMARKS.md
	go -C bench run ./report -juno ../bin/juno -out ../docs/BENCHMARKS.md

bench-cluster: build ## measure clusters of Juno and its peers, write docs/BENCHMARKS.cluster.md
	go -C bench run ./report -cluster -juno ../bin/juno -out ../docs/BENCHMARKS.cluster.md

clean: ## remove what was built
	rm -rf bin

setup:
	@.ci/setup

setup-cc:
	@.ci/setup cc

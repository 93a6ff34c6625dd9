# The commands a person needs. Every target brings its own prerequisites; ARGS goes through to the program.
SHELL := /bin/bash
SWIFT ?= swift
# Compiling is bound by memory before it is bound by cores: two jobs on two cores, four at most.
JOBS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
ARGS ?=
HELIOGRAPH := .build/release/heliograph

.PHONY: help run test bench check clean build bootstrap

help:
	@echo 'make run    build and start everything with demo data (ARGS="--port 0" and the like)'
	@echo 'make test   build and run all tests (ARGS="BrokerTests FleetTests")'
	@echo 'make bench  measure against the reference programs (ARGS="queue http")'
	@echo 'make check  format, layering and the other rules of the house'
	@echo 'make build  the release program; make clean removes what was built, and keeps .heliograph/'

bootstrap:
	@scripts/bootstrap --run

build: bootstrap
	$(SWIFT) build -c release --product heliograph -j $(JOBS)

run: build
	@exec $(HELIOGRAPH) up --demo $(ARGS)

test:
	@scripts/bootstrap
	$(SWIFT) build --build-tests -j $(JOBS)
	@scripts/test $(ARGS)

bench:
	@PEERS=1 scripts/bootstrap --run
	$(SWIFT) build -c release --product heliograph -j $(JOBS)
	@exec $(HELIOGRAPH) bench $(ARGS)

check: bootstrap
	@scripts/check

clean:
	rm -rf .build

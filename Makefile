# The commands of this repository. Each is a script of scripts/, so that they work without make too.
.PHONY: help setup check test test-current demo up bench conformance docs lock clean

help:  ## these words
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup:  ## install everything into .venv, from requirements.lock
	@scripts/setup

check: setup  ## formatting, lint, types, layers, packaging, documentation
	@scripts/check

test: setup  ## every test there is, with a real private Docker Engine
	@scripts/test $(TESTS)

test-current: setup  ## the tests with an engine, on a current Docker (built once, and kept)
	@scripts/test-current $(TESTS)

demo: setup  ## a private engine, four things that break, and paramedic (ONCE=1: end by itself)
	@scripts/demo

up: setup  ## paramedic on this machine's own engine, observing
	@scripts/up

bench: setup  ## speeds and footprint, beside their peers
	@scripts/bench

conformance: setup  ## our PromQL in Prometheus' language tests (CORPUS=their directory)
	@scripts/conformance $(CORPUS)

docs: setup  ## write the generated pages of docs/reference anew
	@scripts/docs

lock:  ## make requirements.lock anew from pyproject.toml
	@scripts/lock

clean:  ## end and remove everything that these commands made, .venv too
	@scripts/clean

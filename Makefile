# Every target makes what it needs. `make PYTHON=python3.12 …` chooses another Python (3.10 or newer).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 3
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-python test-js coverage lint types docs bench soak matrix test-original clean

# One stamp a requirements file: it is installed again when that file, or what it includes, has changed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed; choose one with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/%.stamp: requirements/%.txt requirements/base.txt requirements/demo.txt requirements/migration.txt requirements/test.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

## List the targets.
help:
	@awk '/^## / { text = substr($$0, 4) } \
		/^[a-z-]+:/ && text { printf "make %-16s%s\n", substr($$1, 1, index($$1, ":") - 1), text; text = "" }' Makefile

## Start the example project with a Redis of its own, and print its address.
demo:
	@test -e $(VENV)/demo.stamp || echo "Installing what the demo needs into $(VENV): about half a minute."
	@output=$$($(MAKE) --no-print-directory $(VENV)/demo.stamp 2>&1) || { \
		lines=$$(grep -v '^make' <<< "$$output" || true); \
		echo "Could not install (no network?): $$(grep -m 1 '^ERROR' <<< "$$lines" || tail -n 1 <<< "$$lines")"; exit 1; }
	@exec $(BIN)/python manage.py demo

# What is named with PYTEST_ARGS runs, however long it takes; CI runs all.
WITHOUT_SLOW = $(if $(CI)$(PYTEST_ARGS),,-m "not slow")

## Run the tests, but for the slow ones: the two targets below.
test: test-js test-python

## Run all tests.
test-all: WITHOUT_SLOW :=
test-all: test

## Run the tests in Python; some of them with PYTEST_ARGS="-k hub", in one process with WORKERS=0.
# More processes than processors: much of the time they wait for servers.
test-python: $(VENV)/test.stamp
	PYTHONDEVMODE=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS) $(WITHOUT_SLOW) -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

## Run the tests of the browser client, on Node.js.
test-js:
	@if command -v node >/dev/null; then node --test tests/js/*.test.mjs; \
	elif [ -n "$${CI:-}" ]; then echo "node is missing: install Node.js 18 or newer."; exit 1; \
	else echo "SKIPPED: the browser client's tests need Node.js 18 or newer, which is not installed."; fi

## Run all tests in Python and see that they cover the package: CI does, for it takes half as long again.
coverage: PYTEST_OPTIONS := --cov
coverage: WITHOUT_SLOW :=
coverage: test-python

## Check the code and its formatting with ruff.
lint: $(VENV)/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

## Check the types of the package with mypy.
types: $(VENV)/lint.stamp
	$(BIN)/mypy

## Build the documentation in docs/_build/html.
docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q -b html docs docs/_build/html

## Compare with others, under ten minutes; with ARGS=--short in a minute or two.
bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks $(ARGS)

## Load two servers and break what they need, for ten minutes; with ARGS=--short in less than one.
# Each message is accounted for; then 10,000 clients come and go, and the server has to have given back what they took.
soak: $(VENV)/test.stamp
	$(BIN)/python -m tests.soak $(ARGS)
	@case "$(ARGS)" in *--short*|*--help*) ;; *) \
		WS4CHANNELS_TEST_VISITORS=10000 $(BIN)/python -m pytest -q tests/faults/test_storms.py -k gone ;; esac

## Test with old and new versions of redis-py, Django, Channels and Python: long; ARGS="-t ci" is short.
matrix: $(VENV)/matrix.stamp
	$(BIN)/nox $(ARGS)

## Compare with django-websocket-redis 0.6.0 over HTTP, WebSocket and Redis; go through the phases of a move.
test-original: $(VENV)/test.stamp
	$(BIN)/python -m tests.against_original $(ARGS)

## Remove what the others made.
clean:
	rm -rf $(VENV) .nox .venv-original build dist *.egg-info docs/_build .coverage* .pytest_cache .mypy_cache .ruff_cache

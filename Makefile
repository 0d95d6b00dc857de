# Two commands carry the project:  make run  (set up everything and serve)  and  make test  (set up everything, pass).
# Everything they make lies in .venv, .stamps, static/node_modules, static/dist and data; `make clean` keeps data.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
ARGS ?=
PYTEST_ARGS ?=
JOBS ?= 3
WEB_SOURCES := $(shell find static -path static/node_modules -prune -o -path static/dist -prune -o -type f -print 2>/dev/null)

# Compiled modules are kept, also where the environment says otherwise: every process would compile all of them anew, and
# tests start some hundreds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test setup web lint check-web unit faults bench lock clean help

help:
	@echo "make run    set up everything and serve (make run ARGS='--config other.yaml')"
	@echo "make test   set up everything, check it and run all tests"
	@echo "make faults  kill -9, power cuts, fuzzing and hostile peers, about six hours as root (make faults SHORT=1: minutes)"
	@echo "make web    build the front end"
	@echo "make bench  measure ingest beside Orthanc and storescp (ARGS='ct-1 idle': only these)"
	@echo "make lock   resolve requirements.lock and requirements-dev.lock anew"
	@echo "make clean  remove what was built; your data stays"

run: $(STAMPS)/python $(STAMPS)/web
	@tools/debian-packages --run
	@exec $(BIN)/hoichan serve $(ARGS)

setup: $(STAMPS)/python $(STAMPS)/web

web: $(STAMPS)/web

test: $(STAMPS)/python-dev $(STAMPS)/web
	@tools/debian-packages
	$(MAKE) --no-print-directory lint check-web unit

lint: $(STAMPS)/python-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-web: $(STAMPS)/web
	tools/node-run npm --prefix static run check

# Three files of tests run at the same time, because on two cores they wait as much as they compute (JOBS=1: one), in the
# order of tests/support/order.py; PYTEST_ARGS runs what it names.
unit: $(STAMPS)/python-dev $(STAMPS)/web
	$(BIN)/pytest $(if $(PYTEST_ARGS),$(PYTEST_ARGS),--numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder)

faults: $(STAMPS)/python-dev $(STAMPS)/web
	@tools/debian-packages
	$(BIN)/python -m tests.faults $(if $(SHORT),--short) $(FAULTS)

bench: $(STAMPS)/python-dev $(STAMPS)/web
	$(BIN)/python -m bench.table $(ARGS)

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing. Install it with: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older. Name another with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; } || { echo "Python's venv module is missing. Install it with: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "[1/3] Creating the Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(STAMPS)/python: requirements.lock setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "[2/3] Installing pinned dependencies (about 100 MB the first time)"
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements.lock || { echo "Dependencies could not be installed. Is the package index reachable? Try: $(BIN)/python -m pip download pydicom" >&2; exit 1; }
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python-dev: requirements-dev.lock $(STAMPS)/python
	@echo "      Installing what the tests need"
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(STAMPS)/web: $(WEB_SOURCES) tools/node-run | $(STAMPS)/python
	@echo "[3/3] Building the front end"
	@mkdir -p $(STAMPS)
	@tools/node-run npm --prefix static ci --no-audit --no-fund --loglevel=error >$(STAMPS)/web.log 2>&1 \
	    || { cat $(STAMPS)/web.log >&2; echo "The front end's packages could not be installed. Is the npm registry reachable?" >&2; exit 1; }
	@tools/node-run npm --prefix static run --silent build >$(STAMPS)/web.log 2>&1 \
	    || { cat $(STAMPS)/web.log >&2; echo "The front end could not be built; the reason stands above." >&2; exit 1; }
	@touch $@

lock: | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet pip-tools
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock tools/requirements.in setup.cfg
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra dev --constraint requirements.lock --output-file requirements-dev.lock tools/requirements.in setup.cfg

clean:
	rm -rf $(VENV) $(STAMPS) static/node_modules static/dist build *.egg-info

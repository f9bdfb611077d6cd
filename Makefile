# Everything a fresh clone needs, in two commands: `make demo` and `make test`.
# Wanted on the machine: make, and Python >= 3.11 with venv. Nothing is compiled.

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
PYTEST_ARGS ?=
TEST_JOBS ?= 2
# Which of them, by their marks; nothing for all.
TEST_MARKS ?= not slow
# A third of the slow tests' time is waiting, for processes, browsers and peers.
SLOW_JOBS ?= 3
# All together: the quick ones fill what the slow ones wait.
ALL_JOBS ?= 4
BENCH_ARGS ?=
BENCH_TAMPER_ARGS ?=

BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest --dist worksteal
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The exact pin goes in first and alone: a range would let pip pick the newest, multi-gigabyte
# build even where a small one of the wanted version is at hand.
TORCH := $(shell grep '^torch==' constraints.txt)
# The stamp's name carries what was asked for, so that a change of either file sets up again
# and a fresh checkout's timestamps do not.
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
READY := $(VENV)/.ready-$(KEY)

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow coverage check lint types hooks format docs site bench clean distclean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Another interpreter:  make test PYTHON=python3.12"
	@echo "  torch without CUDA:   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo"

setup: $(READY)-dev ## the environment with all that tests need

demo: $(READY) ## protect a synthetic chest, tamper with it in memory, show the result in $(DEMO)/
	$(BIN)/mitsgan demo $(DEMO) --overwrite

test: lint types ## set up, then linter, type checker and all but the slow tests
	$(PYTEST) -n $(TEST_JOBS) -m "$(TEST_MARKS)" $(PYTEST_ARGS)

slow: $(READY)-dev ## the slow tests
	$(PYTEST) -n $(SLOW_JOBS) -m slow $(PYTEST_ARGS)

coverage: $(READY)-dev ## all tests, slow ones too, and how much of the source they run
	@rm -rf build/coverage && mkdir -p build/coverage
	$(PYTEST) -n $(ALL_JOBS) --cov --cov-report= --cov-fail-under=0 $(PYTEST_ARGS)
	$(BIN)/python tools/coverage_floor.py

# Linter and types are among the hooks.
check: ## everything that a change has to pass
	$(MAKE) -j 2 --output-sync=target hooks site
	$(MAKE) coverage

lint: $(READY)-dev ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)-dev ## mypy, strict
	$(BIN)/mypy

hooks: $(READY)-dev ## spelling, private keys, large files: what a commit is checked for
	$(BIN)/pre-commit run --all-files

format: $(READY)-dev ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)-dev ## rewrite the tables in README and docs from docs/results
	$(BIN)/python tools/docs/generate.py

site: $(READY)-dev ## the documentation with the API as a site in build/site, strictly
	$(BIN)/python -m sphinx -W --keep-going -q -j auto -d build/doctrees docs build/site

bench: $(READY)-dev ## speed and memory, side by side with the alternatives
	$(BIN)/python benchmarks/speed.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/tamper.py $(BENCH_TAMPER_ARGS)

clean: ## remove caches and the demo's result, keep the environment
	rm -rf build dist $(DEMO) docs/api .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment too
	rm -rf $(VENV)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: no '$(PYTHON)' found; install Python 3.11 or newer, or: make PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1), mitsgan needs Python 3.11 or newer;" \
	    "name another: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "make: $(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(READY): | $(BIN)/python
	$(PIP) install -c constraints.txt '$(TORCH)'
	$(PIP) install -c constraints.txt -e .
	@rm -f $(VENV)/.ready-*
	@touch $@

# Holds all that the other does, which is made first only where somebody asks for both at once.
$(READY)-dev: | $(BIN)/python $(if $(filter demo,$(MAKECMDGOALS)),$(READY))
	$(PIP) install -c constraints.txt '$(TORCH)'
	$(PIP) install -c constraints.txt -e '.[dev]'
	@rm -f $(VENV)/.ready-*
	@touch $(READY) $@

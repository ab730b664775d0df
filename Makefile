# What a person and what continuous integration runs are the same targets.
# `make` alone lists them. Nothing outside this folder is written.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PROFILE ?= ci

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint types bench docs fmt clean

help:  ## list what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## install into .venv and see what it does, in a minute
	@$(BIN)/python examples/demo.py

test: $(VENV)/installed-dev  ## install into .venv and run every test
	$(BIN)/python -m pytest --hypothesis-profile=$(PROFILE)

quick: $(VENV)/installed-dev  ## the tests that take under a minute
	$(BIN)/python -m pytest --hypothesis-profile=quick -m "not slow"

lint: $(VENV)/installed-dev  ## style, format, which way imports run, docs as the program says
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/make_docs.py --check

types: $(VENV)/installed-dev  ## the type checker, strictly
	$(BIN)/mypy

bench: $(VENV)/installed-dev  ## measure, and write benchmarks/results/
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/embedding.py
	$(PIP) install --quiet --constraint constraints.txt --editable '.[openvino]'
	$(BIN)/python benchmarks/rough.py
	$(BIN)/python benchmarks/tokens.py
	$(BIN)/python benchmarks/deletion.py
	$(BIN)/python benchmarks/noninterference.py
	$(BIN)/python benchmarks/crash.py
	$(BIN)/python benchmarks/responder.py
	$(BIN)/python benchmarks/quality.py
	@$(MAKE) --no-print-directory $(PEERS)/installed || echo "the peers cannot be installed here"
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/against_peers.py

docs: $(VENV)/installed-dev  ## write the pages that are made from the program
	$(BIN)/python scripts/make_docs.py

fmt: $(VENV)/installed-dev  ## put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove every environment and cache
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch comes first and alone: it is by far the largest, and everything else must take it as it is.
$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# Other libraries for `make bench` to compare with; they never come near the ones that we need.
$(PEERS)/installed: benchmarks/peers/requirements.txt constraints.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
		--requirement benchmarks/peers/requirements.txt
	touch $@

# Needs nothing but make and a Python 3.10, 3.11 or 3.12; the environment lives in .venv.
PYTHON := $(shell for p in python3.12 python3.11 python3.10 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
NEEDED_GB := 10
DEMO := One day, a dog was walking about in the village. He longed for a cup day and night. The dog met the bee. The dog asked the bee where the cup was.

.PHONY: help demo test test-all lint types format clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.venv/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.10, 3.11 or 3.12 found (fairseq2 has wheels for these). Install one, for example python3.11." >&2; exit 2; }
	@test -d .venv || $(PYTHON) -c 'import shutil, sys; free = shutil.disk_usage(".").free / 1e9; \
		sys.exit(0 if free >= $(NEEDED_GB) else f"The environment needs $(NEEDED_GB) GB of disk, but only {free:.1f} GB are free here. Make room, or clone elsewhere.")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet uv || true
	@if $(BIN)/python -m uv --version >/dev/null 2>&1; then \
		$(BIN)/python -m uv pip install --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'; \
	else $(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]'; fi
	@touch $@

demo: .venv/.installed ## Set up .venv and let the shipped concept model go on with a story
	@echo '> $(DEMO)'
	@$(BIN)/lcm generate "$(DEMO)" --sentences 6

test: .venv/.installed ## Lint, types and the fast tests (under 10 minutes on two cores)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m "not slow"

test-all: .venv/.installed ## The slow proofs as well
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q

lint: .venv/.installed ## Ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/.installed ## Mypy
	$(BIN)/mypy

format: .venv/.installed ## Put the code in order
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean: ## Remove the environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

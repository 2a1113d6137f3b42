# Two commands need nothing but Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Tests run in a random order; `make test SEED=N` repeats that of a seed, which is printed with the command.
SEED := $(shell date +%s)

.PHONY: demo test audit check docs format bench clean numerical

demo: .venv/installed
	$(BIN)/tasteprint demo

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --randomly-seed=$(SEED) $(PYTEST)

# Every case of docs/promises.md; `make test` takes a share of them.
audit: .venv/installed
	$(BIN)/python -m pytest tests/audit -n 2 -m audit

numerical: .venv/installed
	$(BIN)/python -m pytest -n 2 -m numerical --randomly-seed=$(SEED)

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, into site/; a broken link or an unknown name in the API reference is an error.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/installed
	$(BIN)/python -m benchmarks.bench --model mini
	$(BIN)/python -m benchmarks.bench --model mini --curves
	$(BIN)/python -m benchmarks.bench --model middle --at-most 4
	$(BIN)/python -m benchmarks.guided

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python {sys.version.split()[0]} was found; 3.11 or newer is needed: make PYTHON=python3.11 demo"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv site runs/demo .pytest_cache .mypy_cache .ruff_cache

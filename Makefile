# Two commands: `make demo` runs the whole chain on synthetic cells, `make test` runs linter, type checker and tests.
# Both make .venv first. PYTHON names another interpreter (3.11 or later).
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: demo test setup clean

setup: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edgewbc needs Python 3.11 or later; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[train,dev]"
	touch .venv/installed

demo: setup
	$(BIN)/edgewbc demo

# Tests run side by side, one thread each: many threads for tiny networks only wait for one another.
test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

clean:
	rm -rf .venv

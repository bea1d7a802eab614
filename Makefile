# `make demo` runs the whole workflow on synthetic cells; `make test` runs the linter, the type checker and the tests;
# `make docs` builds the documentation in site/. All create .venv first. PYTHON names the interpreter (3.11 or later).
PYTHON ?= python3
# Where pip finds torch without CUDA: used on Linux x86-64 without an NVIDIA GPU, if it can be reached. PyPI has only the
# CUDA build there.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: demo test docs notebooks setup lock clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints/train.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edgewbc needs Python 3.11 or later; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@index=; size="3 GB to download, 7 GB on disk (torch with CUDA)"; \
	if [ "$$(uname -sm)" != "Linux x86_64" ]; then \
		size="0.5 GB to download, 2 GB on disk"; \
	elif ! command -v nvidia-smi >/dev/null 2>&1 && \
		$(PYTHON) -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/torch/", timeout=5)' \
		"$(TORCH_INDEX)" >/dev/null 2>&1; then \
		index="--extra-index-url $(TORCH_INDEX)"; size="0.5 GB to download, 2 GB on disk (torch without CUDA)"; \
	fi; \
	echo "Installing edgewbc and its training libraries into .venv: about $$size; 2 to 10 minutes."; \
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints/train.txt $$index -e ".[train,dev,docs]"
	touch .venv/installed

demo: setup
	@echo "Running the workflow on synthetic cells: about 2 minutes on two CPU cores."
	$(BIN)/edgewbc demo

# Two processes with one thread each: with more threads, tiny networks are slower.
test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

docs: setup
	$(BIN)/python docs/make_cli.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Runs the notebooks of docs/notebooks on synthetic cells: a few minutes.
notebooks: setup
	EDGEWBC_NOTEBOOKS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/docs/test_notebooks.py

# Pins the versions in .venv, with which the tests ran; uv adds the packages of other systems.
lock: setup
	$(BIN)/python constraints/make.py

clean:
	rm -rf .venv site

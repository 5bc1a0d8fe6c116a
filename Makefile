# Each target makes its own virtual environment when there is none; nothing else is needed but Python 3.11+.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
WORKERS ?= 2
SECONDS ?= 60
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: demo test fuzz test-torch test-web check bench pictures readme clean

demo: $(VENV)/.ready
	$(BIN)/cnnspec analyze lenet
	$(BIN)/cnnspec draw lenet -o demo/lenet.svg
	$(BIN)/cnnspec train lenet -o demo/lenet --force

test: check
	$(PYTEST) -m "not torch and not web and not slow"

test-torch: $(VENV)/.torch
	$(PYTEST) -m "torch and not slow"

# Without a browser, and without apt to get one, these tests skip themselves.
test-web: $(VENV)/.ready
	command -v chromium || command -v google-chrome || { apt-get update -q && apt-get install -q -y chromium; } || true
	$(PYTEST) -m "web and not slow"

fuzz: $(VENV)/.ready
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.torch
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python -m benchmarks -o docs/benchmarks.md
	$(BIN)/python -m benchmarks.growth -o docs/benchmarks.md
	$(BIN)/python docs/make_readme.py

pictures: $(VENV)/.ready
	$(BIN)/python docs/make_pictures.py

readme: $(VENV)/.ready
	$(BIN)/python docs/make_readme.py

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cnnspec needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev,plot,digits]"
	@touch $@

# The CPU build of PyTorch is enough; TORCH names another one where that pin does not suit.
$(VENV)/.torch: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet "$(TORCH)" --editable ".[rivals]"
	@touch $@

clean:
	rm -rf $(VENV) build dist runs demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

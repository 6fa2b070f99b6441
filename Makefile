# Everything is set up from a plain python3 (3.11 or newer); `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SCENARIO ?= baseline
OUT    ?= out
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# the cheapest way of counting lines that this Python has
CORE   := $(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")'

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-variants golden check format benchmark docs hooks constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

$(VENV)/bin/python:
	$(PYTHON) .ci/environment.py $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[tests]'
	@touch $@ $(VENV)/.run

run: $(VENV)/.run ## run SCENARIO (default baseline) to a report under OUT (default out/)
	$(BIN)/computesim run $(SCENARIO) --out $(OUT)

test: check ## style, types and the default test suite, with the share of lines that it covers
	COVERAGE_CORE=$$($(CORE)) $(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=

check: $(VENV)/.tests ## style and types only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-slow: $(VENV)/.tests ## the tests marked slow as well
	$(BIN)/python -m pytest -n auto --dist loadfile -m "slow or not slow"

test-variants: $(VENV)/.tests ## the simulation tests with bounds checks, then without the compiler
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest tests/sim
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest tests/sim

golden: $(VENV)/.tests ## store the present results as the golden ones (all, or ONLY="small run.json")
	$(BIN)/python tests/golden/renew.py $(if $(ONLY),--only $(ONLY))

format: $(VENV)/.tests ## lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(VENV)/.tests ## the kernels against their SimPy twins, answers against a yardstick
	$(BIN)/python benchmarks/bench_kernels.py
	$(BIN)/python benchmarks/bench_answers.py

docs: $(VENV)/.tests ## regenerate the generated pages of docs/
	$(BIN)/python -m tools.pages.docs

hooks: $(VENV)/.tests ## check style and types before every commit
	$(PIP) --editable '.[tests,hooks]'
	$(BIN)/pre-commit install

constraints: $(VENV)/bin/python ## take the newest versions of everything into constraints.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile --quiet --universal --upgrade --python-version 3.11 --all-extras \
	  --no-annotate --no-header pyproject.toml --output-file constraints.txt

clean: ## remove the environment and what was built
	rm -rf $(VENV) out dist build .pytest_cache .mypy_cache .ruff_cache .coverage

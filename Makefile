# One command each; `demo` and `test` set up first when need be.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.partimento-installed
# Flower pins typer, rich and fastapi tightly: an environment of its own.
FEDERATED := .venv-federated
FEDERATED_STAMP := $(FEDERATED)/.partimento-installed
FEDERATION_RUN ?= runs/federation-demo-$$(date +%Y%m%d-%H%M%S)
WORKERS ?= 2

# The workers share the machine's cores; threads of numpy and torch would fight over them.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1

.PHONY: help setup demo test lint docs screenshots bench federation-demo clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: $(STAMP) ## make .venv with everything that the demo and the tests need

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with: make setup PYTHON=python3.12" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install "torch>=2.10,<=2.13.0" -e ".[dev]"
	touch $@

demo: setup ## one sentence becomes a piece, a critique, a chorale, a cover: demo/index.html
	$(BIN)/partimento demo -o demo

test: setup ## run all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: setup ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## write docs/commands.md again; build the site where zensical is installed
	$(BIN)/python docs/generate_commands.py
	$(BIN)/python docs/generate_python.py
	$(BIN)/python docs/generate_critique_features.py
	$(BIN)/python docs/generate_attributes.py
	$(BIN)/python docs/generate_audio2visual_claims.py
	$(BIN)/python docs/generate_findings.py
	@if test -x $(BIN)/zensical; then $(BIN)/zensical build; \
	else echo "For the site as well: $(BIN)/python -m pip install -e '.[docs]'"; fi

screenshots: setup ## pictures of the studio's pages for the documentation, made by the browser tests
	PARTIMENTO_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest tests/studio -k page

bench: setup ## measure speed on this machine
	$(BIN)/python benchmarks/run.py

federation-demo: $(FEDERATED_STAMP) ## three nodes over a real SuperLink, one killed in mid-round
	$(FEDERATED)/bin/partimento federate recipes/audio2visual/fed3.yaml -o $(FEDERATION_RUN) \
	  --set "faults=[{node: machines, round: 5, kind: die}]"

$(FEDERATED_STAMP): pyproject.toml
	test -x $(FEDERATED)/bin/python || $(PYTHON) -m venv $(FEDERATED)
	$(FEDERATED)/bin/python -m pip install "torch>=2.10,<=2.13.0" -e ".[federated]"
	touch $@

clean: ## remove what the other targets made
	rm -rf $(VENV) $(FEDERATED) demo site build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

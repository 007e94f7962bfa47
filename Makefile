# What can be made here; `make help` reads it to you. Needs Python ≥ 3.11, git and make, nothing else.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo up test soak lint bench bench-peers lock clean

BIN := .venv/bin
READY := .venv/.ready
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)
NOTEBOOKS = $(shell find $(wildcard notebooks dashboards aura_lib/jobs/templates) -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*')

# The caller's shell must not decide what is imported, nor forbid byte-code: without it every start is four times slower.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV PIP_USER
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## the whole journey on real data: research, promotion, twelve scheduled paper runs, proof
	@$(BIN)/aura demo

up: $(READY) ## JupyterLab and the dashboards behind one address on this machine (Ctrl-C stops it)
	@$(BIN)/aura up

test: $(READY) ## the tests, in random order on two cores (ten to twenty minutes)
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not soak" $(PYTEST_ARGS)

soak: $(READY) ## the long tests
	@$(BIN)/python -m pytest -m soak --timeout 3600 $(PYTEST_ARGS)

lint: $(READY) ## style, types, import directions, clean notebooks, a current README
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(if $(NOTEBOOKS),$(BIN)/nbstripout --verify --keep-id $(NOTEBOOKS))
	$(BIN)/python -m tests.project.readme_tree --check

bench: $(READY) ## measure (ONLY=name for one suite): a table here, the rows in build/bench.json
	@$(BIN)/python -m tests.benchmarks $(ONLY)

bench-peers: $(READY) ## install what benchmarks are measured beside, into build/peers (once; never into .venv)
	@$(BIN)/python -m tests.benchmarks.peers

lock: $(READY) ## requirements.lock anew from pyproject.toml (UPGRADE=1: to the newest versions)
	$(BIN)/uv pip compile pyproject.toml --output-file requirements.lock --quiet --no-config --universal \
	  --python-version 3.11 --fork-strategy fewest --all-extras --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

clean: ## remove what was made, but not your data in .aura
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml | $(BIN)/python
	@echo "· installing the packages of requirements.lock into .venv (once; about two minutes)"
	@set -o pipefail; $(BIN)/python -m pip install --no-deps --no-compile --require-hashes -r requirements.lock \
	  | awk '/^Collecting/ && ++n % 50 == 0 { print "  " n " packages"; fflush() }'
	@# jsonschema's IRI formats, which nothing here uses, cost every Jupyter process a second (DECISIONS.md).
	@$(BIN)/python -m pip uninstall --quiet --yes rfc3987-syntax
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@echo "· compiling them, so that everything starts fast (half a minute)"
	@$(BIN)/python -m compileall -q -j 0 -x '/tests/' .venv/lib || true
	@touch $@

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null || continue; \
	  echo "· making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv && exit 0; rm -rf .venv; exit 1; \
	done; \
	echo "Aura needs Python 3.11 to 3.14; looked for: $(PYTHONS)." \
	  "Install one, or name yours: make demo PYTHON=/path/to/python3.12" >&2; exit 1

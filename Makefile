# Everything a developer or a new user needs; `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# The certificates that the system trusts, as pip and git use them too: behind a proxy uv's own are not enough.
export UV_SYSTEM_CERTS ?= true

.DEFAULT_GOAL := help
.PHONY: help setup setup-extras setup-dev demo check test soak bench lock clean-demo clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# uv is brought into the virtual environment, so that python3 and python3-venv are all that has to be there.
$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/installer.lock
	@touch $@

$(VENV)/.runtime: $(VENV)/.uv requirements/runtime.lock requirements/build.lock pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/runtime.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/build.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.extras: $(VENV)/.runtime requirements/extras.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/extras.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.extras requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/dev.lock
	@touch $@

setup: $(VENV)/.runtime ## install udib into .venv, hash-checked

setup-extras: $(VENV)/.extras ## the same with the libraries of every extra: a Qdrant server, PostgreSQL, profiling

setup-dev: $(VENV)/.dev ## the same with the developers' tools

demo: setup ## analyse the recording in examples/ and show the report
	@echo "An invented debate: some of its figures are false on purpose."
	@$(BIN)/udib analyze examples/rent-control/debate.opus --captions examples/rent-control/debate.vtt \
		--data-dir .udib-demo $(ARGS)

check: setup-dev ## format, lint, types, contracts, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	for each in tests/unit/*/conftest.py tests/flow/conftest.py; do $(BIN)/mypy --no-error-summary $$each || exit 1; done
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell src docs config examples/README.md benchmarks scripts README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/architecture

test: check ## check and every test
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not soak and not network" $(ARGS)

soak: setup-dev ## long kill and load suites
	$(BIN)/python -m pytest -q -m soak $(ARGS)

bench: setup-dev ## make bench ARGS=memory (or startup, speech): measure and write benchmarks/results/*.json
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(VENV)/.uv ## resolve requirements/*.lock anew
	$(BIN)/python scripts/lock.py

clean-demo: ## remove the data of the demo; udib stays installed
	rm -rf .udib-demo

clean: clean-demo ## remove all that the targets above made, .venv with udib included
	rm -rf $(VENV) .bench profiling .hypothesis .import_linter_cache .mypy_cache .ruff_cache .pytest_cache .coverage*
	find benchmarks scripts src tests -type d -name __pycache__ -prune -exec rm -rf {} +

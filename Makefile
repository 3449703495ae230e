# Optabs. `make help` lists the targets; a fresh machine needs Python 3.11+ and make, nothing else.

# The first interpreter that really runs and is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
SPHINXOPTS ?=
LIVEOPTS ?=
PYTEST_OPTIONS ?=
# Entries to verify, all where none is named: make verify PATHS="ops/softmax.yaml ops/relu.yaml"
PATHS ?=
# How `make check` writes faults: text, json, github or sarif.
FORMAT ?= text

VENV := .venv
RUN := $(VENV)/bin/python
OPTABS := $(RUN) -m optabs
SPHINX := $(RUN) -m sphinx -d _build/doctrees $(SPHINXOPTS)
# Who names a scheduler needs what talks to it.
CLUSTER := $(if $(OPTABS_SCHEDULER),$(VENV)/installed-cluster)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What to do after a target; on standard error, so that output for programs stays what it is.
next = @echo "next: $(1)" >&2

.DEFAULT_GOAL := html
.PHONY: help html live check verify envs test test-fast lint bench mutation clean distclean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

html: $(VENV)/installed $(CLUSTER) ## build the site in _build/html, running whatever has not been run yet
	@$(OPTABS) envs
	@$(SPHINX) -b html . _build/html
	$(call next,open _build/html/index.html)

live: $(VENV)/installed ## serve the site on this machine, building and verifying what is saved
	@$(OPTABS) envs
	@$(OPTABS) live $(LIVEOPTS)

check: $(VENV)/installed ## check the catalogue and its conventions without running anything
	@$(OPTABS) check --conventions --format $(FORMAT)
	$(call next,make verify runs the examples; make html builds the site)

verify: $(VENV)/installed $(CLUSTER) ## run the examples without building the site
	@$(OPTABS) envs
	@$(OPTABS) verify $(PATHS)
	$(call next,make html shows it on the pages)

envs: $(VENV)/installed ## make or update the frameworks' environments
	@$(OPTABS) envs
	$(call next,make html)

test: $(VENV)/installed-tests ## run all tests, those with the real frameworks included
	@$(OPTABS) envs
	@echo "optabs: running the tests, with the real frameworks and browsers"
	@$(RUN) -m pytest $(PYTEST_OPTIONS)
	$(call next,make html SPHINXOPTS=\"-nW --keep-going\")

test-fast: $(VENV)/installed-tests ## run the tests that need no framework and no browser
	@echo "optabs: running the tests that need no framework and no browser"
	@$(RUN) -m pytest -m "not frameworks and not browser" $(PYTEST_OPTIONS)
	$(call next,make test runs those with the real frameworks and browsers too)

lint: $(VENV)/installed-tests ## style and types
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	$(call next,make test-fast)

bench: $(VENV)/installed ## measure what Optabs costs, as ratios
	@$(OPTABS) envs --framework torch
	@echo "optabs: measuring, some minutes; leave the machine alone meanwhile"
	@$(RUN) bench/check.py
	@$(RUN) bench/execute.py
	@$(RUN) bench/render.py
	@$(RUN) bench/live.py
	$(call next,README.md and guide/checks.md and guide/site.md and guide/live.md quote these figures)

mutation: $(VENV)/installed-mutation ## count the faults that the tests of comparing and judging notice
	@echo "optabs: making faults, one at a time, and counting those that tests notice"
	@$(RUN) bench/mutate.py
	$(call next,guide/trust.md quotes these figures)

clean: ## remove what was built, the ledger included
	rm -rf _build
	$(call next,make html runs everything again)

distclean: clean ## remove the environments, too
	rm -rf $(VENV) .environments
	$(call next,make html installs everything again)

$(VENV)/installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "optabs: Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(RUN) && $(RUN) -c '' 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); } || \
		{ echo "optabs: $(PYTHON) cannot make virtual environments (on Debian: apt install python3-venv)"; rm -rf $(VENV); exit 1; }
	@echo "optabs: installing into $(VENV)"
	@$(RUN) -m pip install --quiet -r requirements.txt
	@$(RUN) -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/installed-cluster: $(VENV)/installed requirements-cluster.txt
	@$(RUN) -m pip install --quiet -r requirements-cluster.txt
	@touch $@

$(VENV)/installed-tests: $(VENV)/installed requirements-test.txt requirements-cluster.txt
	@$(RUN) -m pip install --quiet -r requirements-test.txt
	@touch $@

$(VENV)/installed-mutation: $(VENV)/installed-tests requirements-mutation.txt
	@$(RUN) -m pip install --quiet -r requirements-mutation.txt
	@touch $@

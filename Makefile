# The entry points for people and for continuous integration; `make` alone lists them.
# Nothing is written outside this directory except the cache of built parts (~/.cache/extcp-gitops;
# EXTCP_CACHE_DIR moves it), and nothing needs root except e2e and testbed-*.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
DEMO_DIR ?= build/demo
JOBS ?= auto
PYTEST_ARGS ?=
ISTIO_VERSION ?= 1.29.1

VENV := .venv
BIN := $(VENV)/bin
PARTS := build/parts
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
READY := $(VENV)/.ready-$(PYTHON_VERSION)

say = @printf '%s\n' "== $(1)" >&2
build_parts = $(PYTHON) tests/parts/build.py --into $(PARTS)
with_parts = env PATH="$(CURDIR)/$(PARTS):$(CURDIR)/$(BIN):$$PATH" \
	EXTCP_PARTS_BIN="$(CURDIR)/$(PARTS)" \
	EXTCP_ISTIOCTL_1_29_1="$(CURDIR)/$(PARTS)/istioctl-1.29.1" \
	EXTCP_ISTIOCTL_1_28_3="$(CURDIR)/$(PARTS)/istioctl-1.28.3" \
	EXTCP_ARGOCD_CRDS="$(CURDIR)/$(PARTS)/argocd-crds"

.PHONY: help
help: ## list the targets
	@printf 'make TARGET [PYTHON=python3.12] [DEMO_DIR=build/demo] [ISTIO_VERSION=1.29.1] [JOBS=auto] [PYTEST_ARGS=...]\n\n'
	@awk -F ' *## *' '/^[a-z0-9-]+:.*##/ { split($$1, t, ":"); printf "  %-13s %s\n", t[1], $$2 }' Makefile

.PHONY: setup
setup: $(READY) ## make the Python environment in .venv, dependencies pinned by hash (1 min, once)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(call say,Python $(PYTHON_VERSION) environment in $(VENV): about a minute)
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: demo
demo: setup $(PARTS)/istioctl ## write a mesh of three clusters into DEMO_DIR and validate it (10 s; 6 min the first time)
	@command -v kustomize >/dev/null || command -v kubectl >/dev/null || $(build_parts) kustomize >/dev/null
	@PATH="$(CURDIR)/$(PARTS):$(CURDIR)/$(BIN):$$PATH" .ci/demo "$(DEMO_DIR)"

.PHONY: istioctl
istioctl: $(PARTS)/istioctl-$(ISTIO_VERSION) ## get istioctl from Istio's releases, or build it from its Go module (4 min, once)
	@echo "To use it: export EXTCP_ISTIOCTL=$(CURDIR)/$<" >&2

$(PARTS)/istioctl: $(PARTS)/istioctl-$(ISTIO_VERSION)
	@ln -sfn $(<F) $@

# The tool's own way first; where Istio's releases are out of reach, the same program from source.
$(PARTS)/istioctl-%: | $(READY)
	@mkdir -p $(PARTS)
	@if found=$$(EXTCP_ISTIOCTL= $(BIN)/extcp-gitops istioctl install $*); then \
		ln -sfn "$$found" $@; \
	else \
		echo "== istioctl $* cannot be downloaded here, so it is built from its Go module: about 4 minutes, once" >&2; \
		$(build_parts) istioctl-$* >/dev/null; \
	fi

.PHONY: parts
parts: # what the tests run for real; each is built once
	@$(build_parts) tests >/dev/null

.PHONY: test
test: setup parts lint ## lint, types, then all tests against the real tools (8 min; 20 min the first time)
	$(call say,tests)
	@$(with_parts) $(BIN)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

.PHONY: lint
lint: setup ## ruff, mypy and zizmor (20 s)
	$(call say,lint and types)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/zizmor --offline --quiet .github

.PHONY: test-wheel
test-wheel: setup parts ## build the wheel and run the tests against it, the source tree out of the way (4 min)
	$(call say,the tests against the wheel as built)
	@$(with_parts) .ci/test-wheel $(BIN)/python -n $(JOBS) $(PYTEST_ARGS)

.PHONY: e2e
e2e: setup ## the whole guide on real API servers, istiod, Envoy, Argo CD and Gitea (25 min; 45 min the first time)
	@$(build_parts) tests testbed >/dev/null
	$(call say,end to end)
	@$(with_parts) $(BIN)/python -m tests.e2e.testbed exec -- \
		"$(CURDIR)/$(BIN)/python" -m pytest tests/e2e $(PYTEST_ARGS)

.PHONY: testbed-up
testbed-up: setup ## start a live mesh of two clusters and say where everything is (3 min)
	@$(build_parts) testbed >/dev/null
	@$(with_parts) $(BIN)/python -m tests.e2e.testbed up

.PHONY: testbed-status
testbed-status: setup ## say again where everything is
	@$(BIN)/python -m tests.e2e.testbed status

.PHONY: testbed-down
testbed-down: setup ## stop what testbed-up started (5 s)
	@$(BIN)/python -m tests.e2e.testbed down

.PHONY: bench
bench: setup parts ## measure the budgets, as ratios within one run (5 min)
	@for each in benchmarks/bench_*.py; do \
		echo "== $$each" >&2; \
		EXTCP_ISTIOCTL="$(CURDIR)/$(PARTS)/istioctl-1.29.1" $(with_parts) $(BIN)/python $$each; \
	done

.PHONY: goldens
goldens: setup parts ## rewrite tests/golden; read the diff before you commit it (30 s)
	@$(with_parts) $(BIN)/python -m pytest -q tests/test_golden.py --update-goldens

.PHONY: docs
docs: setup ## regenerate docs/cli.md from the commands, checks.md from the checks, inventory.md from the schemas (1 s)
	@$(BIN)/python docs/generate_cli.py
	@$(BIN)/python docs/generate_checks.py
	@$(BIN)/python docs/generate_inventory.py

.PHONY: requirements
requirements: setup ## pin the newest allowed dependencies in requirements/dev.txt (5 s)
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" \
		pyproject.toml requirements/dev.in --output-file requirements/dev.txt

.PHONY: dist
dist: setup ## build the wheel and the source archive into dist/ (3 s)
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@ls dist

.PHONY: clean
clean: ## remove what was made here, the demo included; the cache of built parts stays
	@rm -rf build dist $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage

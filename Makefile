# Everything a developer does here. Needs Python 3.11 or newer and make, no root; `make help` lists the targets.
# Every target first makes .venv from the hash-pinned lock, if it is not there yet.

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest --numprocesses=logical --maxprocesses=8
# Output stays together per tool, where this make knows how.
IN_PARALLEL := $(MAKE) --no-print-directory --keep-going --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync)

# Compiled files stay: every process that tests start would compile the project anew, and every worker its tests.
unexport PYTHONDONTWRITEBYTECODE

RUNS ?= 2000
PART ?= all
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help demo test check fix simulate mutants crash bench chaos lock clean check-format check-lint check-types check-imports check-tests

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.made ## 200 days of an embedded company in three minutes: SSM, PostgreSQL, vendors, consumers, people
	@$(BIN)/python -m rotator.sandbox.demo

test: $(VENV)/.made ## all tests; those that need something not installed are skipped by name, with the reason
	@$(PYTEST)

check: $(VENV)/.made ## formatting, lint, types, import contracts and the fast tests, side by side
	@$(IN_PARALLEL) check-tests check-types check-lint check-format check-imports

check-format:
	@$(BIN)/ruff format --check --output-format concise || { echo 'make fix formats them'; exit 1; }

check-lint:
	@$(BIN)/ruff check --output-format concise

check-types:
	@$(BIN)/mypy

check-imports:
	@$(BIN)/lint-imports --no-logo

check-tests:
	@$(PYTEST) -m 'not slow' --durations=10 --durations-min=2

fix: $(VENV)/.made ## format, and repair what ruff can repair
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format
	@$(BIN)/ruff check

simulate: $(VENV)/.made ## the engine in hostile worlds on virtual time: RUNS=2000, SEED=… replays one
	@$(BIN)/python -m tests.simulation --runs $(RUNS) $(if $(SEED),--seed $(SEED))

mutants: $(VENV)/.made ## drops each rule of the step contract until the simulation finds it: 20,000 runs at most
	@$(BIN)/python -m tests.simulation.hunt

crash: $(VENV)/.made ## kill -9 before and after every effect, restart, count what is lost: PART=all
	@$(BIN)/python -m tests.crash $(if $(filter-out all,$(PART)),--part $(PART))

chaos: $(VENV)/.made ## four daemons on one PostgreSQL and a nemesis: SECONDS=600, SEED=… strikes the same blows
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/.made ## what rotator costs, against its aims: ONLY="rotations idle", SIZE=quick
	@$(BIN)/python -m benchmarks $(ONLY) $(if $(filter quick,$(SIZE)),--quick)

lock: ## write requirements/ anew from pyproject.toml; UPGRADE=1 takes the newest versions
	@.ci/lock $(if $(UPGRADE),--upgrade)

clean: ## remove .venv, caches and what runs leave behind
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist demo-report.json
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made: pyproject.toml requirements/dev.txt .ci/bootstrap
	@GOAL='$(MAKECMDGOALS)' .ci/bootstrap $(VENV)
	@touch $@

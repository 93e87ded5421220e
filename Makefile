# Everything runs from .venv, which `make setup` builds; the other targets call it.
PYTHON ?= python3
BIN := .venv/bin
BENCH := benchmarks/.venv
ARGS ?=
# Two processes of tests, each file in one of them; PARALLEL= for none, as when debugging.
PARALLEL ?= -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench bench-measure bench-policies bench-split bench-cluster bench-train bench-elastic models clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.ready ## Create .venv with the command and all that the tests need

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "elastance needs Python 3.11 or later; name one with: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## Run the main job on the built-in models: a table, and a picture in demo.png
	$(BIN)/elastance simulate recurring --seeds 0:20 --plot demo.png

test: setup ## Run all tests (ARGS="-m 'not slow'" for the quick ones)
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

lint: setup ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

format: setup ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BENCH)/.ready ## Compare speed with the published simulator, side by side (needs the public traces)
	$(BENCH)/bin/python benchmarks/compare_with_zeus.py $(ARGS)

bench-measure: $(BENCH)/.ready ## Compare what measuring costs with the published monitor and codecarbon
	$(BENCH)/bin/python benchmarks/measure_overhead.py

bench-policies: $(BENCH)/.ready ## Compare policies by what they cost beyond the oracle: the protocol of docs/policies.md
	OPENBLAS_NUM_THREADS=1 $(BENCH)/bin/python benchmarks/compare_policies.py $(ARGS)

$(BENCH)/.ready: benchmarks/requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  -r benchmarks/requirements.txt -e '.[bench]'
	@touch $@

bench-split: setup ## Time the exact splits, side by side with the published double loop
	$(BIN)/python benchmarks/split_speed.py $(ARGS)

bench-cluster: setup ## Time cluster simulations (ARGS=../shared/data/easyscale: beside the published simulator)
	$(BIN)/python benchmarks/cluster_speed.py $(ARGS)

bench-train: setup ## Time the callbacks of real training against a 10 ms step
	$(BIN)/python benchmarks/callback_overhead.py $(ARGS)

bench-elastic: setup ## Measure what elastic training costs, beside DDP, accumulation and packing (needs an idle machine)
	$(BIN)/python benchmarks/elastic_cost.py $(ARGS)

models: setup ## Fit the built-in models anew (needs the public traces)
	$(BIN)/python scripts/fit_builtin_models.py

clean: ## Remove what the other targets made
	rm -rf .venv $(BENCH) .pytest_cache .ruff_cache .hypothesis demo.png

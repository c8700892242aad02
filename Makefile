# The only entry to the work: `make run` and `make test` set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= results/hn2301

.DEFAULT_GOAL := help
.PHONY: help run test test-long lint bench bench-scale docs screenshots posterior validate wheel clean

help:  ## what the targets do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# One stamp per kind of environment: a second `make run` finds it and installs nothing.
$(VENV)/.run: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing vivocart and what it needs (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "installing the test tools (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(VENV)/.run  ## make the environment, simulate the HN2301 letter, write the report
	@$(BIN)/vivocart trial hn2301 --out $(OUT)

test: $(VENV)/.test  ## the fast tests (minutes)
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not long"

test-long: $(VENV)/.test  ## every test
	@$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(VENV)/.dev  ## style, types, arrows between rooms, spelling, tables
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pyright
	@$(BIN)/codespell src docs README.md CONTRIBUTING.md CHANGELOG.md
	@$(BIN)/vivocart model check && $(BIN)/vivocart evidence check

bench: $(VENV)/.run  ## speed beside other solvers, in an environment of their own (about half an hour)
	@$(BIN)/python benchmarks/run.py

bench-scale: $(VENV)/.run  ## a trial in ever more patients: time of each and memory (some minutes)
	@$(BIN)/python benchmarks/scale.py --page docs/benchmarks.md

docs: $(VENV)/.run  ## write the reference pages and the README's numbers from the code
	@$(BIN)/python docs/make_reference.py
	@$(BIN)/python docs/make_results.py
	@$(BIN)/python docs/make_own_data.py
	@$(BIN)/python docs/make_comparators.py

screenshots: $(VENV)/.test  ## pictures of every page of the explorer, by a Chromium that is there
	@$(BIN)/python docs/make_screenshots.py

posterior: $(VENV)/.run  ## fit the shipped posteriors of HN2301 and all comparators anew (about half an hour)
	@$(BIN)/vivocart calibrate all --out src/vivocart/calibration/posteriors

validate: $(VENV)/.test  ## the heavy checks of fits and predictions; writes docs/validation.md (about half an hour)
	@$(BIN)/python docs/make_validation.py

wheel: $(VENV)/.dev  ## build the wheel
	@$(BIN)/python -m build --outdir dist .

clean:  ## remove the environment and results
	rm -rf $(VENV) results dist

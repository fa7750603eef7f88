# make demo   the whole life of a model, on real flights, in one command
# make test   every check and test that needs no other server
# make help   the rest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
BIN := .venv/bin

.PHONY: help demo demo-quick test check promises bench wheel requirements migration clean environment

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## the demo on all the traffic of 2013
	@scripts/environment demo
	@$(BIN)/trueup demo

demo-quick: ## the same on a tenth of the traffic
	@scripts/environment demo
	@$(BIN)/trueup demo --quick

test: check ## every check and every test
	@$(BIN)/python -m pytest -q -n auto --dist worksteal

check: environment ## style, types, imports and promises: before each commit
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/python -m pytest -q tests/promises

environment:
	@scripts/environment dev

bench: environment ## measure the budgets and write bench/RESULTS.md
	@$(BIN)/python bench/startup.py
	@$(BIN)/python bench/data.py
	@$(BIN)/python bench/pipelines.py
	@$(BIN)/python bench/gates.py
	@$(BIN)/python bench/logged.py
	@$(BIN)/python bench/tracking.py
	@$(BIN)/python bench/drift.py

wheel: environment ## build dist/*.whl and dist/*.tar.gz
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . > .venv/build.log 2>&1 || { cat .venv/build.log; exit 1; }
	@ls dist/*

requirements: ## pin requirements/*.txt again from pyproject.toml
	@scripts/requirements

migration: environment ## write the first migration again from the tables (before the first release only)
	@$(BIN)/python scripts/first_migration.py

clean: ## remove everything that make made
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

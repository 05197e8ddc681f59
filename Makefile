# Two commands: `make run` starts everything, `make test` tries everything.
PORT ?= 8000
VAR ?= var
export PORT VAR

.DEFAULT_GOAL := help
.PHONY: help run test trust check bench format lock sbom clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: ## start the platform with the demo (PORT=8000, VAR=var, HOST=127.0.0.1)
	@tools/setup run
	@exec .venv/bin/maillage serve --demo --stop-with-parent

test: ## all tests: SQLite, PostgreSQL, Chromium (ENGINE=sqlite|postgres|browser for one)
	@tools/test $(ARGS)

trust: ## every promise of security at full size, written in docs/security/evidence.md
	@tools/trust

check: ## format, lint, types, import contracts, templates, migrations, deployment settings
	@tools/setup dev
	@tools/check

bench: ## figures beside a peer, appended to VAR/bench.jsonl (ONLY=name for one)
	@tools/setup dev
	@.venv/bin/python -m bench $(ONLY)

format: ## put the code in its format
	@tools/setup dev
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .

lock: ## compile requirements*.txt from pyproject.toml
	@tools/lock

sbom: ## the bill of materials of this version (CycloneDX), under dist/
	@tools/setup run
	@.venv/bin/python tools/sbom.py

clean: ## forget the environment and the caches (never VAR)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

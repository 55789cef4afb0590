# Needs Python 3.10-3.12, make, and a package registry that pip can reach; for checks and tests one that npm can reach, too. Everything else goes into .venv
# and web/node_modules.
.PHONY: help setup demo shop test lint web bench lock clean

help:
	@echo "make demo    the whole thing on this machine: simulated shop, Flink, Redis, one shopper's swerve"
	@echo "make shop    a shop to walk around in, which follows you; opens in the browser"
	@echo "make test    every check and every test"
	@echo "make setup   install into .venv, which leaves .venv/bin/swerve"
	@echo "make lint    format, lint, types and import rules only"
	@echo "make web     build the pages' script and element, web/, into serving/static"
	@echo "make bench   events a second, stage by stage"
	@echo "make lock    write requirements*.txt anew from pyproject.toml (UPGRADE=1: newest releases)"
	@echo "make clean   remove .venv and everything that was built"

setup:
	@scripts/setup

demo: setup
	@.venv/bin/swerve demo

shop: setup
	@.venv/bin/swerve demo --open

test:
	@scripts/setup dev
	@scripts/test

lint:
	@scripts/setup lint
	@scripts/test lint

web:
	@scripts/setup lint
	@cd web && PATH="$(CURDIR)/.venv/bin:$$PATH" npm run --silent build

bench: setup
	@.venv/bin/swerve bench throughput

lock:
	@scripts/setup lint
	@scripts/lock

clean:
	rm -rf .venv web/node_modules web/chromium/node_modules *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

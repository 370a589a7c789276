# From a fresh clone each target sets up what it needs. `make demo` first, `make test` before a commit.

SHELL := bash
.DEFAULT_GOAL := build
.PHONY: setup build demo test bench check fmt docs screenshots

setup: ## what builds and tests need: Debian packages, .venv with its packages
	@scripts/setup.sh

build: setup ## target/release/picloud, and .venv with the package `cloud` and the `picloud` command
	@scripts/build.sh

demo: build ## photographs through a pipeline of queues on a private server, which then stops
	@scripts/demo.sh

test: build ## every test; ends with a summary
	@scripts/setup-browser.sh
	@.venv/bin/python scripts/test.py

bench: build ## the benchmarks as a table, peers beside us where they are installed
	@.venv/bin/python bench/run.py

check: setup ## formatting, lints, types, tidiness: fast, no servers
	@scripts/check.sh

fmt: setup ## formats everything
	cargo fmt --all
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: build ## writes the generated parts of docs/reference
	@scripts/docs.sh

screenshots: build ## takes the pictures of the dashboard in docs/screenshots anew
	@scripts/setup-browser.sh
	@.venv/bin/python scripts/screenshots.py

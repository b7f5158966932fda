# The recipes of this repository; .ci/run and .github/workflows/ci.yml use the same. GNU make 3.81 or newer.
#
#   make demo ARGS=--exit              arguments go to `pgtenant demo`
#   make test ARGS='--test it copy'    arguments go to `cargo test`

# rustup puts cargo where a shell opened before does not look yet.
CARGO := $(shell command -v cargo || echo "$${CARGO_HOME:-$$HOME/.cargo}/bin/cargo")
ARGS ?=
# How `make demo` is built: `dev` is there sooner.
PROFILE ?= release
# What `make demo` runs.
PGTENANT ?= $(CARGO) run --profile $(PROFILE) --

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt clippy bench docs dist

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: ## a private PostgreSQL, three tenants, the proxy, a tour, and psql lines to paste
	@sh scripts/setup.sh demo
	$(PGTENANT) demo $(ARGS)

test: ## all tests; they start their own PostgreSQL
	@sh scripts/setup.sh test
	$(CARGO) test --workspace $(ARGS)

check: fmt clippy docs test ## what CI checks: format, lints, documentation, tests

fmt:
	$(CARGO) fmt --all --check

clippy:
	@sh scripts/setup.sh demo
	$(CARGO) clippy --workspace --all-targets -- -D warnings

bench: ## speed and memory next to a direct connection, and to PgBouncer where it is installed
	@sh scripts/setup.sh test
	$(CARGO) build --release
	$(CARGO) bench --workspace
	python3 benches/pgbench.py $(ARGS)

dist: ## in target/dist: the program optimised as a whole, what it is made of, checksums
	@sh scripts/setup.sh demo
	scripts/dist.sh

docs: ## the crate's documentation, in target/doc
	@sh scripts/setup.sh demo
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace

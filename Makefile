# Every target installs what it needs; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help demo test up backup restore check bench messages screenshots browser clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

demo: $(INSTALLED) ## Watch the whole loop run on real parts, then use the app (ONCE=1: stop at the end)
	$(BIN)/persona-loop demo $(if $(ONCE),--once)

up: $(INSTALLED) ## Start the service and stay: app, inference server, Airflow, database
	$(BIN)/persona-loop up

backup: $(INSTALLED) ## Back up database and adapters, below TO=folder (unset: var/backups)
	$(BIN)/persona-loop backup $(TO)

restore: $(INSTALLED) ## Restore the backup FROM=folder into an empty place (REPLACE=1: over what is there)
	$(BIN)/persona-loop restore $(FROM) $(if $(REPLACE),--replace)

test: $(INSTALLED) browser ## Run every test, the whole loop and the browser included
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(INSTALLED) ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## Run benchmarks/NAME.py (NAME=x), or all of them
	@for bench in $(if $(NAME),$(NAME),$$(ls benchmarks | sed -n 's/^\([a-z]\w*\)\.py$$/\1/p')); do \
		$(BIN)/python -m benchmarks.$$bench $(ARGS) || exit 1; done

messages: $(INSTALLED) ## Bring the catalogues of translations up to date with the sentences of the app
	@mkdir -p var
	$(BIN)/pybabel -q extract --mapping pyproject.toml --keywords lazy_gettext --add-location file --sort-by-file \
		--omit-header --output var/messages.pot feedback_app
	@for catalogue in feedback_app/translations/*/messages.po; do \
		language=$$(basename $$(dirname $$catalogue)); \
		$(BIN)/pybabel -q update --input-file var/messages.pot --output-file $$catalogue --locale $$language \
			--width 110 --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date || exit 1; done

screenshots: $(INSTALLED) browser ## Take the pictures of every page in docs/screens: two nights of a service of its own
	$(BIN)/python -m tests.e2e.screenshots

browser: $(INSTALLED) # A Chromium for the browser tests: the one that is there, else Playwright's, else Debian's
	@bash tests/e2e/install_browser.sh $(BIN)

clean: ## Remove the caches of checks and tests (the service's data in var/ stays)
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing the packages into .venv: about 2 GB, a few minutes the first time ..."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[web,airflow,train,dev]'
	touch $@

# Two commands matter: `make up` runs the whole service, `make test` proves it. Both install what they need
# into .venv, from lock files with hashes; all that has to be there is Python >= 3.11 and the package registries.

VENV := .venv
PY := $(VENV)/bin/python
FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(FITS)' >/dev/null 2>&1 && echo $$p && break; done)
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check

.PHONY: up test check fmt lock clean

up: $(VENV)/.installed  ## the whole service on this machine; ARGS='…' passes options on
	@exec $(VENV)/bin/shouwang up $(ARGS)

test: $(VENV)/.installed-dev check  ## all checks and all tests; ARGS='…' passes options to pytest
	$(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check: $(VENV)/.installed-dev  ## formatting, lint, types, floors
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/mypy

fmt: $(VENV)/.installed-dev  ## format, and mend what can be mended
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

lock: $(VENV)/.installed-dev  ## resolve the dependencies anew
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--upgrade pyproject.toml --group build -o requirements.lock
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--constraint requirements.lock pyproject.toml --group build --group dev -o requirements-dev.lock

clean:  ## what can be made again; ./data, where the embedded instance lives, is kept
	rm -rf $(VENV) build dist dashboards/static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Shouwang needs Python 3.11, 3.12 or 3.13 with venv; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	$(PY) -m dashboards.assets
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

# Everything from one word. `make demo` and `make test` set up what they need on a machine that has
# Python 3.11 (or 3.12) and nothing else; only pip needs the network.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-ui browser lint format page lab bench golden constraints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## a virtual environment in .venv, every version pinned by constraints.txt

# The stamp carries the date of the last good set-up: a change of what is wanted redoes it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed, found %d.%d. Name one with: make install PYTHON=/path/to/python3.11" % v)'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt pip
	@echo "installing into $(VENV): some minutes, and 7 GB where PyTorch comes with CUDA"
	@$(PY) -m pip install --quiet -c constraints.txt --build-constraint constraints.txt -e '.[test,dev,ui]' || { \
		echo "The installation failed (see above). It wants 10 GB of free disk where PyTorch comes with CUDA. Free are:"; \
		df -h . "$${TMPDIR:-/tmp}"; exit 1; }
	@touch $@

demo: $(STAMP) ## run all lessons on the demo road and print the table of results
	$(PY) -m mineral_utils demo

test: $(STAMP) ## the quick tests, lessons included
	$(PY) -m pytest -q

test-all: $(STAMP) ## the slow tests too
	$(PY) -m pytest -q -m "not network and not ui"

test-ui: browser ## the tests that drive a browser; pictures of the pages go to runs/ui
	$(PY) -m pytest -q -m "ui and not slow" tests/ui

browser: $(STAMP) ## find a Chromium for test-ui, or install Debian's where that is possible
	@$(PY) -m tests.ui.browser

lint: $(STAMP) ## style of modules and notebooks, and the form of the lessons
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m tests.notebooks.form

format: $(STAMP) ## let ruff put the style right
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

page: $(STAMP) ## lesson 09 as a page for a class, by Voilà
	$(PY) -m mineral_utils.widgets

lab: $(STAMP) ## open the lessons in JupyterLab
	$(PY) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
		--ServerApp.tornado_settings="{'websocket_max_message_size': 104857600}"

bench: $(STAMP) ## speed and memory, into runs/bench/bench.json
	$(PY) -m tests.bench

golden: $(STAMP) ## known answers: tests/data, and GOLDEN_DIR where it is set
	$(PY) -m tests.golden $(wildcard tests/data/*.npz) $(if $(GOLDEN_DIR),$(wildcard $(GOLDEN_DIR)/*.npz))

constraints: $(STAMP) ## write constraints.txt anew from the present .venv
	$(PY) -m tests.constraints > constraints.txt.new
	mv constraints.txt.new constraints.txt
	@touch $(STAMP)

clean: ## remove runs and caches (.venv stays; `rm -r .venv` for a fresh start)
	rm -rf runs build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# On a fresh machine `make demo` and `make test` do everything, the virtual environment included.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo deploy-demo test test-slow benchmark setup lint

demo: $(READY)
	$(PY) simulate.py configs/demo.yaml

# A federation over TLS with node keys, on this machine: SuperLink, SuperNodes, run, report.
deploy-demo: $(READY)
	$(PY) -m deploy.demo

test: $(READY)
	$(PY) -m pytest

test-slow: $(READY)
	$(PY) -m pytest -m slow

# Every figure of speed and memory, into results/*.csv; what they say is in benchmarks/README.md.
benchmark: $(READY)
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.transport --write results/transport.csv
	$(PY) -m benchmarks.engine --csv

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

setup: $(READY)

# torch first and alone: with it installed, no other package pulls another build of it.
$(READY): pyproject.toml constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

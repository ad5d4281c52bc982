# Every target does its own set-up: a virtual environment in .venv with the package and its tools (in .venv-bench with their peers, too).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
DEMO := demo
DEMO_BUDGET ?= 10m
TEST_PROCESSES ?= 2

.PHONY: demo test test-slow lint bench clean

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

# Generate, train and evaluate the 2D wake in a reduced form: three training and two unseen Reynolds numbers.
demo: $(VENV)/.installed
	$(BIN)/phi-sol generate karman_2d --split train --param reynolds=195.3125,781.25,3125 --frames 300 --out $(DEMO)/data/train
	$(BIN)/phi-sol generate karman_2d --split test --param reynolds=292.96875,1171.875 --frames 250 --out $(DEMO)/data/test
	$(BIN)/phi-sol train karman_2d --data $(DEMO)/data --method sol --unroll 8 --network small --budget $(DEMO_BUDGET) --out $(DEMO)/runs/sol $(if $(wildcard $(DEMO)/runs/sol/run.json),--resume)
	$(BIN)/phi-sol evaluate karman_2d --data $(DEMO)/data --run $(DEMO)/runs/sol --out $(DEMO)/runs/evaluation

$(BENCH_VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(BENCH_VENV)/bin/python -m pip install --quiet --editable ".[bench]"
	touch $@

# Some parts only: make bench PARTS="step pressure". See benchmarks/README.md.
bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python benchmarks/run.py $(PARTS)

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow" -n $(TEST_PROCESSES) --dist loadfile

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(DEMO) build *.egg-info

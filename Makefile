# Every target does its own set-up: a virtual environment in .venv with the package and its tools (in .venv-bench with their peers, too, in .venv-docs for the site).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
DOCS_VENV := .venv-docs
DEMO := demo
DEMO_BUDGET ?= 90s
TEST_PROCESSES ?= 2
EXECUTE ?= true

.PHONY: demo docs test test-slow test-lowest test-highest lint bench constraints clean

$(VENV)/.installed: setup.cfg pyproject.toml phi_sol/version.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

# Generate, train and evaluate wake_2d in a reduced form: five training and two unseen Reynolds numbers.
demo: $(VENV)/.installed
	$(BIN)/phi-sol generate wake_2d --split train --param reynolds=100,193.1,372.8,719.7,1000 --warmup 50 --frames 50 --out $(DEMO)/data/train
	$(BIN)/phi-sol generate wake_2d --split test --param reynolds=268.3,517.9 --warmup 50 --frames 50 --out $(DEMO)/data/test
	$(BIN)/phi-sol train wake_2d --data $(DEMO)/data --budget $(DEMO_BUDGET) --validation 0 --out $(DEMO)/runs/sol $(if $(wildcard $(DEMO)/runs/sol/run.json),--resume)
	$(BIN)/phi-sol evaluate wake_2d --data $(DEMO)/data --run $(DEMO)/runs/sol --schemes semi_lagrangian,mac_cormack --out $(DEMO)/runs/evaluation
	@grep '^- sol: ' $(DEMO)/runs/evaluation/report.md | cut -c 3-

$(BENCH_VENV)/.installed: setup.cfg pyproject.toml phi_sol/version.py
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(BENCH_VENV)/bin/python -m pip install --quiet --editable ".[bench]"
	touch $@

# Some parts only: make bench PARTS="step pressure". See benchmarks/README.md.
bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python benchmarks/run.py $(PARTS)

$(DOCS_VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(DOCS_VENV)/bin/python -m pip install --quiet --editable ".[docs]"
	touch $@

# The documentation as a site, in build/docs; its notebooks are executed, but for make docs EXECUTE=false.
docs: $(DOCS_VENV)/.installed
	EXECUTE=$(EXECUTE) NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build
	$(DOCS_VENV)/bin/python website/check.py build/docs

# In five parts, each in processes of its own: what XLA has compiled stays in a process, up to 14 GB in all of each of two.
PART_1 := tests/e2e tests/viewer
PART_2 := tests/evaluation tests/verification tests/tasks
PART_3 := tests/flows tests/solvers tests/training
PART_4 := tests/generation tests/workers tests/storage
REST := $(foreach folder,$(PART_1) $(PART_2) $(PART_3) $(PART_4),--ignore=$(folder))
PYTEST = $(BIN)/python -m pytest -m "not slow" -n $(TEST_PROCESSES) --dist loadfile

test: $(VENV)/.installed
	export PHI_SOL_TEST_SHARED=$$(mktemp -d); failed=0; for part in "$(PART_1)" "$(PART_2)" "$(PART_3)" "$(PART_4)" "$(REST)"; do $(PYTEST) $$part || failed=1; done; \
	rm -r $$PHI_SOL_TEST_SHARED; exit $$failed

# each file in a process of its own: what XLA has compiled for all of them together needs more than 20 GB
test-slow: $(VENV)/.installed
	failed=0; for file in $$(grep -rl --include='test_*.py' 'mark\.slow' tests | sort); do $(BIN)/python -m pytest -m slow $$file || failed=1; done; exit $$failed

# What tells most of versions, in a new environment each: the lowest ones that setup.cfg allows on the oldest Python, the
# highest ones on the newest. LOWEST_PYTHON=/path/to/python3.10 names one that is found elsewhere.
LOWEST_PYTHON ?= python3.10
HIGHEST_PYTHON ?= python3.13
VERSION_TESTS ?= tests/test_package.py tests/test_metadata.py tests/grids tests/pressure/test_cg.py tests/storage/test_readers.py \
	tests/storage/test_shipped.py tests/correctors/test_other_keras.py \
	tests/evaluation/test_write.py tests/metrics/test_series.py tests/training/test_callbacks.py tests/viewer tests/workers/test_cluster.py \
	tests/e2e/test_commands.py
test-lowest: AT = .venv-lowest
test-lowest: AT_PYTHON = $(LOWEST_PYTHON)
test-lowest: HOW = --constraint .ci/lowest.txt
test-highest: AT = .venv-highest
test-highest: AT_PYTHON = $(HIGHEST_PYTHON)
test-lowest test-highest:
	$(AT_PYTHON) -m venv --clear $(AT)
	$(AT)/bin/python -m pip install --quiet --upgrade pip
	$(AT)/bin/python -m pip install --quiet $(HOW) --editable ".[dev]"
	$(AT)/bin/python -m pip check
	failed=0; for part in $(VERSION_TESTS); do $(AT)/bin/python -m pytest -m "not slow" $$part || failed=1; done; exit $$failed

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The exact versions beside the benchmarks, for the figures that they measured.
constraints: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python benchmarks/constraints.py

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(DOCS_VENV) .venv-lowest .venv-highest $(DEMO) build dist *.egg-info

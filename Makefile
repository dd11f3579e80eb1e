# Everything a newcomer needs: make demo, make test. Both set up .venv from requirements.lock first.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FAST := -m "not slow and not browser"
SLOW := -m "(slow or browser) and not signals"

# Where the environment forbids it (images of containers often do), each process would compile 3,000 modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo dev test signals check lint lock bench probe soak clean

demo: $(READY)  ## the main job: two law firms, a QuickBooks emulator, a sync in Dagster
	$(BIN)/qb-pipeline demo

dev: $(READY)  ## the services and the Dagster UI
	$(BIN)/qb-pipeline dev

test: $(READY)  ## every test: the fast ones first, then whole processes and journeys, two files at a time
	$(BIN)/pytest -n auto $(FAST)
	$(BIN)/pytest -n 2 --dist loadfile $(SLOW)
	$(MAKE) signals

signals: $(READY)  ## processes that are told to end, as where SIGINT and SIGHUP are ignored: nohup make signals &
	trap '' INT HUP; $(BIN)/pytest -n 2 -m signals

check: $(READY) lint  ## what a developer runs all day
	$(BIN)/pytest -n auto $(FAST)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

probe: $(READY)  ## ask a QuickBooks company which of our guesses about it are right; by default the emulator
	$(BIN)/python benchmarks/probe.py

bench: $(READY)  ## figures and ratios, printed
	$(BIN)/python -m benchmarks.push
	$(BIN)/python -m benchmarks.ticks
	$(BIN)/python benchmarks/emulator_speed.py
	$(BIN)/python -m benchmarks.reporting --plans
	$(BIN)/python -m benchmarks.planned_events
	$(BIN)/python -m benchmarks.look_alikes

soak: $(READY)  ## exactly once, the long form: crash matrix, random kills, seeded bugs; figures (docs/reliability.md)
	$(BIN)/python -m qb_pipeline_tests.soak.long_run
	NINETY_DAYS=90 $(BIN)/pytest -s qb_pipeline_tests/journeys/test_ninety_days.py qb_pipeline_tests/journeys/test_ninety_days_owed.py

lock:  ## resolve again: hashes, and no index addresses
	$(BIN)/uv pip compile pyproject.toml --extra dev --no-emit-index-url --generate-hashes \
	  --python-version 3.11 --universal --quiet --output-file requirements.lock

# uv installs in seconds what takes pip a minute; where it has no wheel, pip does the same from the same lock.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 demo")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/^    #/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock \
	  && $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -q
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	touch $(READY)

clean:
	rm -rf $(VENV)

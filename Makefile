# The commands people run. Everything works on a fresh machine with Python 3.11, gcc and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export EVALKIT_REAL_DATA ?= $(wildcard ../shared/data)

.PHONY: eval cohorts mitigate test browser lint audit corpus bench clean

eval: $(STAMP)
	@$(BIN)/evalkit corpus synth datasets/accents --split test >/dev/null
	$(BIN)/evalkit run eval.yaml --out runs/latest
	@$(BIN)/evalkit cohorts runs/latest
	@$(BIN)/evalkit report runs/latest --out reports/latest

cohorts: $(STAMP)
	@$(BIN)/evalkit corpus synth datasets/accents --split survey >/dev/null
	$(BIN)/evalkit run cohorts.yaml --out runs/cohorts
	@$(BIN)/evalkit cohorts runs/cohorts
	@$(BIN)/evalkit report runs/cohorts --out reports/cohorts

mitigate: $(STAMP)
	@$(BIN)/evalkit corpus synth datasets/accents --split train --split dev --split test >/dev/null
	$(BIN)/evalkit mitigate mitigate.yaml --out runs/latest
	@test ! -f runs/latest/run.json || $(BIN)/evalkit report runs/latest --out reports/latest

corpus: $(STAMP)
	@$(BIN)/evalkit corpus synth datasets/accents >/dev/null

# A file's tests run in one process, which makes its fixtures once, and numerical libraries have one
# thread in each, since the processes take the cores. Where one of them dies the run ends with an
# error: pytest-xdist 3.8 would wait for ever for the one that takes its place.
test: $(STAMP) browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		--max-worker-restart 0

# The report's pages are tested in a real browser; without one those tests are skipped.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || test "$$(id -u)" != 0 \
		|| (apt-get update && apt-get install -y --no-install-recommends chromium) >/dev/null 2>&1 || true

lint: $(STAMP)
	$(BIN)/ruff check evalkit tests benchmarks
	$(BIN)/mypy

# Known vulnerabilities of the pinned packages; skipped, with a line, where that cannot be looked up.
# pip-audit has an environment of its own, since its packages are not those of constraints.txt.
audit:
	@test -x .audit/bin/pip-audit || ($(PYTHON) -m venv .audit \
		&& .audit/bin/python -m pip install --quiet pip-audit==2.10.1) >/dev/null 2>&1 || true
	@PATH="$(CURDIR)/.audit/bin:$$PATH" sh benchmarks/audit.sh constraints.txt

bench: $(STAMP) corpus
	for script in benchmarks/*.py; do $(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

clean:
	rm -rf $(VENV) .audit runs reports/latest reports/cohorts datasets/*/audio datasets/*/*.jsonl

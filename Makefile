# The commands people run. Everything works on a fresh machine with Python 3.11, gcc and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export EVALKIT_REAL_DATA ?= $(wildcard ../shared/data)

.PHONY: eval test lint corpus bench clean

eval: $(STAMP)
	@$(BIN)/evalkit corpus synth datasets/accents --split test >/dev/null
	$(BIN)/evalkit run eval.yaml --out runs/latest
	@$(BIN)/evalkit report runs/latest --out reports/latest

corpus: $(STAMP)
	@$(BIN)/evalkit corpus synth datasets/accents >/dev/null

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(STAMP)
	$(BIN)/ruff check evalkit tests benchmarks
	$(BIN)/mypy

bench: $(STAMP) corpus
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

clean:
	rm -rf $(VENV) runs reports/latest datasets/*/audio datasets/*/*.jsonl

# The commands a person has to know: make run, make test, make check. CI calls the same.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= runs/predictions
PHANTOMS := runs/phantoms
DATA ?=

.PHONY: help install run test bundle-check federated-test check format docs pictures clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(STAMP)  ## set up .venv from constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(STAMP)  ## outline and classify the masses of DATA=folder, or of phantoms when none is named
ifeq ($(DATA),)
	$(BIN)/monai-rescunet phantom $(PHANTOMS)
endif
	$(BIN)/monai-rescunet prepare folder "$(or $(DATA),$(PHANTOMS))" --out "$(OUT)/datalist.json" \
	  || [ $$? -eq 3 ]  # done, but for what it says to have left out
	$(BIN)/python -W ignore -m monai.bundle run --config_file bundle/configs/inference.yaml \
	  --meta_file bundle/configs/metadata.json --logging_file bundle/configs/logging.conf --bundle_root bundle \
	  --dataset_dir "$(or $(DATA),$(PHANTOMS))" --datalist "$(OUT)/datalist.json" --output_dir "$(OUT)"
	$(BIN)/monai-rescunet show "$(OUT)/results.csv"

test: $(STAMP)  ## run all tests
	$(BIN)/python -m pytest

bundle-check: $(STAMP)  ## check the bundle by the model zoo's rules, offline
	$(BIN)/python -m pytest tests/bundle/test_bundle_check.py tests/bundle/test_exports.py

FEDERATED := .venv-federated

federated-test:  ## test federated training in NVFlare's simulator, in an environment of its own
	test -d $(FEDERATED) || $(PYTHON) -m venv $(FEDERATED)
	$(FEDERATED)/bin/pip install --quiet --constraint constraints.txt torch
	$(FEDERATED)/bin/pip install --quiet --constraint constraints.txt --constraint constraints-federated.txt \
	  --editable . nvflare pytest
	timeout --kill-after=10 1800 $(FEDERATED)/bin/python -m pytest tests/federated

check: $(STAMP)  ## lint, format check and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## apply the formatter and the safe lint fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## build the docs' site in build/site; a warning is an error
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/site

pictures: $(STAMP)  ## draw the docs' pictures anew
	$(BIN)/python scripts/draw_pictures.py

clean:  ## remove what the commands made
	rm -rf $(VENV) $(FEDERATED) runs build dist .pytest_cache .mypy_cache .ruff_cache

# The commands a person has to know: make run, make test, make check. CI calls the same.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= runs/predictions
EXAMPLES := examples/mammograms
DATA ?=
# as they were typed, for the shell: nothing in a folder's name is parsed
export DATA_TYPED := $(value DATA)
export OUT_TYPED := $(value OUT)
# the oldest and the newest that pyproject.toml admits
MONAI ?= 1.5.1 1.6.1
# MONAI Label runs on no later one
LABEL_PYTHON ?= python3.11
LABEL := .venv-label
LABEL_STAMP := $(LABEL)/.installed
FEDERATED := .venv-federated
FEDERATED_STAMP := $(FEDERATED)/.installed

.PHONY: help install run test bundle-check label-test hospital-test federated-test check format docs pictures wheel wheel-check clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(STAMP)  ## set up .venv from constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(STAMP)  ## find, outline and classify the masses of DATA=folder, or of six mammograms when none is named
	$(BIN)/monai-rescunet prepare folder --out "$$OUT_TYPED/datalist.json" -- "$${DATA_TYPED:-$(EXAMPLES)}" \
	  || [ $$? -eq 3 ]  # done, but for what it says to have left out
	@# MONAI takes what begins with % for a place in another config, before anything here is asked
	case "$$DATA_TYPED" in %*) DATA_TYPED="./$$DATA_TYPED";; esac; \
	case "$$OUT_TYPED" in %*) OUT_TYPED="./$$OUT_TYPED";; esac; \
	$(BIN)/python -W ignore -m monai.bundle run --config_file bundle/configs/inference.yaml \
	  --meta_file bundle/configs/metadata.json --logging_file bundle/configs/logging.conf --bundle_root bundle \
	  --dataset_dir="$${DATA_TYPED:-$(EXAMPLES)}" --datalist="$$OUT_TYPED/datalist.json" --output_dir="$$OUT_TYPED"
	$(BIN)/monai-rescunet show -- "$$OUT_TYPED/results.csv"

# tests of a file share what they train, and so run in one process; files in their order, the long ones of tests/bundle first
test: $(STAMP)  ## run all tests, one process a core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

bundle-check: $(STAMP)  ## check the bundle by the model zoo's rules, offline
	$(BIN)/python -m pytest tests/bundle/test_bundle_check.py tests/bundle/test_exports.py

# the variable, unlike --constraint, also binds what packages are built with
$(LABEL_STAMP): export PIP_CONSTRAINT := constraints-label.txt
$(LABEL_STAMP): pyproject.toml constraints-label.txt
	$(LABEL_PYTHON) -m venv $(LABEL)
	$(LABEL)/bin/pip install --quiet torch
	$(LABEL)/bin/pip install --quiet --no-deps torchvision  # its wheel names CUDA's packages, which nothing here uses
	$(LABEL)/bin/pip install --quiet monailabel pytest --editable '.[dicom]'
	@touch $@

label-test: $(LABEL_STAMP)  ## set up .venv-label, start MONAI Label's server on the bundle and try all it offers
	$(LABEL)/bin/python -m pytest tests/label

hospital-test: $(LABEL_STAMP)  ## the same with an archive: Orthanc, from there to a DICOM SEG and back
	$(LABEL)/bin/python -m pytest tests/hospital

$(FEDERATED_STAMP): pyproject.toml constraints.txt constraints-federated.txt
	$(PYTHON) -m venv $(FEDERATED)
	$(FEDERATED)/bin/pip install --quiet --constraint constraints.txt torch
	$(FEDERATED)/bin/pip install --quiet --constraint constraints.txt --constraint constraints-federated.txt \
	  nvflare pytest --editable .
	@touch $@

federated-test: $(FEDERATED_STAMP)  ## set up .venv-federated and train over three hospitals in NVFlare's simulator
	timeout --kill-after=10 1800 $(FEDERATED)/bin/python -m pytest tests/federated

check: $(STAMP)  ## lint, format check, types and the order of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

format: $(STAMP)  ## apply the formatter and the safe lint fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## build the docs' site in build/site; a warning is an error
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/site

pictures: $(STAMP)  ## draw the docs' pictures and run their notebook anew
	$(BIN)/python scripts/draw_pictures.py
	$(BIN)/jupyter-execute --inplace examples/first_steps.ipynb

wheel: $(STAMP)  ## build the wheel and the source archive in dist, and check them by the package index's rules
	$(BIN)/pip install --quiet --constraint constraints.txt build twine
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

wheel-check: $(or $(wildcard dist/*.whl),wheel)  ## install the wheel of dist in fresh environments and run it there, with each of MONAI
	for version in $(MONAI); do \
	  $(PYTHON) scripts/check_wheel.py dist/*.whl monai==$$version $$(grep ^torch== constraints.txt) || exit 1; \
	done

clean:  ## remove what the commands made
	rm -rf $(VENV) $(LABEL) $(FEDERATED) runs build dist .pytest_cache .mypy_cache .ruff_cache

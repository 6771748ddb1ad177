# console/ is a folder too, so every target is phony.
.PHONY: console test check format pictures clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

# Makes the environment and installs what pyproject.toml names, at the versions of constraints.txt.
ifeq ($(UV),)
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@
$(VENV)/.developed: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --group dev
	touch $@
else
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable .
	touch $@
$(VENV)/.developed: $(VENV)/.installed
	$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev
	touch $@
endif

console: $(VENV)/.installed
	@$(BIN)/kfconsole demo

test: $(VENV)/.developed
	$(BIN)/python -m pytest -n 2 -m "not serial" --dist loadfile
	$(BIN)/python -m pytest -m serial

check: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.developed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Draws the README's pictures and its table of keys.
pictures: $(VENV)/.developed
	$(BIN)/python tests/pictures/draw.py

clean:
	rm -rf $(VENV) build dist

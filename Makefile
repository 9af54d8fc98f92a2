# One virtual environment, made once; every command of the README is a target here.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
STAMP := $(VENV)/.installed

.PHONY: help setup demo test bench-rollout bench-switch lint format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the virtual environment with the pinned requirements

$(STAMP): requirements.txt pyproject.toml
	@echo "Installing the pinned requirements into $(VENV) (once; some minutes and 2.5 GB) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq -r requirements.txt
	@$(BIN)/python -m pip install -qq --no-deps --editable .
	@touch $@

demo: $(STAMP) ## the whole loop on embedded services; DATA=catalogue WEIGHTS=file.safetensors
	@$(BIN)/regain demo $(if $(DATA),--data "$(DATA)") $(if $(WEIGHTS),--weights "$(WEIGHTS)")

test: $(STAMP) ## everything in tests/, doctests included
	$(BIN)/python -m pytest --durations=10

bench-rollout: $(STAMP) ## simulated months: wrong decisions and labels needed, rule by rule (7 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.rollout

bench-switch: $(STAMP) ## rollbacks under load: time to the last old answer (7 minutes)
	@$(BIN)/python -m benchmarks.switch

lint: $(STAMP) ## ruff, mypy and the layer rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the virtual environment and what the tools cached
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache

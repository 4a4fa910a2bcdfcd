# greensage: `make demo` shows it, `make test` checks it. Needs Python >= 3.11, Node >= 20 and make.
PYTHON ?= python3
BIN := .venv/bin
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = 1
export NODE_NO_WARNINGS = 1
export CDK_DISABLE_CLI_TELEMETRY = 1

.PHONY: help fuzz locks setup train demo demo-optimize demo-drift test fast cloud lint format bench browser report mutants clean

help:
	@echo "make demo    deploy real models to a local cloud, call them, destroy it all"
	@echo "make demo-optimize  smaller models with the proof, and compiled by jobs on the local cloud"
	@echo "make demo-drift  real prices drift: an alarm, one retraining, a better model promoted"
	@echo "make test    everything: lint, types, unit, synth, serving and cloud tests"
	@echo "make fast    lint, types and the tests that need no local cloud"
	@echo "make mutants break the code in many places; the fast tests should notice (ROOMS=drift SAMPLE=all)"
	@echo "make bench   the measurements of bench/RESULTS.md"
	@echo "make report  the report of the reference fleet, models/fleet, as report.html"
	@echo "make setup   only install and train; then .venv/bin/greensage and npx cdk work"

setup: .venv/installed node_modules/installed train

.venv/installed: requirements.txt requirements-dev.txt serving/requirements.txt pyproject.toml
	@echo "== Python packages"
	@test -d .venv || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

node_modules/installed: package.json package-lock.json
	@echo "== npm packages"
	@npm ci --silent --no-audit --no-fund
	@touch $@

.venv-sdk/installed: requirements-sdk.txt pyproject.toml
	@echo "== SageMaker SDK, to check the catalog against (in an environment of its own)"
	@test -d .venv-sdk || $(PYTHON) -m venv .venv-sdk
	@.venv-sdk/bin/pip install --quiet --disable-pip-version-check -r requirements-sdk.txt
	@.venv-sdk/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv-opinion/installed: requirements-opinion.txt tests/opinion/package.json
	@echo "== Other people's checks of our templates (in an environment of their own)"
	@test -d .venv-opinion || $(PYTHON) -m venv .venv-opinion
	@.venv-opinion/bin/pip install --quiet --disable-pip-version-check -r requirements-opinion.txt
	@npm ci --silent --no-audit --no-fund --prefix tests/opinion
	@touch $@

train: .venv/installed
	@echo "== Example models"
	@$(BIN)/python models/train.py

report: setup
	@$(BIN)/greensage report models/fleet -o report.html

# The report is tested in a real Chromium: one that is there, or Debian's if we may install it.
browser:
	@test -n "$$GREENSAGE_CHROMIUM" || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  command -v google-chrome >/dev/null || \
	  { echo "== Chromium"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  { echo "The report's tests need Chromium: install it, or set GREENSAGE_CHROMIUM=/path/to/it" >&2; exit 1; }

demo: setup
	@$(BIN)/python tools/demo.py

demo-optimize: setup train
	@$(BIN)/python tools/demo_optimize.py

demo-drift: setup
	@$(BIN)/python tools/demo_drift.py

# Two at a time: most of a deployment is the CDK CLI waiting. Each worker has a local cloud of its own.
test: setup .venv-sdk/installed .venv-opinion/installed browser lint
	@$(BIN)/pytest -n 2 --dist loadfile

fast: setup browser lint
	@$(BIN)/pytest -m "not cloud and not slow"

cloud: setup
	@$(BIN)/pytest -m cloud -n 2 --dist loadfile

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo 2>/dev/null || PYTHONPATH=. $(BIN)/lint-imports
	@$(BIN)/vulture

format:
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

ROOMS ?=
SAMPLE ?= 200
fuzz: setup  ## ten minutes of nonsense against the serving container
	@$(BIN)/python tests/serving/fuzz.py

locks: setup  ## serving/locks/: packages of the serving images by hash, and their bills of materials
	@$(BIN)/python tools/serving_locks.py

mutants: setup
	@$(BIN)/python tools/mutants.py $(ROOMS) --sample $(SAMPLE)

.venv-rivals/installed: bench/rivals.txt
	@echo "== What drift is benchmarked against (in an environment of its own)"
	@test -d .venv-rivals || $(PYTHON) -m venv .venv-rivals
	@.venv-rivals/bin/pip install --quiet --disable-pip-version-check -r bench/rivals.txt
	@touch $@

bench: setup .venv-rivals/installed
	@$(BIN)/python bench/run.py

clean:
	-@test -x $(BIN)/greensage && $(BIN)/greensage local down
	rm -rf .venv .venv-sdk .venv-rivals node_modules cdk.out .greensage models/artifacts

# Each target sets itself up: .venv is made from envs/cpu.lock.txt when it is missing or its lock changed.
SHELL := bash
CORES ?= 2
# Arms to run, names from config/variants.yaml: make demo ARMS="scope opd"
ARMS ?= scope
comma := ,
empty :=
space := $(empty) $(empty)

ONLY_ARMS := --config arms='[$(subst $(space),$(comma),$(strip $(ARMS)))]'
# Arguments of a command: make why ARGS="--configfile mine.yaml"
ARGS ?=
# What a cluster runs is the environment that is active, where it has Snakemake; .venv holds CPU packages only
ACTIVE := $(patsubst %/bin/snakemake,%,$(wildcard $(or $(VIRTUAL_ENV),$(CONDA_PREFIX),.venv)/bin/snakemake))
PYTHON ?= $(or $(ACTIVE),.venv)/bin/python
# What `make verify-results` checks
RESULTS ?= results

.PHONY: help setup demo why fetch check-cluster allocate verify-results accept bench check quick test test-all lint format schema lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 18

setup:  ## make .venv if it is missing or out of date
	@envs/setup.sh

demo: setup  ## the whole loop on tiny models, from random weights to results/demo/report.html
	@.venv/bin/python scripts/run.py --cores $(CORES) $(ONLY_ARMS)
	@echo "The report is at $(CURDIR)/results/demo/report.html"

why: $(if $(ACTIVE),,setup)  ## what would run again, and which setting, module or input changed (ARGS="--configfile mine.yaml")
	@$(PYTHON) scripts/why.py $(or $(ARGS),$(ONLY_ARMS))

fetch: $(if $(ACTIVE),,setup)  ## download the datasets of the hub that a configuration names (ARGS="--configfile mine.yaml")
	@$(PYTHON) scripts/fetch.py $(ARGS)

check-cluster:  ## whether a SLURM cluster fits a run (ARGS="--workflow-profile ~/my-site --configfile FILE")
	@$(PYTHON) scripts/check_cluster.py $(ARGS)

allocate:  ## run inside one SLURM allocation, or a chain (ARGS="--chain 4 SBATCH_OPTIONS -- SNAKEMAKE_ARGUMENTS")
	@$(PYTHON) scripts/allocate.py $(ARGS)

verify-results: $(if $(ACTIVE),,setup)  ## check every artifact against its digests and its inputs (RESULTS=results/demo)
	@$(PYTHON) scripts/verify_results.py $(RESULTS)

accept: $(if $(ACTIVE),,setup)  ## record that a change of code alters no result of stages (ARGS='update --reason "..."')
	@$(PYTHON) scripts/accept.py $(ARGS)

bench: setup  ## measure update, head and scoring beside TRL and vLLM; docs/benchmarks.md (ARGS="--only head")
	@.venv/bin/python dev/benchmark.py $(ARGS)

check: setup  ## lint, types and the quick unit tests, side by side: the loop of daily work
	@$(MAKE) --no-print-directory -j 2 lint quick

quick: setup  ## the unit tests that need no real models, servers or hostile programs
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -n 2 tests/unit -m "not slow and not real"

test: setup  ## every test but the slow ones, and lint, about 18 minutes
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n $(CORES) --dist loadscope --no-loadscope-reorder -m "not slow" --durations=25

test-all: setup  ## also the slow ones
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest

lint: setup  ## ruff, pyright, snakefmt and Snakemake's own linter
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/snakefmt --check Snakefile workflow/rules
	@.venv/bin/pyright
	@.venv/bin/snakemake --lint

format: setup  ## rewrite code in the house format
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format . && .venv/bin/snakefmt Snakefile workflow/rules

schema: setup  ## generate the configuration schema and the table of keys from the typed configuration
	@.venv/bin/python dev/config_schema.py > workflow/schemas/config.schema.json
	@.venv/bin/python dev/config_schema.py --keys > config/KEYS.md

lock: setup  ## resolve envs/*.yaml together and write envs/gpu.lock.txt; needs a package index
	@.venv/bin/python dev/lock_environments.py

clean:  ## remove results and Snakemake's own records, keep .venv
	rm -rf results/* .snakemake

# Plain commands under short names. PYTHON chooses the interpreter (3.11 or newer) that .venv is made from.
PYTHON ?= python3
BIN := .venv/bin
# make reproduce PRESET=cifar10-jpeg
PRESET ?=
ARGS ?=

.PHONY: help demo reproduce redraw quote slurm test test-slow test-slurm torture check bench docs screenshots lock clean

help:
	@echo "make demo                            the whole study on embedded data, in minutes"
	@echo "make reproduce                       the paper itself: config.yaml"
	@echo "make reproduce PRESET=cifar10-jpeg   a preset: $(patsubst presets/%.yaml,%,$(wildcard presets/*.yaml))"
	@echo "make redraw                          the published studies' tables, figures and claims; trains nothing"
	@echo "make quote                           the numbers that README and docs quote from the published studies"
	@echo "make test                            the test suite"
	@echo "make slurm                           installs Snakemake's executor for Slurm"
	@echo "make test-slurm                      the study on a Slurm cluster of pretend nodes on this machine (root)"
	@echo "make torture                         the demonstration killed 50 times: ten minutes"
	@echo "make bench                           speed, beside torchdistill and a plain loop: over an hour"
	@echo "make docs                            the documentation as a site: site/index.html"
	@echo "make screenshots                     the pictures of the page in the documentation (chromium)"
	@echo "make check                           ruff, snakefmt, mypy, snakemake --lint"

demo: .venv/installed
	$(BIN)/snakemake --configfile presets/digits.yaml $(ARGS)
	@echo "The page: results/digits/report.html"

reproduce: $(if $(PRESET),presets/$(PRESET).yaml) .venv/installed
	$(BIN)/snakemake $(if $(PRESET),--configfile presets/$(PRESET).yaml) $(ARGS)

CONFIGS_OF = $$(sed -n 's/^\# snakemake .*--configfile //p' presets/reference/$$(basename $$(dirname $(1))).yaml)

presets/%.yaml:
	@echo "There is no $@: PRESET is one of $(patsubst presets/%.yaml,%,$(wildcard presets/*.yaml))" >&2; exit 2

redraw: .venv/installed
	for group in results/reference/*/sensitivity results/reference/*/further; do \
	  $(BIN)/kdbench $$(basename $$group) --config $(call CONFIGS_OF,$$group) || exit; \
	done
	for runs in results/reference/*/runs; do \
	  $(BIN)/snakemake tables figures claims gains report --forcerun collect_results --configfile $(call CONFIGS_OF,$$runs) || exit; \
	done

quote: .venv/installed
	$(BIN)/kdbench quote README.md docs/*.md
	$(BIN)/kdbench methods --page docs/survey.md --figures docs/images/survey
	$(BIN)/kdbench methods --page docs/techniques.md
	cp results/reference/digits-sensitivity/sensitivity/sensitivity.png docs/digits-sensitivity.png
	cp results/reference/cifar10-jpeg-lenet/sensitivity/sensitivity.png docs/cifar10-jpeg-lenet-sensitivity.png
	cp results/reference/cifar10-jpeg-alexnet/sensitivity/sensitivity.png docs/cifar10-jpeg-alexnet-sensitivity.png
	cp results/reference/digits-next-steps/further/further.png docs/digits-next-steps.png
	cp results/reference/digits-ten-seeds-survey/gains/over_scratch.png docs/digits-ten-seeds-gains.png
	cp results/reference/cifar10-jpeg-next-steps/further/further.png docs/cifar10-jpeg-next-steps.png

test: .venv/installed
	$(BIN)/pytest $(ARGS)

test-slow: .venv/installed
	$(BIN)/pytest -m slow $(ARGS)

slurm: .venv/slurm

test-slurm: .venv/slurm
	$(BIN)/pytest -m slurm tests/slurm $(ARGS)

torture: .venv/installed
	$(BIN)/python -m tests.torture $(ARGS)

check: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow benchmarks/Snakefile
	$(BIN)/mypy
	$(BIN)/python workflow/lint.py

bench: .venv/bench
	$(BIN)/snakemake --snakefile benchmarks/Snakefile $(ARGS)
	@echo "The figures: results/benchmark/speed.md"

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation: site/index.html"

screenshots: .venv/docs
	$(BIN)/python -m tests.screenshots results/reference/cifar10-jpeg/report.html docs/images/page

# The lock file pins every package, with its digest, for every platform and Python version.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --extra dev --quiet -o requirements.lock pyproject.toml
	printf 'snakemake-executor-plugin-slurm\nsnakemake-executor-plugin-slurm-jobstep\n' | uv pip compile --no-deps --universal --python-version 3.11 --generate-hashes --quiet --no-header --no-annotate -o profiles/slurm/requirements.lock -
	printf 'mkdocs>=1.6,<2\nmkdocs-material>=9.5,<10\nplaywright>=1.40\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-header --no-annotate -c requirements.lock -o docs/requirements.lock -
	printf 'cython\ntorchdistill==1.1.5\n' | uv pip compile --no-deps --universal --python-version 3.11 --generate-hashes --quiet --no-header --no-annotate -o benchmarks/requirements.lock -

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kdbench needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar on --requirement requirements.lock
	$(BIN)/pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps --editable .
	touch $@

.venv/bench: .venv/installed benchmarks/requirements.lock
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --requirement benchmarks/requirements.lock
	touch $@

.venv/docs: .venv/installed docs/requirements.lock
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --requirement docs/requirements.lock
	touch $@

.venv/slurm: .venv/installed profiles/slurm/requirements.lock
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --requirement profiles/slurm/requirements.lock
	touch $@

clean:
	rm -rf .venv .snakemake

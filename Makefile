# Every target first sets up what it needs, in this folder: `make demo` is enough on a fresh machine.
# COMFYUI_PATH=... uses your own ComfyUI instead of fetching one; PYTHON=... says which Python (3.10 to 3.13) to build on.

PYTHON ?= python3
TESTS ?= tests
SETUP := $(PYTHON) tools/dev/setup.py
RUN := .venv/bin/python .
# A process of tests has one thread, and a ComfyUI and a simulator of its own: more than four would take much memory.
TEST_WORKERS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile
WORKERS ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo 1 || nproc)

.PHONY: help demo demo-edit demo-rooms test test-fast lint serve bench miniature miniature-check miniature-editor evidence \
	evidence-quick ablations workflows locales archive clean

help:  ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

demo:  ## teach an action from simulation and use it, into demo/
	@$(SETUP) vulkan
	@$(RUN) tools.demos.token

demo-edit:  ## edit simulated images, teach the edit from AI feedback and compare, into demo-edit/
	@$(SETUP) vulkan
	@$(RUN) tools.demos.edit

demo-rooms:  ## draw a floor plan, furnish it with guidance, settle and score the rooms, into demo-rooms/
	@$(SETUP)
	@$(RUN) tools.demos.rooms

test: lint  ## check everything (TESTS=tests/sim for a part)
	@$(SETUP) vulkan browser
	@$(PYTEST) --cov --cov-report=term:skip-covered $(TESTS)

test-fast:  ## check what needs no simulator, no ComfyUI server and no browser (a minute or so)
	@$(SETUP)
	@$(PYTEST) -m "not slow and not sim and not server and not browser" $(TESTS)

lint:  ## check style, types and who imports whom
	@$(SETUP)
	@mkdir -p .lint && ln -sfn .. .lint/interactive_action  # mypy and import-linter look for a package of this name
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check
	@.venv/bin/python -m mypy
	@PYTHONPATH=.lint .venv/bin/lint-imports

serve:  ## open ComfyUI with this pack on http://127.0.0.1:8188 (or PORT=...)
	@$(SETUP)
	@$(RUN) tools.dev.serve $(PORT)

bench:  ## measure something: BENCH=startup and others, into benchmarks/results/
	@$(SETUP) vulkan
	@$(RUN) tools.dev.bench $(BENCH)

miniature:  ## train the embedded models again from nothing and measure them (hours)
	@$(SETUP) vulkan
	@.venv/bin/torchrun --standalone --nproc-per-node $(WORKERS) . miniature.factory.make
	@$(RUN) miniature.factory.train_judges
	@$(RUN) miniature.factory.check_judges
	@$(RUN) miniature.factory.check

miniature-check:  ## measure what the embedded models draw on held-out prompts (ten minutes)
	@$(SETUP)
	@$(RUN) miniature.factory.check

evidence:  ## compare the methods on the embedded models (hours; CHECKPOINT=sd15.safetensors: on yours), into evidence/
	@$(SETUP) vulkan
	@.venv/bin/torchrun --standalone --nproc-per-node $(WORKERS) . tools.evidence.comparison $(if $(CHECKPOINT),--checkpoint "$(CHECKPOINT)")

evidence-quick:  ## follow two methods over steps at one learning rate on two actions, into evidence/
	@$(SETUP) vulkan
	@.venv/bin/torchrun --standalone --nproc-per-node $(WORKERS) . tools.evidence.comparison --quick

ablations:  ## the same for what holds our token, one choice changed at a time, into evidence/ (hours)
	@$(SETUP) vulkan
	@.venv/bin/torchrun --standalone --nproc-per-node $(WORKERS) . tools.evidence.comparison --ablations $(if $(CHECKPOINT),--checkpoint "$(CHECKPOINT)")

miniature-editor:  ## train the embedded editor and its judges again from nothing (an hour or two)
	@$(SETUP) vulkan
	@$(RUN) miniature.factory.train_style_editor

workflows:  ## write the shipped workflows and their images again
	@$(SETUP) vulkan browser
	@$(RUN) tools.dev.workflows

locales:  ## write the page's languages from the nodes' schemas, and list what is not translated
	@$(SETUP)
	@$(RUN) tools.dev.locales

archive:  ## pack what the Comfy registry serves, into build/, and list every dependency with its license
	@$(SETUP)
	@$(RUN) tools.dev.archive
	@$(RUN) tools.dev.sbom

clean:  ## remove what set-up installed into this folder
	rm -rf .venv .comfyui .peers .setup.log .lint build

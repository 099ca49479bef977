# Everything a checkout needs, from nothing but Python 3.11+ and make. `make help` lists the targets.
PYTHON ?= python3
TOOLS := .shoal/tools
UV := $(TOOLS)/bin/uv
RUN := PYTHONPATH=include .venv/bin/python
PORT ?= 8080

# uv keeps what it downloads at home; where nobody may write there, here.
ifeq ($(UV_CACHE_DIR)$(shell home="$${XDG_CACHE_HOME:-$$HOME/.cache}"; \
  while [ ! -e "$$home" ]; do home=$$(dirname "$$home"); done; [ -w "$$home" ] || echo no),no)
export UV_CACHE_DIR := $(CURDIR)/.shoal/uv-cache
endif

SEEDS ?= 20
KEYS ?= 1000000
OWN := $(if $(MODEL),--model "$(MODEL)") $(if $(IMAGES),--images "$(IMAGES)")

CLUSTER_PACKAGES := etcd-server containerd runc containernetworking-plugins fuse3 iptables conntrack iproute2 \
  mmdebstrap buildah docker.io docker-registry r-base-core chromium fonts-dejavu-core

# A misspelt variable would be passed over in silence.
ifeq ($(MAKELEVEL),0)
SAID := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
UNKNOWN := $(filter-out MODEL IMAGES PORT ARGS SEEDS KEYS PYTHON REGISTRY PUSH SHOAL_% SHELL MAKEFLAGS MAKEOVERRIDES -%,$(SAID))
$(if $(strip $(UNKNOWN)),$(error no such variable: $(UNKNOWN) - there are MODEL IMAGES PORT ARGS SEEDS KEYS PYTHON REGISTRY PUSH SHOAL_HOME))
endif

# Runs a command that a person ends by Ctrl-C, which is no "Error 130": the terminal sends it to the command itself, which says
# what became of its work. What make is sent by others (SIGTERM) is handed on.
until_ctrl_c = env $(1) & child=$$!; trap : INT; trap "kill -TERM $$child" TERM HUP; wait $$child; ended=$$?; \
  while [ $$ended -gt 128 ] && kill -0 $$child 2>/dev/null; do wait $$child; ended=$$?; done; \
  [ $$ended -eq 130 ] || exit $$ended

.DEFAULT_GOAL := help
.PHONY: help demo up test test-wide test-resolutions soak lint format lock bench bench-airflow bench-answer-pages bench-estimates bench-explore bench-exports bench-far bench-far-images bench-gpu bench-listing bench-pages bench-scale bench-serve docs durations vega images audit bases cluster cluster-down cluster-packages clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .venv/.demo  ## run the whole job once here; MODEL=best.onnx IMAGES=/folder for your own
	@$(call until_ctrl_c,$(RUN) -m shoal demo $(OWN))

up: .venv/.demo  ## run Airflow's web interface on loopback, PORT=8080, until Ctrl-C
	@$(call until_ctrl_c,$(RUN) -m shoal up --port $(PORT) $(OWN))

test: .venv/.dev  ## run every test that can run on this machine
	$(RUN) -m pytest $(ARGS)

test-resolutions: $(UV)  ## run the fast tests with the oldest and the newest dependencies allowed; PYTHON=python3.13 for another one
	@set -e; for resolution in lowest-direct highest; do \
	  home=.shoal/resolutions/$$resolution; echo "$$resolution, $$($(PYTHON) --version)"; \
	  $(UV) venv --quiet --clear --python $(PYTHON) $$home; \
	  $(UV) pip install --quiet --python $$home --resolution $$resolution '.[demo,postgres]'; \
	  $(UV) pip install --quiet --python $$home 'pytest>=9.2' 'hypothesis>=6.170'; \
	  PYTHONPATH=include $$home/bin/python -m pytest -q tests/unit tests/docs $(ARGS); \
	done

soak: .venv/.dev  ## break everything at random moments on a real cluster for SEEDS=20 seeds, print what it cost
	@mkdir -p .shoal && rm -f .shoal/faults.jsonl
	@SHOAL_SEEDS=$(SEEDS) $(RUN) -m pytest tests/stories/faults $(ARGS); ended=$$?; \
	  PYTHONPATH=include:tests/houses .venv/bin/python -m faults; exit $$ended

test-wide: soak  ## what is too slow for every change: SEEDS=20 storms, ten times as many random clusters, stores that answer anything, operators in mid-run (docs/test-wide.md)
	@SHOAL_SEEDS=$$(($(SEEDS) * 10)) $(RUN) -m pytest tests/stories/scheduler/test_real_scheduler.py
	@SHOAL_SEEDS=$(SEEDS) $(RUN) -m pytest tests/stories/process/test_hostile_store.py tests/stories/process/test_memory_and_threads.py tests/unit/tables/test_no_time_is_invented.py tests/unit/results/test_compaction.py tests/unit/summary/test_known_months.py
	@SHOAL_SEEDS=$(SEEDS) $(RUN) -m pytest tests/stories/airflow/test_disturbed.py tests/stories/process/test_jumping_clock.py tests/stories/process/test_gc.py
	@SHOAL_WIDE=1 $(RUN) -m pytest tests/stories/process/test_interrupted.py tests/stories/airflow/test_operators.py tests/stories/airflow/test_celery.py tests/stories/airflow/test_git_bundle.py tests/stories/scheduler/test_capacity_dag.py tests/stories/pods/test_serve.py tests/stories/pods/test_service.py tests/stories/pods/test_together.py tests/unit/exports/test_report.py tests/unit/stores/test_image_folder.py tests/unit/stores/test_webdav_servers.py tests/stories/airflow/test_arrivals.py tests/unit/bucket/test_listed_anew.py tests/benchmarks

lint: .venv/.dev docs  ## check style, types, dependency rule, links of the pages and locked requirements
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	PYTHONPATH=include .venv/bin/mypy
	PYTHONPATH=include .venv/bin/lint-imports
	$(UV) lock --check
	$(UV) export --frozen --quiet --all-extras --no-dev --no-emit-project | diff -q - requirements.txt \
	  || { echo "requirements.txt is not what uv.lock says - run: make lock"; exit 1; }

format: .venv/.dev  ## format the code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Another version of uv: change it in the first line of requirements-uv.txt first.
lock: $(UV)  ## resolve dependencies anew within pyproject.toml, export requirements.txt
	$(UV) lock
	$(UV) export --frozen --quiet --all-extras --no-dev --no-emit-project > requirements.txt
	head -n 1 requirements-uv.txt | cut -d ' ' -f 1 | $(UV) pip compile --quiet --universal --no-header --generate-hashes - > .shoal/uv.txt
	mv .shoal/uv.txt requirements-uv.txt
	$(UV) pip compile --quiet --no-header --no-emit-index-url --generate-hashes --python-version 3.13 \
	  --python-platform x86_64-manylinux_2_28 docker/worker/requirements-cuda.in -o docker/worker/requirements-cuda.txt

bench: .venv/.dev  ## measure what docs/measurements.md quotes
	$(RUN) benchmarks/worker.py
	$(RUN) benchmarks/families.py
	$(RUN) benchmarks/planning.py
	$(RUN) benchmarks/worker_manifest.py
	$(RUN) benchmarks/storage.py
	$(RUN) benchmarks/parsing.py
	$(RUN) benchmarks/nights.py
	$(RUN) benchmarks/repeats.py
	$(RUN) benchmarks/health.py

bench-scale: .venv/.dev  ## plan and summarize KEYS=1000000 images, the numbers compared with an oracle's; ARGS="--rows-of-part 5000"
	@PYTHONPATH=include:tests/houses .venv/bin/python benchmarks/scale.py --keys $(KEYS) $(ARGS)

bench-exports: .venv/.dev  ## export KEYS=1000000 images in every format, each in a process that is measured whole; ARGS="--only ifdo long"
	@PYTHONPATH=include:tests/houses .venv/bin/python benchmarks/exports.py --keys $(KEYS) $(ARGS)

bench-estimates: .venv/.dev  ## count how often intervals from labels hold the truth of 1,000 made-up years; ARGS="--seeds 100"
	@$(RUN) benchmarks/estimates.py $(ARGS)

bench-explore: .venv/.dev  ## fill in the pages over an answer of KEYS=1000000 images, as Airflow's web server does
	@$(RUN) benchmarks/explore_pages.py --keys $(KEYS) $(ARGS)

bench-answer-pages: .venv/.dev  ## ask for pages of images over KEYS=1000000 images with four boxes each
	@$(RUN) benchmarks/answer_pages.py --keys $(KEYS) $(ARGS)

bench-gpu: .venv/.dev  ## measure a GPU beside its bare session and a CPU's boxes; it needs onnxruntime-gpu; ARGS="--model best.onnx"
	@$(RUN) benchmarks/gpu.py $(ARGS)

bench-far: .venv/.dev  ## plan KEYS=1000000 synthetic keys and a quarter of them, drawn on to a hundred million; ARGS="--target 50000000"
	@$(RUN) benchmarks/far_plan.py --keys $(KEYS) $(ARGS)

bench-far-images: .venv/.dev  ## read photos from a store that is 100 and 400 ms away, and from one that throttles
	@$(RUN) benchmarks/far_images.py $(ARGS)

bench-listing: .venv/.dev  ## list KEYS=1000000 keys of page servers and a real MinIO with Shoal, obstore and minio-py
	PYTHONPATH=include:tests/houses .venv/bin/python benchmarks/listing.py --keys $(KEYS) $(ARGS)

bench-airflow: .venv/.dev  ## measure what Airflow costs: CPU from trigger to worker, for each shard, and while nothing happens
	PYTHONPATH=include:tests/houses .venv/bin/python benchmarks/airflow_cost.py $(ARGS)

bench-pages: .venv/.dev  ## measure how long people wait for pages: 100 datasets, a run of 500 shards; ARGS="--latency-ms 20"
	@PYTHONPATH=include:tests/houses .venv/bin/python benchmarks/pages.py $(ARGS)

bench-serve: .venv/.dev  ## press serve with twice the images it can answer; ARGS="--seconds 60 --times 4"
	@$(RUN) benchmarks/serve.py $(ARGS)

# Not --quiet: it also silences the warnings that --strict counts.
docs: .shoal/docs/.ready  ## build the pages as a site in .shoal/site, every link and anchor checked
	NO_MKDOCS_2_WARNING=1 .shoal/docs/bin/mkdocs build --strict

vega: .venv/.dev  ## bundle the script that draws the charts of reports anew, from what is installed
	PYTHONPATH=include:tests/houses .venv/bin/python -m vega_bundle

durations:  ## make what .ci/run measured last the record by which it deals tests to its lanes
	cp .shoal/durations.json .ci/durations.json

audit: $(UV)  ## look for locked requirements with known vulnerabilities; it asks pypi.org, ARGS="--vulnerability-service osv" another
	@$(UV) tool run --from 'pip-audit==2.*' pip-audit --strict --requirement requirements.txt --require-hashes --disable-pip --progress-spinner off $(ARGS) \
	  || { echo "either something above has to be updated (make lock), or pip-audit cannot reach its database (it then calls dependencies 'not found on PyPI'): run it where it can, with this requirements.txt" >&2; exit 1; }

bases:  ## pin the images that ours are built on, and those of compose, by their digests of today (asks docker.io)
	@$(PYTHON) docker/pin_bases.py $(ARGS)

images:  ## build the container images; REGISTRY=registry.example.org/team PUSH=1 to publish them
	@REGISTRY="$(REGISTRY)" PUSH="$(PUSH)" docker/build.sh

cluster: .venv/.dev  ## start a real Kubernetes and MinIO for the tests and keep them (root, Go, Debian)
	PYTHONPATH=include:tests/houses .venv/bin/python -m cluster up

cluster-down: .venv/.dev  ## end that cluster; nothing of it stays
	PYTHONPATH=include:tests/houses .venv/bin/python -m cluster down

cluster-packages:  ## install the Debian packages that the cluster, its images, compose, browsers and readers of exports need (root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(CLUSTER_PACKAGES)
	sh tests/houses/cluster/postgresql.sh

clean:  ## remove the environment and every demo file
	@! grep -q " $(CURDIR)/.shoal/" /proc/mounts 2>/dev/null || { echo "a test cluster still runs - first: make cluster-down"; exit 1; }
	rm -rf .venv .shoal .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info; ok = (3, 11) <= v < (3, 14); \
	  print("" if ok else "Python %d.%d is %s, Shoal needs 3.11 to 3.13 - say which: make demo PYTHON=python3.12" \
	  % (v[0], v[1], "too old" if v < (3, 11) else "too new"), end=""); sys.exit(not ok)' || { echo; exit 1; }
	@mkdir -p .shoal && chmod 700 .shoal
	@$(PYTHON) -m venv $(TOOLS) || { echo "$(PYTHON) -m venv failed - on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-uv.txt

.venv/.demo: pyproject.toml uv.lock | $(UV)
	@echo "installing Shoal, Airflow and the worker into .venv (about 1 GB, the first time only)"
	@$(UV) sync --frozen --quiet --python $(PYTHON) --extra demo --no-dev & child=$$!; seconds=0; \
	  trap "kill $$child; exit 130" INT TERM HUP; \
	  while kill -0 $$child 2>/dev/null; do sleep 1; seconds=$$((seconds + 1)); \
	    [ $$((seconds % 10)) -ne 0 ] || echo "  $$(du -sm .venv 2>/dev/null | cut -f1) MB after $$seconds s"; done; wait $$child
	@touch $@

# An environment of its own: Airflow's pins and the site's do not have to agree, and pages need no gigabyte.
.shoal/docs/.ready: pyproject.toml uv.lock | $(UV)
	@UV_PROJECT_ENVIRONMENT=.shoal/docs $(UV) sync --frozen --quiet --python $(PYTHON) --only-group docs
	@touch $@

.venv/.dev: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --frozen --quiet --python $(PYTHON) --extra demo --extra postgres
	@touch .venv/.demo $@

.DEFAULT:
	@echo "no target '$@' - make help lists them" >&2; exit 2

# Every target works as the first command in a fresh checkout: each sets up .venv when it must.
PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

# one stamp for each kind of ROS 2: sourcing an install later sets up again
READY := $(VENV)/ready-$(or $(ROS_DISTRO),wheels)
RUN   := $(VENV)/bin/python

BENCHMARKS ?= message_building generated_data stereo_speed node_latency

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint clean

help:  ## list the targets
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo '  ARGS="..." is handed on to demo, test and bench; PYTHON=... picks the interpreter of .venv'

setup: $(READY)  ## make .venv with pinned dependencies, ROS 2 included where none is sourced

$(READY): constraints.txt setup.py scripts/setup_venv.py
	@$(PYTHON) scripts/setup_venv.py $(VENV)
	@touch $@

demo: $(READY)  ## replay a stereo recording into the node and measure what comes out
	@$(RUN) -m depth_nodes.demo $(ARGS)

test: $(READY)  ## run the tests
	@$(RUN) -m pytest $(ARGS)

bench: $(READY)  ## measure speed on this machine
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(RUN) -m benchmarks.$$name $(ARGS); done

lint: $(READY)  ## check style and types
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

clean:  ## remove .venv and everything made
	rm -rf $(VENV) build install log out depth_nodes.egg-info

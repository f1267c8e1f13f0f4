# Index of commands. Run them in an active virtual environment: `python3 -m venv .venv && . .venv/bin/activate && pip install -e '.[test,bench]'`.
# Each build mode keeps its own tree, build/<mode>; the module of the mode built last lies in src/ and is the one that tests import.

PYTHON ?= python
CC ?= gcc
# cython-lint starts pycodestyle by its name.
export PATH := $(dir $(shell command -v $(PYTHON))):$(PATH)
PYTEST_ARGS ?=
FUZZ_SECONDS ?= 45
BENCH_ARGS ?=

REPORTS := build/asan/reports
# Reports go to files, so that one from a child process is not lost with its standard error. UBSan beside ASan writes to standard error
# only (GCC's libubsan keeps a report file of its own), so it aborts and ASan reports the abort; log_path stands in both, since
# libubsan's start resets libasan's. CPython frees little at exit: no leak check. Python's own allocator would hide heap errors.
# Sanitized code is several times slower: FASTGATE_TEST_SCALE stretches what tests allow in time.
ASAN_ENV = env PYTHONMALLOC=malloc FASTGATE_TEST_SCALE=4 \
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS="detect_leaks=0:handle_abort=1:log_path=$(CURDIR)/$(REPORTS)/report" \
	UBSAN_OPTIONS="abort_on_error=1:log_path=$(CURDIR)/$(REPORTS)/report"
NO_REPORTS = for report in $(REPORTS)/*; do [ ! -e "$$report" ] || { cat $(REPORTS)/*; exit 1; }; done

# Tests of plain Python, which is the same in every build of the core: once is enough. `make asan WITHOUT_PURE=` runs them too.
PURE := conformance catalogue config $(addprefix translate/,anthropic_messages bedrock cohere gemini ollama openai_chat openai_responses)
# What the translators say, through a gateway; how streams are cut and copied stays in.
PURE += $(addprefix translate/gateway/test_,matrix.py loops.py agents.py errors.py settings.py local.py chains.py)
WITHOUT_PURE ?= $(PURE:%=--ignore=tests/%)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build build-% test debug asan lint check bench profile annotate coverage fuzz catalogue clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

build: build-release ## compile _core for release, in place

build-%:
	FASTGATE_BUILD=$* $(PYTHON) setup.py -q build_ext --inplace

test: build-release ## the suite on the release build
	$(PYTHON) -m pytest $(PYTEST_ARGS)

debug: build-debug ## the suite on the debug build: bounds, None and FASTGATE_DEBUG invariants
	$(PYTHON) -m pytest $(WITHOUT_PURE) $(PYTEST_ARGS)

asan: build-asan ## the suite on the debug build under AddressSanitizer and UBSan
	@rm -rf $(REPORTS) && mkdir -p $(REPORTS)
	$(ASAN_ENV) $(PYTHON) -m pytest --timeout 180 $(WITHOUT_PURE) $(PYTEST_ARGS); status=$$?; $(NO_REPORTS); exit $$status

lint: build-release ## ruff, cython-lint, mypy, and stubtest of fastgate._core
	$(PYTHON) -m ruff check .
	$(PYTHON) -m cython_lint.cython_lint src
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy.stubtest --mypy-config-file pyproject.toml fastgate._core

check: lint test debug asan build-release ## all of it: lint, then the suite in three builds

bench: build-release ## benchmarks side by side (pip install '.[bench]', Debian's nginx-light); see benchmarks/README.md
	$(PYTHON) -m benchmarks.run $(BENCH_ARGS)

profile: build-profile ## compile with symbols and frame pointers, for `perf record -g -p PID`
	@echo "built: start fastgate, then: perf record -g -p PID"

annotate: ## one HTML per part of _core: which lines call into Python
	FASTGATE_BUILD=annotate $(PYTHON) setup.py -q build_ext --force
	@find build/annotate/cython -name '*.html'

coverage: build-coverage ## the suite with line tracing of _core (pip install coverage)
	$(PYTHON) -m coverage run -m pytest $(PYTEST_ARGS) && $(PYTHON) -m coverage report

fuzz: build-asan ## random bytes into every parser for FUZZ_SECONDS, under the sanitizers
	@rm -rf $(REPORTS) && mkdir -p $(REPORTS)
	$(ASAN_ENV) $(PYTHON) -m tests.fuzz.run --seconds $(FUZZ_SECONDS); status=$$?; $(NO_REPORTS); exit $$status

catalogue: ## models.json from the installed genai-prices (its version stands in pyproject.toml), then its tests
	$(PYTHON) -m tools.catalogue
	$(PYTHON) -m pytest tests/catalogue

clean: ## remove what builds and tools left behind
	rm -rf build dist src/*.egg-info src/fastgate/_core*.so src/fastgate/_core.c src/fastgate/_core.html .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

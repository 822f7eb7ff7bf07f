# make demo   a tour on an embedded PostgreSQL, under a minute
# make test   the tests, against a disposable PostgreSQL; TESTS=all with those that take long
# make dist   both distributions, as wheels and sources, in dist/
# make release-check   what is missing for a release
#
# Each makes and fills $(VENV) first. Needs Python >= 3.11 and pip. Variables:
#   PYTHON=/path/to/python   the interpreter to use
#   ARGS="-k listen -x"      arguments for pytest or for the demo
#   TESTS=all                the generated twins and what starts servers of its own, too, as CI does
#   PARALLEL=                one test after the other; many of them wait for a timeout to pass
#   MEASURE="-m coverage run"   notes which lines run; `coverage combine`, `coverage report` tell

VENV ?= .venv
PYTHON ?=
ARGS ?=
TESTS ?= quick
PARALLEL ?= -n $(if $(filter quick,$(TESTS)),4,3) --dist loadfile --no-loadscope-reorder
MEASURE ?=
# The kind that needs nothing installed; LITEORM_SERVER=docker make test for another.
export LITEORM_SERVER ?= embedded

.PHONY: demo test docs dist release-check clean
.NOTPARALLEL:

demo: $(VENV)/.demo $(VENV)/.native
	$(VENV)/bin/liteorm demo $(ARGS)

test: $(VENV)/.test $(VENV)/.native
	LITEORM_TESTS=$(TESTS) $(VENV)/bin/python $(MEASURE) -m pytest $(PARALLEL) $(ARGS)

docs: $(VENV)/.docs
	$(VENV)/bin/python -m mkdocs build --strict
	$(VENV)/bin/python .ci/site_check.py site

dist: $(VENV)/.dist
	rm -rf dist
	$(VENV)/bin/python -m build --outdir dist .
	$(VENV)/bin/python -m build --outdir dist native

release-check: $(VENV)/.test
	@$(VENV)/bin/python .ci/release_check.py

clean:
	rm -rf $(VENV) build dist site

$(VENV)/.demo: pyproject.toml .ci/venv
	PYTHON="$(PYTHON)" .ci/venv $(VENV) -e ".[demo]"
	@touch $@

$(VENV)/.test: pyproject.toml .ci/venv
	PYTHON="$(PYTHON)" .ci/venv $(VENV) -e ".[testing,otel]" --group test
	@touch $@

# The compiled half, into the environment made before it; without a C compiler liteorm goes on alone.
$(VENV)/.native: $(wildcard native/src/*.[ch]) native/setup.py native/pyproject.toml .ci/native
	.ci/native $(VENV)
	@touch $@

$(VENV)/.dist: .ci/venv
	PYTHON="$(PYTHON)" .ci/venv $(VENV) build
	@touch $@

$(VENV)/.docs: pyproject.toml .ci/venv
	PYTHON="$(PYTHON)" .ci/venv $(VENV) -e . --group docs
	@touch $@

# `make` alone says what there is. For a machine with make and nothing else: Python and its venv
# are installed where that may be done (as root, with apt-get), or else named in one sentence.

# A Python to use, 3.11 or newer, instead of the first that is found: make PYTHON=python3.12 test
PYTHON ?=
VENV ?= .venv
EGGS ?= var/eggs
# Further options of `eggproxy serve`: make serve OPTIONS='--port 9000'
OPTIONS ?=
# Debian packages with programs that the tests, or the benchmark, run.
TEST_PACKAGES ?= apache2 apache2-dev gcc libapache2-mod-python libapache2-mod-wsgi-py3 \
    libapache2-mod-xsendfile nginx-light openssl python3-dev
BENCH_PACKAGES ?= nginx-light wrk

PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
DESCRIPTION = pyproject.toml setup.py

.DEFAULT_GOAL := help
.PHONY: help serve test check faults bench clean

help: ## say what there is (this)
	@echo 'eggproxy, a caching proxy for Python package indexes'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.installed ## serve the public index on http://127.0.0.1:8888/pypi/, stored in var/eggs
	@$(VENV)/bin/eggproxy serve --eggs-directory $(EGGS) $(OPTIONS)

test: $(VENV)/.installed-test ## install all that the tests need, then check
	@PACKAGES='$(TEST_PACKAGES)' sh -euc "$$INSTALL_PACKAGES"
	@$(MAKE) --no-print-directory check

# On a busy machine one of three thousand may wait in vain: what fails has one more try, alone.
check: $(VENV)/.installed-test ## format, lint, types, tests, doctests
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest --cache-clear -n auto --dist loadfile || \
	    $(VENV)/bin/pytest --last-failed --last-failed-no-failures none

faults: $(VENV)/.installed-test ## let upstream, disk and processes fail in all ways; write docs/reliability.rst
	@$(VENV)/bin/python -m tests.faults --full

bench: $(VENV)/.installed-test ## measure the speed, beside nginx, as a table
	@PACKAGES='$(BENCH_PACKAGES)' sh -euc "$$INSTALL_PACKAGES"
	@$(VENV)/bin/python -m bench

clean: ## remove the environment and all that was built; what is stored in var stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

$(VENV)/.made:
	@PYTHON='$(PYTHON)' VENV='$(VENV)' sh -euc "$$MAKE_VENV"
	@touch $@

$(VENV)/.installed: $(VENV)/.made $(DESCRIPTION)
	@echo 'Installing eggproxy and its libraries into $(VENV).'
	@$(PIP) install --quiet --editable .
	@touch $@

# Both stamps: what the first stands for is then done as well.
$(VENV)/.installed-test: $(VENV)/.made $(DESCRIPTION)
	@echo 'Installing eggproxy, its libraries and its tests'\'' into $(VENV).'
	@$(PIP) install --quiet --editable '.[test]'
	@touch $(VENV)/.installed $@

define SHELL_FUNCTIONS
may_install() { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
install() {
    echo "Installing the system packages $$*."
    # Servers that come with them are for the tests to start, on ports of their own.
    policy=/usr/sbin/policy-rc.d
    if [ -e "$$policy" ]; then policy=; else
        printf '#!/bin/sh\nexit 101\n' >"$$policy" && chmod 755 "$$policy"
    fi
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$@" >/dev/null ||
        { rm -f $$policy; return 1; }
    rm -f $$policy
    # Both in one Apache, which apt-get brings about, and it does not start any more.
    for package in "$$@"; do case $$package in
        libapache2-mod-python) a2dismod -q -f python >/dev/null ;;
        libapache2-mod-wsgi-py3) a2dismod -q -f wsgi >/dev/null ;;
    esac; done
}
endef

define MAKE_VENV
$(SHELL_FUNCTIONS)
new_enough() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
complete() { new_enough "$$1" && "$$1" -c 'import ensurepip, venv' 2>/dev/null; }
fail() { echo "$$*" >&2; exit 1; }
choose() {
    for candidate in $$names; do complete "$$candidate" && python=$$candidate && return; done
    for candidate in $$names; do new_enough "$$candidate" && python=$$candidate && return; done
}

names=$${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}
python=
if new_enough "$$VENV/bin/python" && "$$VENV/bin/python" -c 'import pip'; then exit; fi
choose || { [ -z "$$PYTHON" ] && may_install && install python3 python3-venv && choose; } ||
    fail "Python 3.11 or newer is needed (not found as $$names): install it (Debian, Ubuntu:" \
        "apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12 serve"
if ! complete "$$python"; then
    package=python$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    { may_install && install "$$package" && complete "$$python"; } ||
        fail "$$python lacks venv: install the package $$package (Debian, Ubuntu:" \
            "sudo apt-get install $$package), then run make again."
fi
echo "Making $$VENV with $$("$$python" --version)."
"$$python" -m venv "$$VENV"
endef

define INSTALL_PACKAGES
$(SHELL_FUNCTIONS)
command -v dpkg-query >/dev/null || exit 0
missing=
for package in $$PACKAGES; do
    dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q ' installed' ||
        missing="$$missing $$package"
done
[ -n "$$missing" ] || exit 0
if may_install; then install $$missing; else
    echo "Some will be left out: for all, install first: sudo apt-get install$$missing" >&2
fi
endef

export MAKE_VENV INSTALL_PACKAGES

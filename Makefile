# Everything a developer runs. Each target first makes sure that .venv is there and up to date.

MNT ?= $(HOME)/cairn
STORE ?= default
BENCH ?=
SOAK ?= 600
PREFIX ?= /usr/local
DESTDIR ?=
# Of `make crash`: another one each time, unless one is to be repeated; and a part of it, by options of pytest.
SEED := $(or $(SEED),$(shell od -An -N2 -tu2 /dev/urandom | tr -d ' '))
CRASH ?=
run := .venv/bin/python -m

.PHONY: help venv venv-tests mount umount lint lint-format lint-rules lint-types lint-imports check test crash sanitize soak bench bench-all bench-growth lock clean \
	wheels sdist install uninstall deb boot-test

help:
	@echo "make mount   mount STORE ($(STORE)) at MNT ($(MNT))"
	@echo "make umount  unmount MNT"
	@echo "make test    all tests but the long ones"
	@echo "make check   formatting, lint, types, import contracts, unit tests"
	@echo "make crash   the long tests: kills, power loss, faults, any input, many times over (SEED=number CRASH=options)"
	@echo "make sanitize    the tests near the C extensions, with sanitizers for memory, what is undefined, and threads"
	@echo "make soak    8 clients at once on one mount for SOAK ($(SOAK)) seconds, then figures"
	@echo "make bench   measure against ext4 and a filesystem that does nothing (BENCH=options)"
	@echo "make bench-all     measure all that docs/performance.md shows of speed; takes an hour (BENCH=options)"
	@echo "make bench-growth    measure how costs grow with what a store holds; takes an hour (BENCH=options)"
	@echo "make wheels  build what is installed, with its libraries, into build/wheels"
	@echo "make sdist   a source package in dist/"
	@echo "make install     install below PREFIX ($(PREFIX)); DESTDIR= lays it out elsewhere"
	@echo "make uninstall   take that away; stores stay"
	@echo "make deb     a Debian package in dist/"
	@echo "make boot-test   the package in a container that boots systemd (as root)"
	@echo "make lock    renew constraints*.txt"
	@echo "make clean   remove what the above made, but no store"

venv:
	@scripts/bootstrap

venv-tests:
	@scripts/bootstrap --tests

mount: venv
	@mkdir -p "$(MNT)"
	@.venv/bin/cairnfs mount $(if $(filter default,$(STORE)),,--create "$(STORE)") "$(MNT)"

umount: venv
	@.venv/bin/cairnfs umount "$(MNT)"

lint: lint-format lint-rules lint-types lint-imports

lint-format: venv
	@$(run) ruff format --check --quiet .

lint-rules: venv
	@$(run) ruff check --quiet .

lint-types: venv
	@$(run) mypy --no-error-summary

lint-imports: venv
	@.venv/bin/lint-imports --no-logo

check: lint
	@scripts/test -n 2 tests/architecture tests/unit

# Half of its time a test waits for a disk or a daemon, hence more of them at once than there are cores.
test: venv-tests
	@scripts/test -n 4 --dist worksteal

crash: venv-tests
	@scripts/test -n 2 --dist worksteal -m "slow or crash or fuzz" --timeout=3600 --hypothesis-profile=thorough \
		--seed=$(SEED) --hypothesis-seed=$(SEED) --counts=build/crash-counts.json $(CRASH)

sanitize: venv-tests
	@scripts/sanitize
	@scripts/sanitize --threads

soak: venv-tests
	@$(run) tests.support.load.soak --seconds $(SOAK)

bench: venv-tests
	@$(run) bench run $(BENCH)

bench-all: venv-tests
	@$(run) bench all $(BENCH)

bench-growth: venv-tests
	@$(run) bench growth --output bench/results/growth.json $(BENCH)

wheels: venv
	@packaging/wheels

sdist: venv
	@.venv/bin/python -c 'from setuptools import build_meta; build_meta.build_sdist("dist")' >/dev/null
	@ls dist/*.tar.gz

# Not made here, so that `sudo make install` builds nothing as root.
install:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" packaging/stage

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" packaging/unstage

deb: wheels
	@packaging/deb

boot-test: wheels venv-tests
	@scripts/test -m boot tests/boot

lock:
	@scripts/lock

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find daemon fsmodel lmdb_index tests bench -name __pycache__ -prune -exec rm -rf {} +
	find fsmodel -name '*.so' -delete

# run    start everything on this machine, until Ctrl-C
# demo   use the running service as a client
# test   run the tests that take seconds each; ARGS="-k name" selects some
# test-slow  run the slow tests: crashes, floods, hostile input, the API, the site
# test-matrix  test on PostgreSQL, Redis, RabbitMQ, ejabberd; ARGS="ejabberd"
# test-dates  run the tests of dates on future days
# coverage  run test and test-slow, and measure branch coverage
# fuzz   send the service 10,000 hostile stanzas and payloads
# bench  compare the service's speed with others'; ARGS="vcards edits" selects parts
# bench-search  measure search times with up to a million accounts
# bench-join  measure the update of 100,000 rosters after a registration
# bench-signal  measure how long an edit takes to reach 20,000 subscribers
# attack  try number enumeration on a running service; ARGS="--seconds 10" is shorter
# check  check format, lint, types, imports, prose, Django, missing migrations
# audit  look for known vulnerabilities in the service's packages
# docs   build the documentation site in var/site; open its index.html
# messages  collect and compile the translations in locale/
# screenshots  take the screenshots in docs/images again
# client-bundle  rebuild the JavaScript libraries of tests/clients; needs npm
# lock   rewrite requirements*.txt from requirements*.in

PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python demo/packages.py
PYTEST = $(BIN)/python -m pytest
COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 \
	--generate-hashes --no-header

# The programs for each XMPP library that client teams use.
LIBRARIES = tests/clients/libraries
AIOXMPP = var/clients/aioxmpp

COLLECT = $(BIN)/python manage.py makemessages -v0 -l it --no-obsolete \
	--add-location file -i .venv -i var -i tests -i vendor

FOR_TESTS = prosody chromium gettext profanity nodejs nginx prometheus
FOR_SLOW = $(FOR_TESTS) postgresql redis pgbouncer luadbi libstrophe qxmpp nbxmpp \
	poezio gajim
FOR_MATRIX = $(FOR_TESTS) ejabberd postgresql redis rabbitmq
NPM = var/npm/ready

# Otherwise each of hundreds of starts would recompile two thousand modules.
unexport PYTHONDONTWRITEBYTECODE

# COVERAGE=yes records the branches reached; `make coverage-report` combines them.
ifeq ($(COVERAGE),yes)
COVER = --cov --cov-append --cov-report=
endif

.PHONY: help run demo test test-slow test-matrix test-dates coverage coverage-report fuzz bench bench-search bench-join bench-signal attack check audit docs messages screenshots client-bundle lock
.SILENT:

help:
	sed -n 's/^# \([a-z-]*\)  *\(.*\)/\1|\2/p;/^$$/q' Makefile | \
		while IFS='|' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

# The service stops when make ends for any reason.
run: .venv/runtime
	sh demo/install.sh prosody
	exec setpriv --pdeathsig TERM $(BIN)/python -m demo.run

demo: .venv/runtime
	exec $(BIN)/python -m demo.show

test: .venv/development
	sh demo/install.sh $(FOR_TESTS)
	exec $(PYTEST) $(COVER) $(ARGS)

test-slow: .venv/development $(AIOXMPP)/ready $(NPM)
	sh demo/install.sh $(FOR_SLOW)
	exec $(PYTEST) $(COVER) $(if $(filter tests/%,$(ARGS)),,tests/slow) $(ARGS)

test-matrix: .venv/development
	sh demo/install.sh $(FOR_MATRIX)
	exec $(BIN)/python -m tests.matrix $(ARGS)

# The night of the clock change in Europe, a leap day, New Year.
test-dates: .venv/development
	sh demo/install.sh faketime
	for day in "2027-03-28 00:59:30" "2028-02-29 12:00:00" "2031-01-01 00:00:00"; do \
		echo "=== $$day ==="; \
		TZ=UTC faketime "$$day" \
			$(PYTEST) -q -m "dates and not (service or real_time)" $(ARGS) || exit 1; \
	done

coverage: .venv/development
	$(BIN)/coverage erase
	$(MAKE) test test-slow coverage-report COVERAGE=yes

coverage-report: .venv/development
	exec $(BIN)/coverage report

fuzz: .venv/development
	sh demo/install.sh prosody
	FUZZ_CASES=10000 exec $(PYTEST) -n 0 -s tests/slow/fuzz

bench: .venv/bench
	sh demo/install.sh prosody ejabberd postgresql nginx wrk chromium
	exec $(BIN)/python -m tests.bench $(ARGS)

bench-search: .venv/development
	sh demo/install.sh prosody postgresql
	exec $(BIN)/python -m tests.bench.search $(ARGS)

bench-join: .venv/development
	sh demo/install.sh prosody postgresql
	exec $(BIN)/python -m tests.bench.join $(ARGS)

bench-signal: .venv/development
	sh demo/install.sh prosody
	exec $(BIN)/python -m tests.bench.signal $(ARGS)

attack: .venv/development
	sh demo/install.sh prosody postgresql
	exec $(BIN)/python -m tests.attack $(ARGS)

check: .venv/development
	sh demo/install.sh luacheck
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/oxlint --deny-warnings
	luacheck -q deploy/prosody
	$(BIN)/codespell
	$(BIN)/python -m tests.prose
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

audit: .venv/development
	exec $(BIN)/python -m tests.audit

# Silence Material's notice about its successor: docs/decisions/0023-documentation-site.md.
docs: .venv/development
	NO_MKDOCS_2_WARNING=1 exec $(BIN)/python -m mkdocs build --strict

messages: .venv/development
	sh demo/install.sh gettext
	$(COLLECT)
	sed -i '/^"POT-Creation-Date:/d' locale/it/LC_MESSAGES/django.po
	$(BIN)/python manage.py compilemessages -v0 -l it -i .venv

screenshots: .venv/development
	sh demo/install.sh prosody chromium
	exec $(BIN)/python -m tests.screenshots

# One file for each library, from the versions in package-lock.json.
client-bundle:
	cd tests/clients/vendor && npm ci --ignore-scripts --silent && node bundle.mjs && \
	rm -r node_modules

lock: .venv/development
	$(COMPILE) -o requirements.txt requirements.in
	$(COMPILE) -o requirements-dev.txt requirements-dev.in
	$(COMPILE) -o requirements-bench.txt requirements-bench.in
	$(COMPILE) -o $(LIBRARIES)/requirements-build.txt $(LIBRARIES)/requirements-build.in
	$(COMPILE) -o $(LIBRARIES)/requirements.txt $(LIBRARIES)/requirements.in

.venv/runtime: requirements.txt | $(BIN)/pip
	$(INSTALL) requirements.txt
	touch $@

# The development packages include the runtime's.
.venv/development: requirements.txt requirements-dev.txt | $(BIN)/pip
	$(INSTALL) requirements-dev.txt --no-compile
	[ ! -d .git ] || git config core.hooksPath .githooks
	touch .venv/runtime $@

# What the slow tests need from npm.
$(NPM): tests/clients/npm.lock | .venv/development
	sh demo/install.sh npm
	$(BIN)/python -m tests.clients.npm
	touch $@

# Separate, because it is large and only the charts need it.
.venv/bench: requirements-bench.txt .venv/development
	$(INSTALL) requirements-bench.txt --no-compile
	touch $@

# An environment of its own: aioxmpp requires lxml 4, which cannot be installed on
# Python 3.13. It is published as source only, so the tools that build it come first.
$(AIOXMPP)/ready: $(LIBRARIES)/requirements.txt $(LIBRARIES)/requirements-build.txt | .venv/development
	mkdir -p $(AIOXMPP)
	if $(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then \
		$(BIN)/python -m venv --clear $(AIOXMPP) && \
		$(AIOXMPP)/bin/python demo/packages.py $(LIBRARIES)/requirements-build.txt && \
		$(AIOXMPP)/bin/python demo/packages.py $(LIBRARIES)/requirements.txt --no-build-isolation; \
	fi
	touch $@

# venv installs pip last: without it, the environment is incomplete.
$(BIN)/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed as $(PYTHON)." >&2; exit 1; }
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "python3-venv is missing: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv

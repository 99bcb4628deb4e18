# custodian: building, installing, testing.
#
#   make, make install          needs a compiler, libssl-dev and the server headers
#   make installcheck           pg_regress and isolation tests against a running server
#   make test                   everything, in private servers; installs what is missing
#                               [SUITE=regress|isolation|pgtap|tap] [TESTS="a b"] [RESULTS=dir]
#   make demo, make bench       [BENCH=name]
#   make lint, make format
#   make sanitize               make test with an ASan/UBSan build, best with
#                               PG_CONFIG of a server configured with --enable-cassert
#   make coverage               make test with gcov; the report goes to ./coverage
#
# PG_CONFIG=path chooses the server; with_llvm=yes also builds bitcode for JIT;
# WERROR=yes turns warnings into errors (off here, so that a compiler we have
# not met can still build it; make test has it on, WERROR=no switches it off).

EXTENSION = custodian
MODULE_big = custodian
PG_CONFIG ?= pg_config

# The directory of this file: "." in the checkout, a path when built out of tree.
here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
extversion := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" '$(here)/custodian.control')

# Goals that must work on a machine that has no PostgreSQL yet.
scripted = test demo bench lint format sanitize coverage check-names

all:

.PHONY: all $(scripted)

test: check-names
	@'$(here)/test/run.sh'

sanitize coverage: check-names
	@FLAVOR=$@ '$(here)/test/run.sh'

demo bench lint format:
	@'$(here)/test/$@.sh'

# pg_regress looks for a test's input in ./sql before test/sql, and regression
# and isolation tests share one expected directory: no name may be used twice.
regress := $(basename $(notdir $(wildcard $(here)/test/sql/*.sql)))
isolation := $(basename $(notdir $(wildcard $(here)/test/specs/*.spec)))
scripts := $(basename $(notdir $(wildcard $(here)/sql/*.sql)))
check-names:
	@clash='$(strip $(filter $(scripts) $(isolation),$(regress)))'; \
	test -z "$$clash" || { echo "test/sql: name taken by sql/ or test/specs/: $$clash" >&2; exit 1; }

ifneq ($(or $(filter-out $(scripted),$(MAKECMDGOALS)),$(if $(MAKECMDGOALS),,all)),)

objects := $(patsubst $(here)/%.c,%.o,$(sort $(wildcard $(here)/src/*.c $(here)/src/*/*.c)))
OBJS = $(objects)
DATA = $(patsubst $(here)/%,%,$(wildcard $(here)/sql/custodian--*--*.sql))
# Absolute, or make would find an old one in the source tree through VPATH.
DATA_built = $(CURDIR)/sql/custodian--$(extversion).sql

PG_CPPFLAGS = -I$(here)/src
# The switched-off ones are what PostgreSQL's own headers and macros trip over.
PG_CFLAGS = -Wall -Wextra -Wshadow -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-cast-function-type \
	$(if $(filter yes,$(WERROR)),-Werror)
SHLIB_LINK = -lcrypto

# Makefile.global says yes when the server has JIT, but packagers and users
# often lack the one clang it names; "override" outlives its assignment.
ifneq ($(origin with_llvm),command line)
override with_llvm := no
endif

# A schedule gives the order; without one it is alphabetical.
REGRESS = $(or $(shell sed -n 's/^test://p' '$(here)/test/schedule' 2>/dev/null),$(regress))
REGRESS_OPTS = --inputdir=$(here)/test --outputdir=. \
	--load-extension=pgcrypto --load-extension=custodian
ISOLATION = $(isolation)
ISOLATION_OPTS = $(REGRESS_OPTS)
REGRESS_PREP = check-names expected

EXTRA_CLEAN = $(objects:.o=.d) $(objects:.o=.bc) $(if $(filter .,$(here)),coverage,expected)

PGXS := $(shell '$(PG_CONFIG)' --pgxs 2>/dev/null)
ifeq ($(PGXS),)
$(error "$(PG_CONFIG)" does not run: install postgresql-server-dev-NN, or set PG_CONFIG)
endif
ifneq ($(here),.)
ifneq ($(wildcard $(addprefix $(here)/,$(objects))),)
$(error $(here) holds objects of a build in the source tree: run "make clean" there first)
endif
# A server that was not itself built out of tree does not set it.
VPATH = $(here)
endif

include $(PGXS)

# Our own rule, as Makefile.global tracks headers only if the server was built
# so, and keeps one dependency file a base name although rooms may share names.
$(OBJS): %.o: %.c
	@mkdir -p $(@D)
	$(COMPILE.c) -o $@ $< -MMD -MP -MF $(@:.o=.d)

-include $(objects:.o=.d)

# Bitcode goes beside the objects, whose rule makes the directories.
$(objects:.o=.bc): %.bc: | %.o

sql_parts := $(sort $(wildcard $(here)/sql/parts/*.sql))
$(DATA_built): $(sql_parts) $(here)/custodian.control
	@mkdir -p $(@D)
	awk 'BEGIN { print "\\echo Use \"CREATE EXTENSION custodian\" to load this file. \\quit" } \
		FNR == 1 { n = split(FILENAME, p, "/"); print "\n-- sql/parts/" p[n] "\n" } \
		{ print }' $(sql_parts) > $@.tmp && mv $@.tmp $@

# pg_regress looks for expected/ in the current directory.
ifneq ($(here),.)
expected:
	ln -sfn '$(abspath $(here))/expected' $@
.PHONY: expected
endif

endif

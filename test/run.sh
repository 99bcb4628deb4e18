#!/usr/bin/env bash
# make test: builds custodian and runs its four suites, each in a private
# server. The last line reads "N passed, N failed"; exit status 1 if any failed.
#
#   SUITE=regress|isolation|pgtap|tap    only this one
#   TESTS="a b"                          only the tests of these names
#   RESULTS=dir                          copy the results of regress and isolation there
#   FLAVOR=sanitize|coverage             see make sanitize, make coverage
#
# A suite's server takes further settings from test/lib/SUITE.conf.

# shellcheck source=test/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

SUITE=${SUITE:-regress isolation pgtap tap}
TESTS=${TESTS:-}
RESULTS=${RESULTS:+$(mkdir -p "$RESULTS" && cd "$RESULTS" && pwd)}
COVERAGE=$PWD/coverage
passed=0
failed=0

tally() { # SUITE PASSED FAILED
	echo "suite $1: $2 passed, $3 failed"
	passed=$((passed + $2))
	failed=$((failed + $3))
}

fail_suite() { # SUITE WHY
	echo "suite $1 $2"
	tally "$1" 0 1
}

finish() {
	echo "$passed passed, $failed failed"
	exit $((failed > 0))
}

# ------------------------------------------------------------ picking tests

# Where a suite's tests are, and how their names end.
suite_files() {
	case $1 in
	regress) echo sql .sql ;;
	isolation) echo specs .spec ;;
	pgtap) echo pgtap .sql ;;
	tap) echo t .pl ;;
	*) die "SUITE: no suite \"$1\"; there are regress, isolation, pgtap and tap" ;;
	esac
}

# The names of a suite's tests, of those that TESTS picks; from the copy of the
# checkout as soon as there is one.
pick() {
	local dir ext file name
	read -r dir ext <<<"$(suite_files "$1")"
	for file in "${SRC:-$TOP}/test/$dir"/*"$ext"; do
		name=${file##*/}
		name=${name%"$ext"}
		[ -e "$file" ] || continue
		if [ -z "$TESTS" ] || [[ " $TESTS " == *" $name "* ]]; then echo "$name"; fi
	done
}

# Mistyped names are refused before the minutes of a build.
check_picks() {
	local name suite known=' '
	for suite in $SUITE; do
		suite_files "$suite" >/dev/null
		known+=$(pick "$suite" | tr '\n' ' ')' '
	done
	for name in $TESTS; do
		[[ "$known" == *" $name "* ]] || die "TESTS: no test \"$name\" in: $SUITE"
	done
}

# ------------------------------------------------------------------- suites

run_suite() { # SUITE NAME...
	case $1 in
	regress) run_compared regress regress/pg_regress "${@:2}" ;;
	isolation) run_compared isolation isolation/pg_isolation_regress "${@:2}" ;;
	pgtap) run_pgtap "${@:2}" ;;
	tap) run_tap "${@:2}" ;;
	esac
}

# pg_regress and pg_isolation_regress tell their counts alike.
run_compared() {
	local suite=$1 program=$2 name out=$WORK/$1/out log=$WORK/$1.out counts
	shift 2
	cluster_start "$suite" fast
	as_user mkdir -p "$out" "$SRC/expected"
	# PostgreSQL 14 to 18 all look for expected/ in the output directory.
	as_user ln -s "$SRC/expected" "$out/expected"
	# Where there is nothing to compare with, pg_regress would give up.
	for name; do
		compgen -G "$SRC/expected/$name*.out" >/dev/null || as_user touch "$SRC/expected/$name.out"
	done
	if [ "$suite" = regress ] && [ -z "$TESTS" ] && [ -e "$SRC/test/schedule" ]; then
		for name; do
			grep -Eq "^test:(.* )?$name( |\$)" "$SRC/test/schedule" ||
				fail_suite "$suite" "has a test that test/schedule forgets: $name"
		done
		set -- --schedule="$SRC/test/schedule"
	fi
	(
		cd "$out"
		as_user "$PGXS_TEST/$program" --bindir="$BINDIR" --inputdir="$SRC/test" --outputdir=. \
			--host="$PGHOST" --port="$PGPORT" --user="$PGUSER" --dbname="custodian_$suite" \
			--load-extension=pgcrypto --load-extension=custodian "$@" 2>&1
	) | tee "$log" || :
	counts=$(awk 'match($0, /All [0-9]+ tests passed/) {
			split(substr($0, RSTART), word, " "); print word[2], 0 }
		match($0, /[0-9]+ of [0-9]+ tests failed/) {
			split(substr($0, RSTART), word, " "); print word[3] - word[1], word[1] }' "$log")
	[ ! -s "$out/regression.diffs" ] || cat "$out/regression.diffs"
	if [ -n "$counts" ]; then
		tally "$suite" "${counts% *}" "${counts#* }"
	else
		fail_suite "$suite" "did not run to its end"
	fi
	if [ -n "$RESULTS" ]; then cp "$out"/results/*.out "$RESULTS"/ || :; fi
	stop_and_inspect "$suite"
}

run_pgtap() {
	cluster_start pgtap fast
	if as_user "$BINDIR/createdb" template && psql -d template \
		-c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION custodian CASCADE' 2>&1; then
		run_tap_files pgtap "${@/%/.sql}"
	else
		fail_suite pgtap "did not start"
	fi
	stop_and_inspect pgtap
}

# The environment is that of prove_installcheck in PostgreSQL's
# Makefile.global; TESTDATADIR and TESTLOGDIR are what 16 and later go by.
run_tap() {
	local file
	as_user mkdir -p "$WORK/tap/tmp_check"
	export PERL5LIB=$PGXS_TEST/perl PG_REGRESS=$PGXS_TEST/regress/pg_regress PGPORT=65432
	export TESTDIR=$WORK/tap TESTDATADIR=$WORK/tap/tmp_check TESTLOGDIR=$WORK/tap/tmp_check/log
	[ ! -e "$SRC/test/lib/tap.conf" ] || export TEMP_CONFIG=$SRC/test/lib/tap.conf
	run_tap_files t "${@/%/.pl}"
	sed 1d "$WORK/summary" 2>/dev/null | while read -r file; do
		echo "--- the end of the log of $file"
		tail -n 40 "$TESTLOGDIR/regress_log_$(basename "$file" .pl)" 2>/dev/null || :
	done || :
	unset PERL5LIB PGPORT TEMP_CONFIG
	report_faults tap '' "$TESTLOGDIR"/*.log # they may crash servers on purpose
}

run_tap_files() { # DIRECTORY FILE...
	local dir=$1 suite=$1 counts server_env=()
	if [ "$dir" = t ]; then # these tests start servers themselves
		suite=tap
		server_env=("${SERVER_ENV[@]}")
	fi
	shift
	rm -f "$WORK/summary"
	(
		cd "$SRC/test"
		as_user "${server_env[@]}" perl lib/tap.pl "$WORK/summary" "${@/#/$dir/}" 2>&1
	) || :
	if read -r counts 2>/dev/null <"$WORK/summary"; then
		tally "$suite" "${counts% *}" "${counts#* }"
	else
		fail_suite "$suite" "did not run to its end"
	fi
}

# A fault that no test noticed is a failure all the same.
stop_and_inspect() {
	cluster_stop "$1" || :
	report_faults "$1" 'PANIC: |terminated by signal|' "$WORK/$1/log"
}

report_faults() { # SUITE PATTERNS LOG...
	local lines
	lines=$(grep -shE -A 20 "$2TRAP: |ERROR: AddressSanitizer|runtime error: " "${@:3}" | head -n 200) || :
	[ -z "$lines" ] || fail_suite "$1" "left faults in the server's log:"$'\n'"$lines"
}

# ----------------------------------------------------------------- coverage

report_coverage() {
	mkdir -p "$COVERAGE"
	rm -rf "${COVERAGE:?}"/*
	cd "$COVERAGE"
	# -r -s: only our own files, not the server's headers.
	find "$WORK/build" -name '*.gcda' -exec gcov -r -p -s "$SRC" {} + 2>/dev/null |
		awk -F "['%: ]+" '/^File/ { file = $2 } /^Lines/ && file { printf "%7s%%  %s\n", $3, file }
			/^$/ { file = "" }' | sort -n | tee summary
	if command -v lcov >/dev/null && command -v genhtml >/dev/null; then
		if lcov -q -c -d "$WORK/build" -b "$SRC" --no-external -o lcov.info; then
			genhtml -q -o html lcov.info || :
		fi
	fi
	cd "$WORK"
	echo "annotated sources: $COVERAGE"
}

# --------------------------------------------------------------------- main

check_picks
setup test
build || {
	fail_suite build "failed"
	finish
}

for suite in $SUITE; do
	echo "=== $suite"
	mapfile -t names < <(pick "$suite")
	if [ ${#names[@]} -gt 0 ]; then
		run_suite "$suite" "${names[@]}"
	elif [ -z "$TESTS" ]; then
		fail_suite "$suite" "has no tests"
	fi
done

[ "$FLAVOR" != coverage ] || report_coverage
finish

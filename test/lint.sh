#!/usr/bin/env bash
# make lint: the house rules, then what static analysers find. An analyser that
# is not installed is passed over with a message.
set -eu -o pipefail
cd "$(dirname "$0")/.."
status=0

have() {
	command -v "$1" >/dev/null || {
		echo "lint: skipped, not installed: $1"
		return 1
	}
}

echo "lint: rooms"
test/lint-rooms.sh || status=1

echo "lint: versions"
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" custodian.control)
[ "$(grep -c "\"version\": \"$version\"" META.json)" = 2 ] || {
	echo "META.json: its versions are not the $version of custodian.control"
	status=1
}

mapfile -t sources < <(find src -name '*.c' | sort)
if [ ${#sources[@]} -gt 0 ] && have cppcheck; then
	echo "lint: cppcheck"
	cppcheck -q -j 2 --std=c11 --language=c --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 --suppress=unknownMacro --suppress=nullPointerArithmetic \
		--include=test/lib/cppcheck.h -I src "${sources[@]}" || status=1
fi

pg_config=${PG_CONFIG:-pg_config}
if [ ${#sources[@]} -gt 0 ] && have clang-tidy && have "$pg_config"; then
	echo "lint: clang-tidy"
	# -isystem: the server's own headers are not ours to lint.
	printf '%s\0' "${sources[@]}" | xargs -0 -P 2 -I '{}' clang-tidy --quiet '{}' -- -std=gnu11 \
		-D_GNU_SOURCE -Isrc -isystem "$("$pg_config" --includedir-server)" 2>/dev/null || status=1
fi

if have shellcheck; then
	echo "lint: shellcheck"
	shellcheck -x .ci/run test/*.sh test/lib/*.sh || status=1
fi

exit "$status"

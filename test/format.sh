#!/usr/bin/env bash
# make format: src/ as pgindent would have it, as nearly as the tools of a
# distribution can. Lines are not broken or joined for their length.
set -eu -o pipefail
cd "$(dirname "$0")/.."
new=$(mktemp)
trap 'rm -f "$new"' EXIT

command -v clang-format >/dev/null || {
	echo "format: clang-format is not installed" >&2
	exit 1
}
find src -name '*.[ch]' | sort | while read -r file; do
	clang-format --style=file "$file" | perl test/lib/pgindent.pl >"$new"
	cmp -s "$file" "$new" || { echo "$file" && cat "$new" >"$file"; }
done

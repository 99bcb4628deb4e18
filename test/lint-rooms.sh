#!/usr/bin/env bash
# Checks what the house rules say and no compiler does:
# - includes go one way between the rooms of src/;
# - the SQL script has no PL/pgSQL, and pins the search_path of every SECURITY
#   DEFINER function.
# Prints each offending line; exit status 1 if there is one.
set -eu -o pipefail
cd "$(dirname "$0")/.."

# What each room may include besides itself; src/custodian.c may include all.
allowed='
lifecycle    disposition retention classify anonymize erase audit core
disposition  retention classify anonymize erase audit core
retention    audit core
classify     audit core
anonymize    classify audit core
erase        audit core
audit        core
core
'

includes() {
	local files
	mapfile -t files < <(find src -name '*.[ch]' | sort)
	awk -v allowed="$allowed" '
		BEGIN {
			n = split(allowed, line, "\n")
			for (i = 1; i <= n; i++) {
				if (!(m = split(line[i], word, " "))) continue
				is_room[word[1]]
				for (j = 1; j <= m; j++) may[word[1], word[j]]
			}
		}
		FNR == 1 {
			n = split(FILENAME, path, "/")
			room = n > 2 ? path[2] : ""
			if (room != "" && !(room in is_room))
				print FILENAME ": room \"" room "\" has no place in test/lint-rooms.sh"
		}
		room != "" && /^[ \t]*#[ \t]*include[ \t]*"/ {
			split($0, quoted, "\"")
			target = quoted[2]
			sub(/^(\.\.\/)+/, "", target)
			if (!index(target, "/")) # beside the file, of the server, or of src itself
				bad = system("test -e src/" target) == 0
			else {
				sub(/\/.*/, "", target)
				bad = target in is_room && !((room, target) in may)
			}
			if (bad) print FILENAME ":" FNR ": " $0
		}' /dev/null "${files[@]}"
}

# A statement lasts until the next one begins at the start of a line, so that
# semicolons in bodies do not matter. Comments are cut.
sql() {
	local files
	mapfile -t files < <(find sql -name '*.sql' ! -name "custodian--$version.sql" | sort)
	awk '
		function close_statement() {
			if (definer && !pinned)
				print definer ": SECURITY DEFINER without SET search_path"
			definer = ""; pinned = 0
		}
		FNR == 1 { close_statement() }
		{ text = tolower($0); sub(/--.*/, "", text) }
		text ~ /^(create|alter|comment|revoke|grant|drop|select|insert|do)([ \t]|$)/ { close_statement() }
		text ~ /security[ \t]+definer/ { definer = FILENAME ":" FNR }
		text ~ /set[ \t]+search_path/ { pinned = 1 }
		text ~ /language[ \t]+.?plpgsql/ || text ~ /^do([ \t]|$)/ { print FILENAME ":" FNR ": PL/pgSQL: " $0 }
		END { close_statement() }' /dev/null "${files[@]}"
}

version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" custodian.control)
offences=$(includes; sql)
if [ -n "$offences" ]; then
	echo "$offences"
	exit 1
fi

# shellcheck shell=bash
# Sourced by test/run.sh, demo.sh and bench.sh: a private build, a private
# installation and private servers, all below one temporary directory that is
# removed on exit. Nothing is written to the checkout or to /usr.
#
#   setup demo|test|bench     packages, work directory, private copy of the server
#   build                     custodian, into that copy
#   cluster_start NAME fast|durable     start a server, point PGHOST at it
#   cluster_stop NAME
#   as_user CMD...            run as the user that may run PostgreSQL
#
# After setup: WORK, SRC (copy of the checkout), BINDIR, PGXS_TEST.
# Settings: PG_CONFIG or PG_MAJOR (which server), FLAVOR=sanitize|coverage,
# WERROR=no, CC, KEEP=yes (keep the work directory to look at it).

set -eEu -o pipefail
trap 'echo "${BASH_SOURCE[0]}:$LINENO: failed: $BASH_COMMAND" >&2' ERR
umask 022

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PG_CONFIG=${PG_CONFIG:-}
PG_MAJOR=${PG_MAJOR:-}
FLAVOR=${FLAVOR:-plain}
RUN_USER=
SERVER_ENV=()

die() {
	echo "$*" >&2
	exit 1
}

# The caller's settings must neither reach the machine's own servers nor the
# expected output; a make that called us must not steer the make we call.
clean_environment() {
	local name
	for name in $(compgen -e PG || :); do
		case $name in PG_CONFIG | PG_MAJOR) ;; *) unset "$name" ;; esac
	done
	export -n PG_CONFIG PG_MAJOR
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES LANGUAGE CDPATH
	# C.UTF-8: code point order, untranslated messages, and yet UTF8 databases.
	export LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=UTC PGTZ=Asia/Shanghai PGDATESTYLE='ISO, YMD' PGOPTIONS=
}

# ---------------------------------------------------------------- packages

# The server version to use: one that can be built against, else one that is
# installed, else the distribution's default.
choose_major() {
	local part
	for part in lib/pgxs bin/postgres; do
		PG_MAJOR=$(find /usr/lib/postgresql -maxdepth 3 -path "*/$part" 2>/dev/null |
			cut -d/ -f5 | sort -n | tail -n 1) || :
		[ -z "$PG_MAJOR" ] || return 0
	done
	if [ "$(id -u)" = 0 ]; then apt_get update; fi
	PG_MAJOR=$(apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1) || :
	PG_MAJOR=${PG_MAJOR:-15}
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 "$@" >"$WORK/apt.log" 2>&1 || {
		cat "$WORK/apt.log" >&2
		die "apt-get $1 failed"
	}
}

# Installing a server package creates and starts a cluster unless
# createcluster.conf says no. That file comes with postgresql-common; it says
# no just for the time of the installation.
install_packages() {
	apt_get update
	case " $* " in *" postgresql-$PG_MAJOR "*)
		apt_get install --no-install-recommends postgresql-common
		cp -p "$createcluster" "$WORK/createcluster.conf"
		pg_conftool "$createcluster" set create_main_cluster false
		;;
	esac
	apt_get install --no-install-recommends "$@"
	restore_createcluster
}

createcluster=/etc/postgresql-common/createcluster.conf
restore_createcluster() {
	[ ! -e "$WORK/createcluster.conf" ] || cp -p "$WORK/createcluster.conf" "$createcluster"
	rm -f "$WORK/createcluster.conf"
}

ensure_packages() {
	local package packages=(gcc make libc6-dev libssl-dev) missing=()
	command -v dpkg-query >/dev/null || return 0 # not Debian: what is missing will show
	[ "$1" != test ] || packages+=(perl libipc-run-perl)
	if [ -z "$PG_CONFIG" ]; then
		[ -n "$PG_MAJOR" ] || choose_major
		packages+=("postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR")
		[ "$1" != test ] || packages+=("postgresql-$PG_MAJOR-pgtap" "postgresql-$PG_MAJOR-cron")
	fi
	for package in "${packages[@]}"; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
			missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] ||
		die "packages are missing; install them with
  sudo apt-get install -y --no-install-recommends ${missing[*]}"
	echo "installing: ${missing[*]}"
	install_packages "${missing[@]}"
}

# ---------------------------------------------------------- work directory

make_work() {
	local parent=${TMPDIR:-/tmp}
	# A socket's path may have 107 bytes, so a deep TMPDIR will not do.
	[ ${#parent} -le 50 ] || parent=/tmp
	WORK=$(cd "$(mktemp -d "$parent/custodian.XXXXXX")" && pwd -P)
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
}

# Also stops what an interrupted TAP test left: its servers live in WORK too.
cleanup() {
	local status=$? pid
	trap '' HUP INT PIPE TERM
	restore_createcluster || :
	find "$WORK" -name postmaster.pid 2>/dev/null | while read -r pid; do
		as_user "$BINDIR/pg_ctl" -s -D "${pid%/*}" -m immediate stop </dev/null >/dev/null 2>&1 || :
	done
	cd /
	if [ "${KEEP:-}" = yes ]; then
		echo "kept: $WORK" >&2
	else
		rm -rf "$WORK"
	fi
	exit "$status"
}

# PostgreSQL refuses to run as root.
choose_user() {
	[ "$(id -u)" = 0 ] || return 0
	RUN_USER=postgres
	id "$RUN_USER" >/dev/null 2>&1 || RUN_USER=nobody
	chmod 711 "$WORK"
	if ! as_user test -x "$WORK"; then # a TMPDIR that only root may enter
		rmdir "$WORK"
		TMPDIR=/tmp make_work
		chmod 711 "$WORK"
	fi
	export USER=$RUN_USER LOGNAME=$RUN_USER
}

as_user() {
	if [ -n "$RUN_USER" ]; then
		setpriv --reuid="$RUN_USER" --regid="$(id -g "$RUN_USER")" --init-groups -- "$@"
	else
		"$@"
	fi
}

# A copy, because the user above may not be able to read the checkout, and
# because objects lying in a source tree get in the way of a build outside it.
copy_checkout() {
	SRC=$WORK/src
	mkdir "$SRC" "$WORK/build" "$WORK/home" "$WORK/tmp"
	{
		# Status 1: a file was edited meanwhile.
		tar -C "$TOP" -cf - --exclude=./.git --exclude=./coverage --exclude=./results \
			--exclude="./sql/custodian--$(extension_version).sql" \
			--exclude='*.o' --exclude='*.d' --exclude='*.bc' --exclude='*.so' . || [ $? = 1 ]
	} | tar -C "$SRC" -xf - --no-same-owner
	export HOME=$WORK/home TMPDIR=$WORK/tmp
}

extension_version() {
	sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$TOP/custodian.control"
}

# ---------------------------------------------------- private installation

# PostgreSQL's programs find their files relative to where they are (see
# make_relative_path() in its src/port/path.c). So a copy of the programs with
# links to everything else is a second installation that only we write to. The
# programs must be copies: of a link they would take the place it points to.
relocate() {
	local pg_config=$1 dir root=$WORK/root sharedir pkglibdir
	BINDIR=$root$("$pg_config" --bindir)
	sharedir=$("$pg_config" --sharedir)
	pkglibdir=$("$pg_config" --pkglibdir)
	mkdir -p "$BINDIR"
	cp -L "$("$pg_config" --bindir)"/* "$BINDIR"/
	mirror "$sharedir/extension"
	mirror "$sharedir"
	mirror "$pkglibdir"
	# Headers, from the outermost directory in: an inner one is then there.
	for dir in --includedir --pkgincludedir --includedir-server; do
		dir=$("$pg_config" "$dir")
		[ -e "$root$dir" ] || { mkdir -p "$root${dir%/*}" && ln -s "$dir" "$root$dir"; }
	done
	# Debian has no pgTAP for a server built by hand, but its SQL will do.
	dir=/usr/share/postgresql/$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')/extension
	if [ -e "$dir/pgtap.control" ] && [ ! -e "$root$sharedir/extension/pgtap.control" ]; then
		ln -s "$dir"/pgtap* "$root$sharedir/extension/"
	fi
	PG_CONFIG=$BINDIR/pg_config
	[ "$("$PG_CONFIG" --sharedir):$("$PG_CONFIG" --pkglibdir)" = "$root$sharedir:$root$pkglibdir" ] ||
		die "$pg_config: this installation cannot be relocated"
	PGXS_TEST=$root$pkglibdir/pgxs/src/test
	[ -d "$PGXS_TEST" ] || die "$pkglibdir/pgxs/src/test is missing: no server development files"
}

# A real directory of links to what is in directory $1 (but not to a custodian
# installed there).
mirror() {
	local file
	mkdir -p "$WORK/root$1"
	for file in "$1"/*; do
		case ${file##*/} in custodian*) continue ;; esac
		[ -e "$WORK/root$file" ] || ln -s "$file" "$WORK/root$file"
	done
}

# Built out of tree, so that this way of building is tested as well.
build() {
	local copt='' werror=${WERROR:-yes} jobs
	jobs=$(nproc 2>/dev/null || echo 2)
	# Instrumentation brings false warnings.
	case $FLAVOR in
	sanitize)
		copt='-O1 -fsanitize=address,undefined -fno-omit-frame-pointer' werror=no
		sanitizer_environment
		;;
	coverage) copt='-O1 --coverage' werror=no ;;
	esac
	as_user make -s -j"$jobs" -C "$WORK/build" -f "$SRC/Makefile" all \
		PG_CONFIG="$PG_CONFIG" WERROR="$werror" COPT="$copt" ${CC:+CC="$CC"} &&
		as_user make -s -C "$WORK/build" -f "$SRC/Makefile" install \
			PG_CONFIG="$PG_CONFIG" COPT="$copt" ${CC:+CC="$CC"}
}

# The server is not built with ASan, so its runtime has to be loaded first. On
# starting, the runtime looks for swift_demangle and formats an error message
# when there is none, which deadlocks if it was malloc() in libgpg-error's
# bindtextdomain() that started it, as in Debian's server: so there is one.
sanitizer_environment() {
	echo 'char *swift_demangle(void) { return 0; }' |
		as_user "${CC:-gcc}" -shared -fPIC -x c - -o "$WORK/build/swift_demangle.so"
	SERVER_ENV=(env
		LD_PRELOAD="$("${CC:-gcc}" -print-file-name=libasan.so):$WORK/build/swift_demangle.so"
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1)
}

setup() {
	local pg_config
	clean_environment
	case $PG_CONFIG in */*) PG_CONFIG=$(realpath "$PG_CONFIG") ;; esac
	make_work
	ensure_packages "$1"
	choose_user
	cd "$WORK"
	copy_checkout
	pg_config=${PG_CONFIG:-/usr/lib/postgresql/$PG_MAJOR/bin/pg_config}
	[ -n "$PG_CONFIG" ] || [ -x "$pg_config" ] || pg_config=pg_config
	command -v "$pg_config" >/dev/null || die "$pg_config does not run; set PG_CONFIG"
	relocate "$pg_config"
	if [ -n "$RUN_USER" ]; then
		chown -Rh "$RUN_USER:" "$WORK"
		as_user test -r "$("$pg_config" --sharedir)/postgres.bki" ||
			die "user $RUN_USER cannot read the server's files"
	fi
	export PATH=$BINDIR:$PATH
}

# ----------------------------------------------------------------- servers

# Every server has the same port and superuser, and a socket directory of its
# own. Settings from test/lib/NAME.conf come last.
cluster_start() {
	local name=$1 mode=$2 dir=$WORK/$1
	as_user mkdir "$dir"
	as_user "$BINDIR/initdb" -D "$dir/data" -U postgres -A trust -N \
		--locale=C.UTF-8 --encoding=UTF8 >"$dir/initdb.log" 2>&1 ||
		{ cat "$dir/initdb.log" >&2 && die "initdb failed"; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$dir'"
		echo "timezone = 'Asia/Shanghai'"
		echo "log_line_prefix = '%m [%p] %q%d '"
		echo "jit = off" # plans and timings must not depend on how the server was built
		[ "$mode" = durable ] || echo "fsync = off"
		[ ! -e "$SRC/test/lib/$name.conf" ] || cat "$SRC/test/lib/$name.conf"
	} >>"$dir/data/postgresql.conf"
	as_user "${SERVER_ENV[@]}" "$BINDIR/pg_ctl" -s -D "$dir/data" -l "$dir/log" -w -t 120 start ||
		{ cat "$dir/log" >&2 && die "the server did not start"; }
	export PGHOST=$dir PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

cluster_stop() {
	as_user "$BINDIR/pg_ctl" -s -D "$WORK/$1/data" -m fast -w -t 120 stop
}

psql() {
	as_user "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

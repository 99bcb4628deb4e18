# The commands that the README names, as somebody types them who has just
# cloned the repository and is not root.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'runs inside itself' if $ENV{CUSTODIAN_COMMANDS};
plan skip_all => 'the sanitizer is loaded into every program' if $ENV{LD_PRELOAD};
plan skip_all => 'root would install packages' if $> == 0;

# A checkout of its own; with git, if there is one, to see what it is left like.
my $base = PostgreSQL::Test::Utils::tempdir;
my $copy = "$base/checkout";
system_or_bail('cp', '-R', '..', $copy);
my $git = can_run('git');
my @git = (
	'git', '-C', $copy, '-c', 'user.name=test', '-c', 'user.email=test@localhost',
	'-c', 'core.excludesFile=', '-c', 'safe.directory=*');
if ($git)
{
	system_or_bail(@git, 'init', '-q') unless -e "$copy/.git";
	system_or_bail(@git, 'add', '-A');
	system_or_bail(@git, 'commit', '-q', '--allow-empty', '-m', 'as it was');
}

my ($pg_config) = grep { -x } map { "$_/pg_config" } split /:/, $ENV{PATH};

sub can_run
{
	my ($program) = @_;
	return scalar grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

# Exit status, standard output and standard error of a command in the checkout.
# Nothing of the test's own environment reaches it.
sub run_in_copy
{
	my (%how) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (
		(map { $_ => $ENV{$_} } grep { defined $ENV{$_} } qw(PATH HOME LANG LC_ALL USER LOGNAME)),
		CUSTODIAN_COMMANDS => 1,
		%{ $how{env} // {} });
	my $done = eval {
		IPC::Run::run([ 'sh', '-c', 'cd "$0" && exec "$@"', $copy, @{ $how{command} } ],
			'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($how{timeout} // 60));
		1;
	};
	my $status = $done ? $? >> 8 : "no end: $@";
	note("@{ $how{command} }: $status\n$out$err");
	return ($status, $out, $err);
}

sub git_clean
{
	my ($name) = @_;
	SKIP:
	{
		skip 'git is not installed', 1 unless $git;
		is(scalar(qx(@{[ map { "'$_' " } @git ]} status --porcelain)), '',
			"$name leaves git status clean");
	}
}

# --------------------------------------------------------------- make demo
my $tmp = PostgreSQL::Test::Utils::tempdir_short;
my ($load) = -r '/proc/loadavg' ? slurp_file('/proc/loadavg') =~ /^([0-9.]+)/ : 0;
my $begin = time;
my ($status, $out, $err) = run_in_copy(
	command => [ 'make', 'demo', "PG_CONFIG=$pg_config" ],
	env => { TMPDIR => $tmp },
	timeout => 300);
my $took = time - $begin;
is($status, 0, 'make demo works') or diag($err);
SKIP:
{
	skip 'the machine is busy with other things', 1 if $load > 1;
	cmp_ok($took, '<', 120, 'make demo takes less than two minutes');
}
# what the guard refuses is part of the play
unlike("$out$err", qr/\b(?:FATAL|PANIC|WARNING):/, 'make demo: nothing goes wrong in what it shows');
unlike("$out$err", qr/\bERROR:  (?!cannot |table "audit" is insert-only)/, 'make demo: but for what the guard refuses');
like($out, qr/^.*verify\(\).*\|\s*0 \|\s*0 \| yes\s*$/m, 'make demo ends with the verified audit');
unlike($out, qr/\|\s*no\s*$/m, 'make demo: the reckoning holds in every line');
git_clean('make demo');
opendir(my $dir, $tmp) or die $!;
is(join(' ', grep { !/^\.\.?$/ } readdir $dir), '', 'make demo leaves no file behind');
closedir $dir;

# ------------------------------------------- a package is missing, not root
# A dpkg-query that does not know some packages.
mkdir "$base/bin" or die $!;
append_to_file("$base/bin/dpkg-query", <<'SH');
#!/bin/sh
for package; do :; done
case " $MISSING " in
*" $package "*) echo "dpkg-query: no packages found matching $package" >&2; exit 1 ;;
*) echo installed ;;
esac
SH
chmod 0755, "$base/bin/dpkg-query" or die $!;

# What is asked for, in the order of setup.sh; the server's version is found.
my %missing = (
	demo => [ 'libssl-dev', 'gcc libssl-dev' ],
	bench => ['make'],
	test => [ 'libipc-run-perl', 'libc6-dev perl' ]);
for my $command (sort keys %missing)
{
	for my $packages (@{ $missing{$command} })
	{
		my $name = "$command without $packages";
		my $script = $command eq 'test' ? 'run' : $command;
		my %how = (env => {
			PATH => "$base/bin:$ENV{PATH}", MISSING => $packages, TMPDIR => $tmp });
		($status, $out, $err) = run_in_copy(command => ["test/$script.sh"], %how);
		is($status, 1, "$name: exits with 1");
		is($out, '', "$name: does nothing");
		like($err, qr/packages are missing/, "$name: says so");
		like($err, qr/^\s*sudo apt-get install -y --no-install-recommends \Q$packages\E$/m,
			"$name: prints the line to type");
		($status, $out, $err) = run_in_copy(command => [ 'make', $command ], %how);
		isnt($status, 0, "$name: make fails");
		like($err, qr/--no-install-recommends \Q$packages\E$/m, "$name: make shows the same");
	}
}
($status, $out, $err) = run_in_copy(
	command => ['test/demo.sh'],
	env => {
		PATH => "$base/bin:$ENV{PATH}",
		MISSING => join(' ', map { "postgresql-$_ postgresql-server-dev-$_" } 14 .. 30),
		TMPDIR => $tmp });
is($status, 1, 'demo without a server: exits with 1');
like($err, qr/--no-install-recommends postgresql-(\d+) postgresql-server-dev-\1$/m,
	'demo without a server: asks for one version of it');

# ------------------------------------------------------------ mistyped names
($status, $out, $err) = run_in_copy(command => ['test/run.sh'], env => { TESTS => 'no_such_test' });
is($status, 1, 'make test TESTS=mistyped: exits with 1');
like($err, qr/no test "no_such_test"/, 'make test TESTS=mistyped: says so');
($status, $out, $err) = run_in_copy(command => ['test/run.sh'], env => { SUITE => 'regres' });
is($status, 1, 'make test SUITE=mistyped: exits with 1');
like($err, qr/no suite "regres"/, 'make test SUITE=mistyped: says so');

# ------------------------------------ make, make install, make installcheck
my $root = "$base/root";
($status, $out, $err) =
  run_in_copy(command => [ 'make', '-s', '-j2', "PG_CONFIG=$pg_config" ], timeout => 180);
is($status, 0, 'make works in the source tree') or diag($err);
is($err, '', 'make has nothing to warn of');
git_clean('make');
($status, $out, $err) =
  run_in_copy(command => [ 'make', '-s', 'install', "PG_CONFIG=$pg_config", "DESTDIR=$root" ]);
is($status, 0, 'make install works') or diag($err);
my @installed = map { s/^\Q$root\E//r } split /\n/, qx(find '$root' -type f | sort);
my ($version) = slurp_file("$copy/custodian.control") =~ /^default_version *= *'(.*)'/m;
like("@installed", qr{/custodian\.so( |$)}, 'make install: the library');
like("@installed", qr{/extension/custodian\.control( |$)}, 'make install: the control file');
like("@installed", qr{/extension/custodian--\Q$version\E\.sql( |$)}, 'make install: the script');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
($status, $out, $err) = run_in_copy(
	command =>
	  [ 'make', 'installcheck', "PG_CONFIG=$pg_config", 'REGRESS=', 'ISOLATION=iso_two_ends' ],
	env => {
		PGHOST => $node->host, PGPORT => $node->port,
		(map { $_ => $ENV{$_} // '' } qw(PGUSER)) },
	timeout => 120);
is($status, 0, 'make installcheck works') or diag($out . $err);
like($out, qr/iso_two_ends\s.*ok|ok 1\s+- iso_two_ends/, 'make installcheck runs what it is told to');
git_clean('make installcheck');
($status, $out, $err) = run_in_copy(command => [ 'make', '-s', 'clean', "PG_CONFIG=$pg_config" ]);
is($status, 0, 'make clean works') or diag($err);
is(scalar(qx(find '$copy' -name '*.o' -o -name '*.so' -o -name '*.d' -type f)), '',
	'make clean leaves no object');
git_clean('make clean');
$node->stop;

done_testing();

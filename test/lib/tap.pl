# Runs TAP files as prove(1) does, and writes the counts that prove keeps to
# itself: "passed failed" in the first line of SUMMARY, then the failing files.
#
#   perl tap.pl SUMMARY FILE.pl...       Perl tests
#   perl tap.pl SUMMARY FILE.sql...      pgTAP, each in a copy of the database "template"
use strict;
use warnings;
use TAP::Harness;

my ($summary, @files) = @ARGV;

# A database for each file: a test may commit, and the next one starts clean.
my $pgtap = <<'SH';
name=$(basename "$1" .sql)
createdb -T template "$name" &&
exec psql -X -q -A -t -P pager=off -v ON_ERROR_STOP=1 -d "$name" -f "$1"
SH

my $harness = TAP::Harness->new({
	failures => 1,
	comments => scalar(grep { /\.sql$/ } @files), # where pgTAP says why
	exec => sub {
		my ($self, $file) = @_;
		return $file =~ /\.sql$/ ? [ 'sh', '-c', $pgtap, 'pgtap', $file ] : undef;
	},
});

my ($passed, $failed) = (0, 0);
my %problem;
my %unfinished = map { $_ => 1 } @files;
$harness->callback(
	after_test => sub {
		my ($job, $parser) = @_;
		$passed += $parser->passed;
		$failed += $parser->failed;
		$problem{ $job->[0] } = $parser->has_problems;
		# Died, or ran another number of assertions than planned.
		$failed++ if $parser->has_problems && !$parser->failed;
		delete $unfinished{ $job->[0] };
	});

# It dies when a test bails out; what had no turn then counts as failed.
eval { $harness->runtests(@files); 1 } or print $@;
$failed += keys %unfinished;

open my $out, '>', $summary or die "$summary: $!";
print $out "$passed $failed\n", map { "$_\n" } grep { $problem{$_} || $unfinished{$_} } @files;
close $out or die "$summary: $!";

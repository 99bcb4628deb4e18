# What pgindent does and clang-format cannot be told to do:
#
# - the names that a declaration declares start 12 columns from its
#   indentation, or after one space if the type is too long; stars stand before
#   that column;
# - a comment behind code starts in column 32, or after one space.
#
#   clang-format FILE | perl pgindent.pl
use strict;
use warnings;

my $qualifier = qr/const|static|extern|volatile|unsigned|signed|long|short|struct|enum|union|PGDLLIMPORT/;
my $type = qr/(?:(?:$qualifier) )*\w+/;
my $no_type = qr/^(?:return|goto|else|case|typedef|do|const|static|extern|struct|enum|union)$/;

# Tabs and spaces from one column to another. A space where one column is to be
# crossed, unless a tab follows.
sub gap
{
	my ($from, $to) = @_;
	my $tabs = int($to / 4) - int($from / 4);
	return ' ' x ($to - $from) if $tabs == 0 || ($tabs == 1 && $from % 4 == 3);
	return "\t" x $tabs . ' ' x ($to % 4);
}

sub width
{
	my $column = 0;
	$column += $_ eq "\t" ? 4 - $column % 4 : 1 foreach split //, shift;
	return $column;
}

# The line with the names it declares moved; then the column for further names,
# and by how much they moved.
sub move_names
{
	my ($line) = @_;
	my ($tabs, $typename, $stars, $rest) = $line =~ /^(\t*)($type) (\**)((?:\w+|\(\*\w+\))\s*[;,=\[(].*)$/s
		or return $line;
	return $line if $typename =~ $no_type;
	# Prototypes stand at the margin.
	return $line if $rest =~ /^\w+\(/ && $tabs ne '';
	my $from = width("$tabs$typename");
	my $to = width($tabs) + 12 - length $stars;
	$to = $from + 1 if $to <= $from;
	return ($tabs . $typename . gap($from, $to) . "$stars$rest", width($tabs) + 12, $to - $from - 1);
}

sub move_comment
{
	my ($line) = @_;
	my ($code, $remark) = $line =~ m{^(.*\S)\s*(/\*(?:(?!\*/).)*\*/\n)$} or return $line;
	return $line if $code =~ m{/\*|"} || $code =~ /^\s*#(?!else|endif)/;
	my $from = width($code);
	return $code . gap($from, $from < 32 ? 32 : $from + 1) . $remark;
}

my ($depth, $comment, $list, $column, $shift) = (0, 0, 0);
while (my $line = <STDIN>)
{
	if (!$comment && $line !~ /^\s*#/ && $line !~ /\\$/)
	{
		if ($column)
		{
			# The rest of a declaration: further names, or what is in parentheses.
			my ($space, $stars) = $line =~ /^(\s*)(\**)/;
			my $to = width($space);
			$to = $depth ? $to + $shift : $list ? $column - length $stars : $to;
			$line =~ s/^\s*(?=\S)/gap(0, $to)/e;
		}
		elsif (!$depth)
		{
			($line, $column, $shift) = move_names($line);
		}
	}
	$line = move_comment($line) unless $comment || $line =~ /\\$/;
	print $line;

	# How deep in parentheses, in a comment, in a declaration the next line is.
	my $code = $line;
	$code =~ s{"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'}{""}g;
	$comment = 0 if $comment && $code =~ s{.*?\*/}{};
	next if $comment;
	$code =~ s{/\*.*?\*/}{}g;
	$comment = 1 if $code =~ s{/\*.*}{};
	$depth += ($code =~ tr/(//) - ($code =~ tr/)//);
	$depth += ($code =~ tr/{//) - ($code =~ tr/}//) if $column; # an initializer
	$depth = 0 if $depth < 0 || $code =~ /^[{}]/;
	$list = $code =~ /,\s*$/;
	undef $column if !$depth && $code =~ /[;{}]\s*$/;
}

# Run the pg_regress and the isolation tests, each kind against a server of its own, with the outputs in expected/. They run through the
# Makefile's tempcheck, which knows their options. Differences are printed.
#
# With TEST_ONLY only the names in TEST_REGRESS and TEST_ISOLATION run (script/test sets them).

use strict;
use warnings FATAL => 'all';
use Test::More;

my %names = (
	REGRESS   => [ map { m{([^/]+)\.sql$} } glob 'test/sql/*.sql' ],
	ISOLATION => [ map { m{([^/]+)\.spec$} } glob 'test/specs/*.spec' ]);

for my $kind ('REGRESS', 'ISOLATION')
{
	my @chosen = $ENV{TEST_ONLY} ? split ' ', $ENV{"TEST_$kind"} // '' : sort @{ $names{$kind} };
	next unless @chosen;
	my $other = $kind eq 'REGRESS' ? 'ISOLATION' : 'REGRESS';

	# A missing output would otherwise go unnoticed.
	ok(-f "expected/$_.out", "$_ has an expected output") for @chosen;

	my $output = '';
	open my $make, '-|', "make tempcheck PG_CONFIG='$ENV{PG_CONFIG}' $kind='@chosen' $other= 2>&1" or die $!;
	while (<$make>)
	{
		$output .= $_;
		# "test name ... ok 12 ms" of 15, "ok 1 - name 12 ms" of 16 and later
		ok($2 eq 'ok', (lc $kind) . " $1") if /^test\s+(\S+)\s+\.\.\.\s+(\w+)/;
		ok($1 eq 'ok', (lc $kind) . " $2") if /^(ok|not ok)\s+\d+\s+[-+]\s+(\S+)/;
	}
	my $good = ok(close $make, "make tempcheck, $kind");
	next if $good;

	diag($output);
	for my $path ('regression.diffs', glob 'tmp_check*/log/postmaster.log log/postmaster.log')
	{
		open my $file, '<', $path or next;
		my @lines = <$file>;
		splice @lines, 0, @lines - 400 if @lines > 400;
		diag("$path:\n", @lines);
	}
}

done_testing();

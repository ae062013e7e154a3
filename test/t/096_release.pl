# script/lib/release_check, which script/release --check calls: it accepts a tree in which everything agrees with the version of the control
# file, and refuses each tree in which one place does not.

use strict;
use warnings FATAL => 'all';
use Cwd 'getcwd';
use File::Temp qw(tempdir);
use PostgreSQL::Test::Utils;
use Test::More;

my $project = getcwd();
my ($version) = slurp_file('campaign_lifecycle.control') =~ /^default_version = '(.*)'/m;
my ($previous) = slurp_file('Makefile') =~ /^PREVIOUS := (\S+)/m;

# Return what the check prints about a copy of the tree, after a change of it.
sub said_of
{
	my ($change) = @_;
	my $tree = tempdir(CLEANUP => 1);

	system("cp -R --parents campaign_lifecycle.control Makefile META.json CHANGELOG.md packaging sql test/upgrade '$tree'") == 0 or die 'cp failed';
	chdir $tree or die $!;
	# The tree under test may be one before its release.
	edit('CHANGELOG.md', qr/^## \Q$version\E \(.*?\)/m, "## $version (2030-01-01)");
	$change->();
	my $said = `'$project/script/lib/release_check' 2>&1`;
	chdir $project or die $!;
	return $said;
}

sub edit
{
	my ($path, $from, $to) = @_;
	my $text = slurp_file($path);
	$text =~ s/$from/$to/ or die "$path has no $from";
	unlink $path;
	append_to_file($path, $text);
}

is(said_of(sub { }), '', 'a tree in which everything agrees is accepted');
my @refused = (
	[ 'another version in META.json', sub { edit('META.json', qr/"version": "[^"]*"/, '"version": "9.9.9"') }, qr/^META\.json: version is 9\.9\.9/ ],
	[ 'a CHANGELOG without a date', sub { edit('CHANGELOG.md', qr/\(2030-01-01\)/, '(unreleased)') }, qr/^CHANGELOG\.md: does not begin with/ ],
	[ 'a CHANGELOG that does not say how to upgrade', sub { edit('CHANGELOG.md', qr/^To upgrade: /m, '') }, qr/does not say how to upgrade/ ],
	[ 'a package of another version', sub { edit('packaging/debian/changelog', qr/\(\Q$version\E-/, '(9.9-') }, qr/^packaging\/debian\/changelog: begins with 9\.9/ ],
	[ 'no update script', sub { unlink "sql/update/$previous--$version.sql" or die }, qr/^sql\/update\/\Q$previous--$version\E\.sql: is missing/ ],
	[ 'no frozen install script', sub { unlink "test/upgrade/campaign_lifecycle--$previous.sql" or die }, qr/campaign_lifecycle--\Q$previous\E\.sql: is missing/ ],
	[ 'a frozen install script of another version', sub { edit("test/upgrade/campaign_lifecycle--$previous.sql", qr/Since \Q$previous\E\./, 'Since 9.9.') }, qr/has objects since 9\.9/ ],
	[ 'another version in the control file', sub { edit('campaign_lifecycle.control', qr/'\Q$version\E'/, "'9.9'") }, qr/the control file says 9\.9/ ],
	[ 'a previous version after this one', sub { edit('Makefile', qr/^PREVIOUS := .*$/m, 'PREVIOUS := 10.1') }, qr/PREVIOUS is 10\.1, which is not before/ ]);
for (@refused)
{
	my ($name, $change, $pattern) = @$_;
	like(said_of($change), $pattern, "$name is refused");
}

done_testing();

# pg_upgrade from an older major version of the server keeps every row, and the timers go on.
#
# The old server is the newest one below /usr/lib/postgresql that is older than the server under test and has development files. The extension
# is built for it and installed into a temporary folder, where a server of Debian finds it. Without such a server the test is skipped.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignServer;
use File::Basename 'dirname';
use File::Temp qw(tempdir);
use PostgreSQL::Test::Utils;
use Test::More;

my ($major) = `'$ENV{PG_CONFIG}' --version` =~ /(\d+)/;
my ($older) = sort { $b <=> $a } grep { $_ >= 15 && $_ < $major && -x "/usr/lib/postgresql/$_/bin/postgres" && -f "/usr/include/postgresql/$_/server/postgres.h" }
  map { m{/(\d+)$} } glob '/usr/lib/postgresql/*';
plan skip_all => "there is no server older than $major with development files" unless defined $older;
note("from PostgreSQL $older to $major");

# Build for the old server in a copy, so that the library of the server under test stays.
my $home = "/usr/lib/postgresql/$older";
my $copy = tempdir(CLEANUP => 1);
my $folder = tempdir(CLEANUP => 1);
system("cp -R Makefile campaign_lifecycle.control README.md CHANGELOG.md SECURITY.md docs sql src '$copy' && find '$copy' -name '*.o' -delete") == 0 or die 'cp failed';
system("make -s -j2 -C '$copy' PG_CONFIG=$home/bin/pg_config DESTDIR='$folder' install >/dev/null") == 0 or die 'make failed';

# Servers of Debian had a setting of their own before PostgreSQL 18.
my $found = $older >= 18 ? "extension_control_path = '$folder/usr/share/postgresql/$older:\$system'" : "extension_destdir = '$folder'";
my $conf = "autovacuum = off\ncampaign_lifecycle.retry_base_delay = '1h'\n";
my @checksums = (init => { extra => ['--data-checksums'] });
my $old = campaign_server('old', extension => 0, install_path => $home, @checksums,
	conf => "$conf$found\ndynamic_library_path = '$folder$home/lib:\$libdir'\n");
my $bin = dirname(PostgreSQL::Test::Utils::run_command([ 'which', 'pg_upgrade' ]));

create_filled_database($old, 'original');
create_campaign_database($old, 'active');
add_due_campaigns($old, 'active', 30);
poll_is($old, 'active', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 30, 'the worker executes 30 timers before pg_upgrade');
my @content = table_contents($old, 'original');
my $objects = q{
	SELECT c.relkind, c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
	UNION ALL SELECT 't', t.tgrelid::regclass || '.' || t.tgname FROM pg_trigger AS t WHERE NOT t.tgisinternal
	UNION ALL SELECT 'f', p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1, 2};
my @objects = split /\n/, $old->safe_psql('original', $objects);
my $executed = $old->safe_psql('active', "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'");
$old->stop;

my $new = campaign_server('new', start => 0, conf => $conf, @checksums);
chdir $new->basedir or die;
runs_silently("pg_upgrade from $older to $major", [ "$bin/pg_upgrade", '-b', "$home/bin", '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir,
	'-p', $old->port, '-P', $new->port, '-s', $new->host ]);
chdir $ENV{PWD} or die;
$new->start;

same_lines(\@content, [ table_contents($new, 'original') ], 'every row is there, once');
same_lines(\@objects, [ split /\n/, $new->safe_psql('original', $objects) ], 'every table, index, view, trigger and function is there');
query_is($new, 'active', "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'", $executed, 'no timer is executed twice');
add_due_campaigns($new, 'active', 20);
poll_is($new, 'active', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 50, 'the worker goes on');
check_timers_resume($new, 'original', 'a paused database');
check_invariants($new, $_, $_) for 'active', 'original';
$new->stop;

done_testing();

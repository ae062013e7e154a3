# pg_upgrade takes everything along, and pauses nothing: what it makes is the original, not a copy of it.
#
# A server holds two databases with something in everything, both paused by hand (one in public, one in a schema with an odd name whose
# tables belong to a plain role), and one that is at work. pg_upgrade brings it to a new cluster of the same version, by copying and by
# linking its files. Not one line comes on stderr; every row and every object is there; the paused databases stay paused until
# resume_timers(); the one that was at work executes what became due in the meantime, at once and once.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignCopies;
use CampaignServer;
use File::Basename 'dirname';
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "autovacuum = off\ncampaign_lifecycle.retry_base_delay = '1h'\n";
my $old = campaign_server('old', extension => 0, conf => $conf);
my $bin = dirname(PostgreSQL::Test::Utils::run_command([ 'which', 'pg_upgrade' ]));
my $sockets = $old->host;

my %schema = (original => 'public', owned => 'My Schema');
furnish($old, 'original');
furnish($old, 'owned', schema => $schema{owned}, owner => 1);
with_database($old, 'active');
fill($old, 'active', 30);
becomes($old, 'active', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 30, 'a database is at work');
# Becomes due in the meantime, as an outage is long.
$old->safe_psql('active', q{
	ALTER TABLE campaign_timers DISABLE TRIGGER USER;
	WITH c AS (INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, 20) RETURNING id)
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() + interval '1 second' FROM c;
	ALTER TABLE campaign_timers ENABLE TRIGGER USER;
	ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
	ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update});
my %content = map { $_ => [ content($old, $_, $schema{$_}) ] } keys %schema;
my %objects = map { $_ => [ objects($old, $_, $schema{$_}) ] } keys %schema;
my $executed = $old->safe_psql('active', "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'");
$old->stop;

for my $mode ('copy', 'link')
{
	my $new = campaign_server("new_$mode", start => 0, conf => $conf);
	chdir $new->basedir or die;
	# Copying is the default, which servers before 16 have no word for.
	silent("pg_upgrade, $mode", [ "$bin/pg_upgrade", $mode eq 'link' ? '--link' : (), '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir,
		'-p', $old->port, '-P', $new->port, '-s', $sockets ]);
	chdir $ENV{PWD} or die;
	$new->start;

	becomes($new, 'active', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 50, "$mode: a database that was at work goes on, unasked");
	answers($new, 'active', "SELECT count(*) - $executed, count(*) - count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", (50 - $executed) . '|0', "$mode: nothing twice");
	holds($new, 'active', "$mode, at work");
	for my $db (sort keys %schema)
	{
		same($content{$db}, [ content($new, $db, $schema{$db}) ], "$mode, $db: every row is there, once");
		same($objects{$db}, [ objects($new, $db, $schema{$db}) ], "$mode, $db: every object is there");
		answers($new, $db, "SELECT value FROM \"$schema{$db}\".campaign_health() WHERE check_name = 'activation'", 'paused', "$mode, $db: paused as it was, and no copy");
		fires($new, $db, "$mode, $db", $schema{$db});
		holds($new, $db, "$mode, $db", schema => $schema{$db});
	}
	$new->stop;
}

done_testing();

# pg_upgrade keeps every row and object, and pauses no timers, because its result is the original and not a copy.
#
# A server has two databases with rows in every table, both paused by hand (one in public, one in a schema with an odd name whose
# tables belong to a plain role), and one that is at work. pg_upgrade brings it to a new cluster of the same version, by copying and by
# linking its files. Not one line comes on stderr; every row and every object is there; the paused databases stay paused until
# resume_timers(); the one that was at work executes each timer that became due in the meantime once.

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
create_filled_database($old, 'original');
create_filled_database($old, 'owned', schema => $schema{owned}, owner => 1);
create_campaign_database($old, 'active');
add_due_campaigns($old, 'active', 30);
poll_is($old, 'active', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 30, 'the worker of a database executes 30 timers before pg_upgrade');
# Becomes due in the meantime, as an outage is long.
$old->safe_psql('active', q{
	ALTER TABLE campaign_timers DISABLE TRIGGER USER;
	WITH c AS (INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, 20) RETURNING id)
	INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() + interval '1 second' FROM c;
	ALTER TABLE campaign_timers ENABLE TRIGGER USER;
	ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_insert;
	ALTER TABLE campaign_timers ENABLE ALWAYS TRIGGER wake_worker_on_update});
my %content = map { $_ => [ table_contents($old, $_, $schema{$_}) ] } keys %schema;
my %objects = map { $_ => [ schema_objects($old, $_, $schema{$_}) ] } keys %schema;
my $executed = $old->safe_psql('active', "SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED'");
$old->stop;

for my $mode ('copy', 'link')
{
	my $new = campaign_server("new_$mode", start => 0, conf => $conf);
	chdir $new->basedir or die;
	# Copying is the default, which servers before 16 have no word for.
	runs_silently("pg_upgrade, $mode", [ "$bin/pg_upgrade", $mode eq 'link' ? '--link' : (), '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir,
		'-p', $old->port, '-P', $new->port, '-s', $sockets ]);
	chdir $ENV{PWD} or die;
	$new->start;

	poll_is($new, 'active', "SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", 50, "$mode: a database that was at work goes on without resume_timers()");
	query_is($new, 'active', "SELECT count(*) - $executed, count(*) - count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", (50 - $executed) . '|0', "$mode: no timer is executed twice");
	check_invariants($new, 'active', "$mode, at work");
	for my $db (sort keys %schema)
	{
		same_lines($content{$db}, [ table_contents($new, $db, $schema{$db}) ], "$mode, $db: every row is there, once");
		same_lines($objects{$db}, [ schema_objects($new, $db, $schema{$db}) ], "$mode, $db: every object is there");
		query_is($new, $db, "SELECT value FROM \"$schema{$db}\".campaign_health() WHERE check_name = 'activation'", 'paused', "$mode, $db: campaign_health() reports paused and no copy");
		check_timers_resume($new, $db, "$mode, $db", $schema{$db});
		check_invariants($new, $db, "$mode, $db", schema => $schema{$db});
	}
	$new->stop;
}

done_testing();

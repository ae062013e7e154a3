# A restored copy of a database starts paused.
#
# A database with a history, due timers and timers to come is dumped and restored into another one of the same server, whose worker
# would execute them a second time. No timer of the copy is executed until resume_timers(), and the restore loses and adds no row. 071_backup.pl
# has all formats and servers; here it is the plain script.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = campaign_server('restore', extension => 0);
my $waiting = "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()";

# Run the code with a database that has executed 101 campaigns and is paused with 50 timers due, and with its restored copy.
sub with_copy
{
	my ($name, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return in_database($node, $name, sub {
		my ($original) = @_;
		add_due_campaigns($node, $original, 100);
		$node->safe_psql($original, "SELECT create_campaign(24, now() + interval '1 day'); SELECT create_campaign(1, now() - interval '1 hour')");
		poll_is($node, $original, "SELECT count(*) FROM campaigns WHERE status IN ('EXPIRED', 'CLOSED')", 101, 'the original has executed 101 campaigns');
		$node->safe_psql($original, 'SELECT pause_timers()');
		add_due_campaigns($node, $original, 50);
		my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
		$node->safe_psql('postgres', 'CREATE DATABASE restored');
		create_campaign_database($node, 'beside');
		$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr($original) ], 'pg_dump of the original succeeds');
		$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'the restore raises no error');
		my $done = eval { $code->($original, 'restored'); 1 };
		my $error = $@;
		check_invariants($node, $_, $_) for $original, 'restored', 'beside';
		$node->safe_psql('postgres', "DROP DATABASE $_") for 'restored', 'beside';
		die $error unless $done;
	});
}

# Assert that a worker has its time: a timer of another database is executed, which is committed after those of the copy.
sub let_worker_run
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	add_due_campaigns($node, 'beside', 1);
	return poll_is($node, 'beside', "SELECT count(*) FROM campaigns WHERE status = 'RUNNING'", 0, "the worker of another database executes a timer $what");
}

with_copy('the timers of a restored copy wait', sub {
	my ($original, $copy) = @_;
	my @tables = qw(campaigns campaign_timers campaign_state_log campaign_metrics timer_executions campaign_state_transitions campaign_timer_policies);
	my $content = join ' UNION ALL ', map { "SELECT '$_', count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM $_ AS t" } @tables;
	query_is($node, $copy, $content, $node->safe_psql($original, $content), 'the restored copy has the rows of the original');
	add_due_campaigns($node, $copy, 10);
	let_worker_run('beside the copy');
	query_is($node, $copy, $waiting, 60, '60 timers of the copy are due and were not executed');
	my (undef, undef, $err) = $node->psql($copy, 'SELECT run_due_timers()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/ERROR:\s+55000/, 'run_due_timers() refuses in the copy');
});

# A restart makes every worker read its database again.
with_copy('a restart leaves a restored copy paused', sub {
	my ($original, $copy) = @_;
	add_due_campaigns($node, $copy, 10);
	$node->restart;
	let_worker_run('after a restart');
	query_is($node, $copy, $waiting, 60, '60 timers of the copy were not executed after the restart');
});

with_copy('resume_timers() starts a restored copy', sub {
	my ($original, $copy) = @_;
	add_due_campaigns($node, $copy, 10);
	$node->safe_psql($copy, 'SELECT resume_timers()');
	poll_is($node, $copy, $waiting, 0, 'the timers of the copy are executed after resume_timers()');
	query_is($node, $copy, "SELECT status, count(*) FROM campaigns GROUP BY status ORDER BY status", "CLOSED|1\nCREATED|1\nEXPIRED|160",
		'the campaigns of the copy are in the states that their timers lead to');
	query_is($node, $original, $waiting, 50, 'the original, which is paused by hand, has executed nothing');
});

$node->stop;
done_testing();

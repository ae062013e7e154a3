# Faults of users, who change a database while its timers run: settings, locks, DDL on the campaign tables and on whole databases, timers that
# raise. Each statement must succeed, in bounded time: one that fails or hangs kills the fault.

package FaultsOfUsers;

use strict;
use warnings FATAL => 'all';
use FaultsOfProcesses;
use Session;
use Time::HiRes 'sleep';

# Seconds that any statement may take on a loaded machine; without the worker's help DROP DATABASE and its like fail after five.
my $longest = 30;

our %kinds = (
	'settings and reload'            => { share => 6, inject => \&_settings },
	'timers switched off and on'     => { share => 2, inject => \&_switch },
	'pause and resume'               => { share => 3, inject => \&_pause },
	'campaigns locked'               => { share => 4, inject => \&_lock_rows },
	'a table locked'                 => { share => 4, inject => \&_lock_table },
	'a prepared transaction'         => { share => 2, inject => \&_prepare },
	'a long transaction'             => { share => 2, inject => \&_long },
	'REINDEX'                        => { share => 3, inject => sub { _one_of(@_, 'REINDEX TABLE campaign_timers', 'REINDEX TABLE CONCURRENTLY campaigns', 'REINDEX TABLE timer_executions') } },
	'VACUUM FULL, CLUSTER'           => { share => 3, inject => sub { _one_of(@_, 'VACUUM FULL campaign_timers', 'VACUUM FULL campaigns', 'VACUUM FULL timer_executions', 'CLUSTER campaign_metrics USING campaign_metrics_pkey') } },
	'ALTER TABLE'                    => { share => 4, inject => \&_alter_table },
	'a deadlock'                     => { share => 2, inject => sub { _all_of($_[0], 'BEGIN\; LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE\; SELECT pg_sleep(0.3)\; LOCK TABLE campaign_timers IN ACCESS EXCLUSIVE MODE\; COMMIT') } },
	'settings of role and database'  => { share => 2, inject => \&_hostile_settings },
	'TRUNCATE'                       => { share => 2, inject => \&_truncate },
	'TRUNCATE rolled back'           => { share => 3, inject => sub { _all_of($_[0], 'BEGIN\; TRUNCATE campaigns CASCADE\; ROLLBACK') } },
	'DROP EXTENSION rolled back'     => { share => 2, inject => sub { _all_of($_[0], 'BEGIN\; DROP EXTENSION campaign_lifecycle\; ROLLBACK') } },
	'DROP and CREATE EXTENSION'      => { share => 3, inject => \&_drop_and_create },
	'ALTER EXTENSION UPDATE'         => { share => 2, inject => \&_update_extension },
	'owners'                         => { share => 2, inject => sub { _all_of($_[0], 'SELECT set_campaign_owner(\'torture_owner\')', 'SELECT set_campaign_owner(current_user::regrole)') } },
	'DROP DATABASE'                  => { share => 2, inject => \&_drop_database },
	'ALTER DATABASE RENAME'          => { share => 2, inject => \&_rename_database },
	'CREATE DATABASE TEMPLATE'       => { share => 2, inject => \&_copy_database },
	'ALTER DATABASE SET TABLESPACE'  => { share => 1, inject => \&_move_database },
	'DROP SCHEMA, DROP OWNED'        => { share => 2, inject => \&_drop_schema },
	'timers that raise'              => { share => 3, inject => \&_poison },
);

# Slow enough to be met at work.
my @slow_down = (
	q{CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN NEW; END $$},
	'CREATE TRIGGER slow_down BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION slow_down()');

sub prepare
{
	my ($world) = @_;
	$world->sql($_) for 'CREATE ROLE torture_owner', 'CREATE DATABASE side_template';
	$world->sql('CREATE EXTENSION campaign_lifecycle', db => 'side_template');
	$world->sql('SELECT pause_timers()', db => 'side_template');
	$world->sql($_, db => 'side_template') for @slow_down, 'ALTER DATABASE side_template IS_TEMPLATE true';
	$world->disconnect('side_template');
	return;
}

# Statements of one user, one after another, each within its time. Those of one transaction are one statement, joined by \;, because
# the connection may be lost and made again in between.
sub _all_of
{
	my ($world, @statements) = @_;
	for my $statement (@statements)
	{
		$world->sql($statement, timeout => $longest);
	}
	return;
}

sub _one_of
{
	my ($world, $dice, @statements) = @_;
	return _all_of($world, $statements[ $dice->(scalar @statements) ]);
}

sub _settings
{
	my ($world, $dice) = @_;
	$world->set(
		'campaign_lifecycle.workers'       => 1 + $dice->(3),
		'campaign_lifecycle.batch_size'    => (1, 7, 100, 1000)[ $dice->(4) ],
		'campaign_lifecycle.naptime'       => (100, 1000, 60000)[ $dice->(3) ],
		'campaign_lifecycle.notify_events' => ('', 'timer.executed,campaign.status.changed')[ $dice->(2) ]);
	return;
}

sub _switch
{
	my ($world, $dice) = @_;
	$world->set('campaign_lifecycle.enabled' => 'off');
	sleep 0.05 * $dice->(20);
	$world->set('campaign_lifecycle.enabled' => undef);
	return;
}

sub _pause
{
	my ($world, $dice) = @_;
	$world->sql('SELECT pause_timers()');
	sleep 0.05 * $dice->(10);
	$world->sql('SELECT resume_timers()');
	return;
}

# Another session holds something for a while, and lets it go in one way or the other.
sub _hold
{
	my ($world, $dice, @statements) = @_;
	my $session = Session->new($world->node->connstr('postgres'), name => 'holder');
	for my $statement ('BEGIN', @statements)
	{
		defined $session->ask($statement, timeout => $longest) or die "$session->{state} $session->{error} in: $statement\n";
	}
	sleep 0.1 + 0.1 * $dice->(15);
	defined $session->ask(('COMMIT', 'ROLLBACK')[ $dice->(2) ]) or die "$session->{error}\n";
	$session->end;
	return;
}

sub _lock_rows
{
	my ($world, $dice) = @_;
	my $row = ('campaigns', 'campaign_timers')[ $dice->(2) ];
	# Locks on many rows in no order would be a deadlock of users with users.
	return _hold($world, $dice, "SELECT count(*) FROM (SELECT id FROM $row WHERE status NOT IN ('EXPIRED', 'COMPLETED') LIMIT 200 FOR UPDATE SKIP LOCKED) AS r");
}

sub _lock_table
{
	my ($world, $dice) = @_;
	my $table = (qw(campaigns campaign_timers timer_executions campaign_state_log campaign_metrics campaign_timer_policies))[ $dice->(6) ];
	my $mode = ('SHARE', 'SHARE ROW EXCLUSIVE', 'ACCESS EXCLUSIVE')[ $dice->(3) ];
	return _hold($world, $dice, "LOCK TABLE $table IN $mode MODE");
}

# An old snapshot, and an old transaction id.
sub _long
{
	my ($world, $dice) = @_;
	return _hold($world, $dice, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'CREATE TEMPORARY TABLE t AS SELECT count(*) FROM campaigns');
}

sub _prepare
{
	my ($world, $dice) = @_;
	my $name = 'torture ' . $dice->(1_000_000_000);
	_all_of($world, qq{BEGIN\\; SELECT count(create_campaign(1, now() - interval '1 hour', metadata => '{"prepared": true}')) FROM generate_series(1, 5)\\; PREPARE TRANSACTION '$name'});
	if ($dice->(2))
	{
		FaultsOfProcesses::_kill_pid($world, $world->pid_of('walwriter'));
	}
	_all_of($world, (("COMMIT PREPARED '$name'", "ROLLBACK PREPARED '$name'")[ $dice->(2) ]));
	return;
}

sub _alter_table
{
	my ($world, $dice) = @_;
	my @pairs = (
		[ 'ALTER TABLE campaigns ADD COLUMN torture integer DEFAULT 1', 'ALTER TABLE campaigns DROP COLUMN torture' ],
		[ 'ALTER TABLE campaign_timers ADD COLUMN torture text', 'ALTER TABLE campaign_timers DROP COLUMN torture' ],
		[ 'ALTER TABLE campaign_timers ADD CONSTRAINT torture CHECK (retry_count < 9)', 'ALTER TABLE campaign_timers DROP CONSTRAINT torture' ],
		[ 'CREATE INDEX CONCURRENTLY torture ON campaign_timers (executed_at)', 'DROP INDEX CONCURRENTLY torture' ],
		[ 'ALTER TABLE campaign_state_log ADD COLUMN torture integer', 'ALTER TABLE campaign_state_log DROP COLUMN torture' ],
		[ 'ALTER TABLE timer_executions ADD COLUMN torture text', 'ALTER TABLE timer_executions DROP COLUMN torture' ],
		[ 'SELECT create_monthly_partitions()', 'REFRESH MATERIALIZED VIEW CONCURRENTLY mv_active_campaigns' ],
	);
	return _all_of($world, @{ $pairs[ $dice->(scalar @pairs) ] });
}

sub _drop_and_create
{
	my ($world, $dice) = @_;
	my @statements = ('DROP EXTENSION campaign_lifecycle', 'CREATE EXTENSION campaign_lifecycle', 'SELECT resume_timers()');
	return _all_of($world, $dice->(2) ? join('\; ', @statements) : @statements);
}

# Settings that would stop a worker that obeyed them: it starts under them and works. Clients that have connected meanwhile are ended, because they
# would keep them.
sub _hostile_settings
{
	my ($world) = @_;
	my @settings = ('default_transaction_read_only = on', 'default_transaction_isolation = serializable', "statement_timeout = '1ms'", "lock_timeout = '1ms'",
		"idle_in_transaction_session_timeout = '1ms'", 'search_path = nowhere', "timezone = 'Asia/Kathmandu'", "datestyle = 'SQL, DMY'", 'row_security = off');
	my ($began, $worker) = ($world->sql('SELECT now()'), $world->pid_of('campaign_lifecycle worker'));
	_all_of($world, map { ("ALTER DATABASE postgres SET $_", "ALTER ROLE CURRENT_USER SET $_") } @settings);
	$world->sql("SELECT pg_terminate_backend($worker)") if $worker;
	my $works = eval { $world->seconds_to_work; 1 };
	my $error = $@;
	_all_of($world, 'BEGIN READ WRITE\; ALTER DATABASE postgres RESET ALL\; ALTER ROLE CURRENT_USER RESET ALL\; COMMIT');
	$world->sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'client' AND backend_start >= '$began'");
	die $error unless $works;
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# A database beside, in which the worker is at work

my $timers = 200;

sub _fill_side
{
	my ($world) = @_;
	$world->sql(qq{
		WITH c AS (INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, $timers) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', now() FROM c}, db => 'side');
	return;
}

sub _side
{
	my ($world) = @_;
	_all_of($world, 'DROP DATABASE IF EXISTS side', 'CREATE DATABASE side TEMPLATE side_template');
	_fill_side($world);
	$world->sql('SELECT resume_timers()', db => 'side');
	$world->wait_until(q{SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'side' AND backend_type = 'campaign_lifecycle worker' AND wait_event = 'PgSleep'}, 't');
	$world->disconnect('side');
	return;
}

sub _all_done
{
	my ($world, $db, $number) = @_;
	$world->sql('DROP TRIGGER IF EXISTS slow_down ON campaigns', db => $db);
	$world->wait_until("SELECT count(*) FROM campaigns WHERE status = 'EXPIRED'", $number, db => $db);
	my $executed = $world->sql("SELECT count(*), count(DISTINCT timer_id) FROM timer_executions WHERE status = 'COMPLETED'", db => $db);
	die "$executed executions of $number timers in $db\n" unless $executed eq "$number|$number";
	$world->disconnect($db);
	_all_of($world, "DROP DATABASE $db");
	return;
}

sub _drop_database
{
	my ($world) = @_;
	_side($world);
	_all_of($world, 'DROP DATABASE side');
	return;
}

sub _rename_database
{
	my ($world) = @_;
	_side($world);
	_all_of($world, 'ALTER DATABASE side RENAME TO other_side');
	_all_done($world, 'other_side', $timers);
	return;
}

sub _copy_database
{
	my ($world) = @_;
	_side($world);
	_all_of($world, 'CREATE DATABASE copy TEMPLATE side');
	_all_done($world, 'side', $timers);
	$world->sql('SELECT resume_timers()', db => 'copy');
	_all_done($world, 'copy', $timers);
	return;
}

# A database whose extension is older than the library: the tables accept writes, campaign_workers says what is needed, and no timer is
# executed before the update.
sub _update_extension
{
	my ($world) = @_;
	_all_of($world, 'DROP DATABASE IF EXISTS side', 'CREATE DATABASE side');
	$world->sql($_, db => 'side') for "CREATE EXTENSION campaign_lifecycle VERSION '1.1'", @slow_down;
	_fill_side($world);
	$world->sql('SELECT resume_timers()', db => 'side');
	$world->wait_until(q{SELECT count(*) > 0 FROM campaign_workers WHERE database = 'side' AND state = 'update needed'}, 't');
	my $early = $world->sql('SELECT count(*) FROM timer_executions', db => 'side');
	die "$early timers were executed before ALTER EXTENSION UPDATE\n" if $early > 0;
	$world->sql('ALTER EXTENSION campaign_lifecycle UPDATE', db => 'side', timeout => $longest);
	_all_done($world, 'side', $timers);
	return;
}

sub _truncate
{
	my ($world) = @_;
	_side($world);
	$world->sql('TRUNCATE campaigns CASCADE', db => 'side', timeout => $longest);
	_fill_side($world);
	_all_done($world, 'side', $timers);
	return;
}

sub _move_database
{
	my ($world) = @_;
	_side($world);
	# A tablespace outside of the data directory would stand in the way of copies of the server.
	_all_of($world, 'SET allow_in_place_tablespaces = on', "CREATE TABLESPACE other LOCATION ''", 'ALTER DATABASE side SET TABLESPACE other');
	_all_done($world, 'side', $timers);
	_all_of($world, 'DROP TABLESPACE other');
	return;
}

sub _drop_schema
{
	my ($world, $dice) = @_;
	_side($world);
	if ($dice->(2))
	{
		$world->sql('DROP SCHEMA public CASCADE', db => 'side', timeout => $longest);
	}
	else
	{
		$world->sql($_, db => 'side', timeout => $longest) for "SELECT set_campaign_owner('torture_owner')", 'DROP OWNED BY torture_owner CASCADE';
	}
	$world->disconnect('side');
	_all_of($world, 'DROP DATABASE side');
	return;
}

#---------------------------------------------------------------------------------------------------------------------
# Timers that fail

sub _poison
{
	my ($world) = @_;
	_all_of($world,
		q{CREATE FUNCTION torture.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$},
		q{CREATE TRIGGER refuse BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.status = 'CLOSED' AND NOT NEW.rewards_enabled) EXECUTE FUNCTION torture.refuse()},
		q{SELECT count(create_campaign(1, now() - interval '1 hour', rewards_enabled => false)) FROM generate_series(1, 5)});
	$world->wait_until("SELECT count(*) >= 5 FROM campaign_timers WHERE status = 'FAILED'", 't');
	_all_of($world, 'DROP FUNCTION torture.refuse() CASCADE');
	$world->sql("SELECT torture.revive_dead('P0001: refused')");
	return;
}

1;

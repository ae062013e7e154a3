# A timer that crashes the server, amid many that do not. It is found and tried a bounded number of times. All others are executed, and once.

package FaultsOfCrashes;

use strict;
use warnings FATAL => 'all';

our %kinds = (
	'a timer that crashes the server' => { share => 1, restarts => 1, inject => sub { _crash($_[0], 0, 1) } },
	# Only if it is named: 20,000 timers take long where each runs alone after a crash.
	'a crash amid 20,000 timers'      => { share => 0, restarts => 1, inject => sub { _crash($_[0], 20_000, 1 + $_[1]->(3)) } },
);

my $error = '57P02: the worker was lost while it ran this timer';

# It is as a segmentation fault would be. The timers that crash stand somewhere in the midst of the others.
sub _crash
{
	my ($world, $others, $crashing) = @_;
	$world->sql($_) for
		q{CREATE FUNCTION torture.crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN COPY (SELECT) TO PROGRAM 'kill -9 $PPID'; RETURN NULL; END $$},
		q{CREATE TRIGGER crash AFTER UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'crash') EXECUTE FUNCTION torture.crash()};
	$world->sql(qq{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, metadata)
			SELECT 'RUNNING', 1, CASE WHEN n % ($others / $crashing + 1) = $others / $crashing / 2 THEN '{"crash": true}' ELSE '{"beside": true}' END::jsonb
			FROM generate_series(0, $others + $crashing - 1) AS n RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', clock_timestamp() FROM c});
	my $patience = 180 + $others / 50;
	$world->wait_until(qq{
		SELECT count(*) FILTER (WHERE t.status = 'FAILED' AND t.retry_count = 5 AND EXISTS (
			SELECT FROM timer_executions AS x WHERE x.timer_id = t.id AND x.error_message = '$error')) = count(*)
		FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ? 'crash'}, 't', patience => $patience);
	# An innocent one loses at most an attempt.
	$world->wait_until(q{SELECT count(*) FROM campaigns WHERE metadata ? 'beside' AND status <> 'EXPIRED'}, 0, patience => $patience);
	$world->sql('DROP FUNCTION torture.crash() CASCADE');
	$world->sql("SELECT torture.revive_dead('$error')");
	$world->wait_until(q{SELECT count(*) FROM campaigns WHERE metadata ? 'crash' AND status <> 'EXPIRED'}, 0, patience => $patience);
	$world->sql(q{UPDATE campaigns SET metadata = '{}' WHERE metadata ? 'beside' OR metadata ? 'crash'});
	return;
}

1;

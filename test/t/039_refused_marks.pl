# A timer with a handler is first set to RUNNING. Where a trigger refuses that, the attempt has failed, as with any other error, and timers
# behind it are executed.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use Test::More;

my $node = campaign_server('refused_marks', conf => "campaign_lifecycle.retry_base_delay = '1ms'\ncampaign_lifecycle.max_attempts = 2\n");

# Two campaigns that the trigger refuses, and after each of them one that it does not.
sub create_campaigns
{
	my ($db) = @_;
	$node->safe_psql($db, q{
		WITH c AS (
			INSERT INTO campaigns (status, duration_hours, metadata) SELECT 'RUNNING', 1, jsonb_build_object('n', n) FROM generate_series(1, 4) AS n RETURNING id, metadata)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload)
		SELECT id, 'EXPIRE_CAMPAIGN', now() - interval '10 seconds' + (metadata ->> 'n')::integer * interval '1 second', CASE WHEN (metadata ->> 'n')::integer % 2 = 1 THEN '{"refused": true}'::jsonb ELSE '{}' END FROM c});
	return;
}

# The refused ones are dead with this error, the others are executed by the handler.
sub ends_are
{
	my ($db, $error) = @_;
	poll_is($node, $db, "SELECT array_agg((metadata ->> 'n')::integer ORDER BY metadata) FROM campaigns WHERE status = 'EXPIRED'", '{2,4}', 'timers behind a refused one are executed');
	poll_is($node, $db, q{SELECT count(*) FROM dead_timers}, 2, 'refused ones are dead after their attempts');
	query_is($node, $db, "SELECT DISTINCT last_error FROM dead_timers", $error, 'with the error of the trigger');
	query_is($node, $db, "SELECT count(*), min(result ->> 'handler') FROM timer_executions WHERE status = 'COMPLETED'", '2|called', 'the handler was called for the others');
	query_is($node, $db, "SELECT count(*) FROM timer_executions WHERE status = 'FAILED'", 4, 'each attempt has its row');
	query_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status = 'RUNNING'", 0, 'no timer stays RUNNING');
	check_invariants($node, $db, 'after that');
	return;
}

my $handler = q{
	CREATE FUNCTION handle(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '"called"'::jsonb $$;
	SELECT register_handler('EXPIRE_CAMPAIGN', 'handle(uuid, uuid, jsonb)');
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
	CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$};

my %triggers = (
	'a trigger that refuses RUNNING' => [
		q{CREATE TRIGGER refuse BEFORE UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'RUNNING' AND NEW.payload ? 'refused') EXECUTE FUNCTION refuse()}, 'P0001: refused' ],
	'a deferred trigger that refuses RUNNING' => [
		q{CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON campaign_timers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'RUNNING' AND NEW.payload ? 'refused') EXECUTE FUNCTION refuse()}, 'P0001: refused' ],
	'a trigger that leaves RUNNING out' => [
		q{CREATE TRIGGER leave_out BEFORE UPDATE ON campaign_timers FOR EACH ROW WHEN (NEW.status = 'RUNNING' AND NEW.payload ? 'refused') EXECUTE FUNCTION leave_out()},
		'09000: timer could not be set to RUNNING because of a trigger' ]);

for my $name (sort keys %triggers)
{
	in_database($node, $name, sub {
		my ($db) = @_;
		my ($trigger, $error) = @{ $triggers{$name} };
		$node->safe_psql($db, "$handler; $trigger");
		create_campaigns($db);
		ends_are($db, $error);
	});
}

$node->stop;
done_testing();

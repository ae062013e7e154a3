# Every SQLSTATE of the server is a failed attempt of the timer that has raised it, or no attempt, as the table in docs/operations.md says.
#
# The codes come from the server's errcodes.h. A user's trigger, and a handler, raises one for each campaign. The timers of those that the
# table names wait without an attempt, and are executed when the trigger is gone. The others have failed once. Timers that always raise
# an error of the server stop no other timer, however many they are and wherever they stand in their batch, and are not tried without a
# pause.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignScenarios;
use CampaignServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = campaign_server('errors', extension => 0, conf => "campaign_lifecycle.retry_base_delay = '1h'\ncampaign_lifecycle.retry_jitter = 0\n");

# The codes of the server, without that of success.
chomp(my $include = `$ENV{PG_CONFIG} --includedir-server` || `pg_config --includedir-server`);
my %is_code = map { $_ => 1 } grep { !/^00/ } map { s/[',]//gr } slurp_file("$include/utils/errcodes.h") =~ /MAKE_SQLSTATE\(('\w','\w','\w','\w','\w')\)/g;
my @codes = sort keys %is_code;
cmp_ok(scalar @codes, '>', 200, 'the server has more than 200 codes');

# The codes and classes of the table.
my ($section) = slurp_file('docs/operations.md') =~ /\n## Timers that fail\n(.*?)\n## /s;
my @rules = $section =~ /^\| `(\w{2}|\w{5})` \|/mg;
cmp_ok(scalar @rules, '>=', 10, 'the table has rows');
my $rules = join '|', @rules;
my @waiting = grep { /^(?:$rules)/ } @codes;
my @failing = grep { !/^(?:$rules)/ } @codes;
cmp_ok(scalar @waiting, '>', 20, 'it names more than 20 codes');

sub array
{
	return "'{" . join(',', @_) . "}'::text[]";
}

# A function that raises what the campaign's metadata say.
my $raising = q{
	CREATE SEQUENCE calls;
	CREATE FUNCTION raise_code() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
	BEGIN
		PERFORM nextval('calls');
		RAISE EXCEPTION 'not this one' USING ERRCODE = NEW.metadata ->> 'code';
	END $$;
	CREATE TRIGGER raise_code BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (NEW.metadata ? 'code') EXECUTE FUNCTION raise_code()};

# Add timers that are due in the order given, one for each code, '' for none.
sub add_timers
{
	my ($db, @in_order) = @_;
	my $list = join ',', map { "'$_'" } @in_order;
	$node->safe_psql($db, qq{
		WITH c AS (
			INSERT INTO campaigns (id, status, duration_hours, metadata)
			SELECT gen_random_uuid(), 'RUNNING', 1, jsonb_build_object('place', o.place) || CASE o.code WHEN '' THEN '{}'::jsonb ELSE jsonb_build_object('code', o.code) END
			FROM unnest(ARRAY[$list]) WITH ORDINALITY AS o (code, place)
			RETURNING id, metadata)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at)
		SELECT id, 'EXPIRE_CAMPAIGN', now() - interval '30 seconds' + interval '1 millisecond' * (metadata ->> 'place')::int FROM c});
	return;
}

my $good = q{SELECT count(*) FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE NOT c.metadata ? 'code' AND t.status = 'COMPLETED'};
my $codes_of = q{SELECT coalesce(string_agg(c.metadata ->> 'code', ' ' ORDER BY c.metadata ->> 'code'), '') FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.metadata ? 'code' AND};

in_database($node, 'each code of the server', sub {
	my ($db) = @_;
	$node->safe_psql($db, $raising);
	add_timers($db, @waiting, @failing, ('') x 50);
	poll_is($node, $db, $good, 50, '50 timers beside them are executed');
	poll_is($node, $db, "$codes_of t.status = 'FAILED' AND t.retry_count = 1", "@failing", 'each code that the table leaves out is a failed attempt');
	query_is($node, $db, "$codes_of t.status = 'PENDING' AND t.retry_count = 0", "@waiting", 'each code that the table names is no attempt');
	query_is($node, $db, "SELECT count(*) FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id JOIN campaigns AS c ON c.id = t.campaign_id WHERE x.status = 'FAILED' AND x.error_message = (c.metadata ->> 'code') || ': not this one'",
		scalar @failing, 'each execution has its code');
	my $calls = $node->safe_psql($db, "SELECT nextval('calls')");
	sleep 2;
	cmp_ok($node->safe_psql($db, "SELECT nextval('calls')") - $calls, '<', 600, 'those that wait are not tried without a pause');
	$node->safe_psql($db, 'DROP TRIGGER raise_code ON campaigns');
	poll_is($node, $db, "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING'", 0, 'they are executed when the trigger is gone');
	query_is($node, $db, "$codes_of t.status = 'COMPLETED' AND t.retry_count = 0", "@waiting", 'without a failed attempt');
	check_invariants($node, $db, 'at the end of the scenario');
});

in_database($node, 'many timers that always raise an error of the server', sub {
	my ($db) = @_;
	$node->safe_psql($db, $raising);
	add_timers($db, ('58030') x 150, ('') x 100, ('53100') x 50);
	poll_is($node, $db, $good, 100, 'the 100 in their midst are executed');
	add_due_campaigns($node, $db, 100);
	poll_is($node, $db, $good, 200, 'so are 100 later ones');
	query_is($node, $db, "SELECT count(*), max(retry_count) FROM campaign_timers WHERE status = 'PENDING'", '200|0', 'the others wait without an attempt');
});

in_database($node, 'a handler that raises', sub {
	my ($db) = @_;
	my %wanted = map { my $code = $_; $code => /^(?:$rules)/ ? 'PENDING 0' : 'FAILED 1' } qw(08006 22012 40001 42501 53100 54001 55000 55006 55P03 57014 57P03 58030 58P01 72000 F0000 P0001 XX000 XX001);
	$node->safe_psql($db, q{
		CREATE FUNCTION raise_for(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
		DECLARE
			code text := (SELECT c.metadata ->> 'code' FROM public.campaigns AS c WHERE c.id = campaign_id);
		BEGIN
			IF code IS NOT NULL THEN
				RAISE EXCEPTION 'not this one' USING ERRCODE = code;
			END IF;
			RETURN NULL;
		END $$;
		SELECT register_handler('EXPIRE_CAMPAIGN', 'raise_for(uuid,uuid,jsonb)')});
	add_timers($db, sort(keys %wanted), ('58030') x 40, '');
	poll_is($node, $db, $good, 1, 'a timer behind 40 that raise an error of the server is executed');
	poll_is($node, $db, "SELECT string_agg(DISTINCT c.metadata ->> 'code', ' ' ORDER BY c.metadata ->> 'code') FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE t.status = 'FAILED' AND t.retry_count = 1",
		join(' ', grep { $wanted{$_} eq 'FAILED 1' } sort keys %wanted), 'the same codes are failed attempts');
	query_is($node, $db, "SELECT max(t.retry_count), count(DISTINCT c.metadata ->> 'code') FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE t.status IN ('PENDING', 'RUNNING') AND c.metadata ? 'code'",
		'0|' . grep({ $_ ne 'FAILED 1' } values %wanted), 'the others are not');
});

$node->stop;
done_testing();

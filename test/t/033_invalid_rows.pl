# The worker finishes every timer that a privileged application writes by plain DML, however odd the rows are.
#
# There are ten thousand campaigns of random states, flags, times between 1970 and 9999, metadata and payloads of every shape (unicode, escapes,
# deep nesting, a megabyte), and for most of them timers of random types, in states where they make sense and where they do not,
# with policy marks that no policy made, in statuses that only the worker writes. A third is due now. The seed is printed, and TEST_SEED
# repeats it. Afterwards every timer due is executed, or dead with its error; no timer was executed twice; and only those
# invariants are broken that the rows written break.

use strict;
use warnings FATAL => 'all';
use CampaignChecks;
use CampaignServer;
use Test::More;

my $seed = $ENV{TEST_SEED} // time % 100_000;
note("TEST_SEED=$seed");

my $node = campaign_server('garbage', conf => "campaign_lifecycle.retry_base_delay = '1ms'\nautovacuum = off\n");
$node->safe_psql('postgres', 'SELECT pause_timers()');
$node->safe_psql(
	'postgres', qq{
	SELECT setseed(($seed % 1000) / 1000.0);
	CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT choices[1 + floor(random() * cardinality(choices))::int]';
	CREATE FUNCTION junk() RETURNS jsonb LANGUAGE sql VOLATILE AS \$junk\$
		SELECT (CASE floor(random() * 11)
			WHEN 0 THEN '{}'
			WHEN 1 THEN '{"trigger_event": "' || repeat('\\u00e9', 200) || '", "changed_by": {"a": null}}'
			WHEN 2 THEN '{"policy": ' || pick('true', 'false', 'null', '"x"', '[]') || '}'
			WHEN 3 THEN repeat('{"a": ', 50) || '[]' || repeat('}', 50)
			WHEN 4 THEN '{"' || repeat('long ', 2000) || '": "\\ud83d\\ude00 \\\\ \\" \\t \\n '' ; DROP TABLE campaigns; --"}'
			WHEN 5 THEN '{"trigger_event": 12345678901234567890.5, "changed_by": ["x"]}'
			WHEN 6 THEN '{"": "", "status": "EXPIRED", "id": 1}'
			WHEN 7 THEN '{"\$\$": "%s %L %I %", "a": [1, [2, [3, {}]]]}'
			ELSE '{"n": ' || random() || '}' END)::jsonb \$junk\$;
	-- Payloads may be no objects at all.
	CREATE FUNCTION any_json() RETURNS jsonb LANGUAGE sql VOLATILE AS \$junk\$
		SELECT CASE floor(random() * 20) WHEN 0 THEN '[1, "policy"]' WHEN 1 THEN '"policy"' WHEN 2 THEN 'null' WHEN 3 THEN '12' ELSE junk() END \$junk\$;
	INSERT INTO campaigns (status, metadata, start_time, duration_hours, auto_close, rewards_enabled)
	SELECT pick('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED'), junk(),
		CASE floor(random() * 6) WHEN 0 THEN NULL WHEN 1 THEN '1970-01-01 00:00+00' WHEN 2 THEN '9898-12-31 23:59:59.999999+00'
			ELSE now() + (random() - 0.7) * interval '60 days' END,
		CASE WHEN random() < 0.1 THEN 876600 ELSE 1 + floor(random() * 100) END, random() < 0.7, random() < 0.7
	FROM generate_series(1, 10000);
	UPDATE campaigns SET metadata = metadata || jsonb_build_object('large', repeat(md5(random()::text), 30000)) WHERE id IN (SELECT id FROM campaigns ORDER BY random() LIMIT 5);
	-- As a restore with --disable-triggers writes them: no trigger has looked at these.
	SET session_replication_role = replica;
	INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at, executed_at, payload, retry_count)
	SELECT c.id, t.type, s.status,
		CASE floor(random() * 5) WHEN 0 THEN now() + random() * interval '100 days' WHEN 1 THEN '9999-12-31 00:00+00' WHEN 2 THEN '1900-01-01 00:00+00' ELSE now() - random() * interval '10 days' END,
		CASE WHEN s.status = 'COMPLETED' THEN now() END, any_json(),
		CASE s.status WHEN 'FAILED' THEN 1 + floor(random() * 5) WHEN 'PENDING' THEN floor(random() * 4) * (random() < 0.1)::int ELSE 0 END
	FROM campaigns AS c
	CROSS JOIN unnest('{START_CAMPAIGN,CLOSE_CAMPAIGN,EXPIRE_CAMPAIGN,REWARD_REMINDER}'::text[]) AS t (type)
	CROSS JOIN LATERAL (SELECT CASE WHEN random() < 0.02 THEN 'RUNNING' ELSE pick('PENDING', 'PENDING', 'PENDING', 'FAILED', 'CANCELLED', 'COMPLETED') END AS status, c.id) AS s
	WHERE random() < 0.4;
	SET session_replication_role = origin;
	CREATE TABLE before AS SELECT * FROM campaign_timers;
	ANALYZE});
note($node->safe_psql('postgres', 'SELECT status, count(*), count(*) FILTER (WHERE scheduled_at <= now()) FROM campaign_timers GROUP BY 1'));
$node->safe_psql('postgres', 'SELECT resume_timers()');
# Marks of no process are found when a worker is new.
$node->safe_psql('postgres', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'campaign_lifecycle worker'");

my $waits = "(t.status IN ('PENDING', 'RUNNING') OR (t.status = 'FAILED' AND t.retry_count < 5))";
poll_is($node, 'postgres', "SELECT count(*) FROM campaign_timers AS t WHERE $waits AND t.scheduled_at <= now()", 0, 'every timer due is executed or dead');
query_is($node, 'postgres', "SELECT count(*) FROM before AS b WHERE NOT EXISTS (SELECT FROM campaign_timers AS t WHERE t.id = b.id)", 0, 'no timer of those written has vanished');
query_is($node, 'postgres', q{
	SELECT count(*) FROM before AS b JOIN campaign_timers AS t ON t.id = b.id
	WHERE b.status IN ('COMPLETED', 'CANCELLED') AND (t.status, t.scheduled_at, t.payload) IS DISTINCT FROM (b.status, b.scheduled_at, b.payload)}, 0, 'timers that were COMPLETED or CANCELLED are unchanged');
query_is($node, 'postgres', q{
	SELECT count(*) FROM before AS b JOIN campaign_timers AS t ON t.id = b.id
	WHERE b.status IN ('PENDING', 'FAILED', 'RUNNING') AND b.scheduled_at <= now() AND b.retry_count < 5 AND t.status NOT IN ('COMPLETED', 'CANCELLED')
		AND NOT EXISTS (SELECT FROM timer_executions AS x WHERE x.timer_id = t.id AND x.status = 'FAILED' AND x.error_message <> '')
		AND t.scheduled_at <= now()}, 0, 'every timer that was due is finished or has its error');
query_is($node, 'postgres', "SELECT count(*) > 1000 FROM timer_executions WHERE status = 'COMPLETED'", 't', 'more than 1,000 timers were executed');
note($node->safe_psql('postgres', "SELECT left(error_message, 70), count(*) FROM timer_executions WHERE status = 'FAILED' GROUP BY 1 ORDER BY 2 DESC LIMIT 10"));
query_is($node, 'postgres', "SELECT count(*) FROM timer_executions WHERE error_message ~ '^(XX|22P0)'", 0, 'no error is an internal one or one of a conversion');

# Rows that the application has written have no history, and no execution.
query_is($node, 'postgres', "SELECT count(*) FROM before AS b JOIN campaign_timers AS t ON t.id = b.id WHERE b.status <> 'COMPLETED' AND t.executed_at < t.scheduled_at", 0, 'no timer was executed early');
my @invented = qw(never_early completed_once failed_attempts_are_kept completed_has_its_time execution_is_measured waiting_in_terminal_state);
my $broken = $node->safe_psql('postgres', "LOAD 'campaign_lifecycle'; " . PostgreSQL::Test::Utils::slurp_file('test/invariants.sql'));
is(join("\n", grep { my $row = $_; !grep { $row =~ /^$_\|/ } @invented } split /\n/, $broken), '', 'only those invariants are broken that the rows written break');
query_is($node, 'postgres', "SELECT count(*) FROM (SELECT FROM timer_executions WHERE status = 'COMPLETED' GROUP BY timer_id HAVING count(*) > 1) AS x", 0, 'no timer was executed twice');

# The worker goes on as before.
add_due_campaigns($node, 'postgres', 100);
poll_is($node, 'postgres', "SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= now()", 0, '100 valid timers committed afterwards are executed');
query_is($node, 'postgres', "SELECT count(*) FROM campaign_health() WHERE check_name IS NULL", 0, 'campaign_health() returns its checks');
$node->stop;
done_testing();

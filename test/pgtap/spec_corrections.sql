-- The extension departs from the specification's text where that text fails or is wrong (docs/specification.md lists
-- where). For each departure that concerns the life of a campaign, the statement that would have failed, and what
-- happens instead. Maintenance and monitoring have files of their own. First comes the specification's own SQL, as a
-- user types it.

BEGIN;
SELECT plan(27);
\ir lib/errors.psql

---- The specification's own SQL runs as it stands, with nothing renamed.

INSERT INTO campaigns (id, status, duration_hours, start_time, end_time) VALUES
	('11111111-1111-4111-8111-111111111111', 'CREATED', 24, '2026-05-01 10:00+00', '2026-05-02 10:00+00');
INSERT INTO campaign_timers (id, campaign_id, timer_type, scheduled_at) VALUES
	('22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111', 'START_CAMPAIGN', NOW() + INTERVAL '1 hour');
INSERT INTO campaign_state_log (id, campaign_id, from_state, to_state, trigger_event) VALUES
	('33333333-3333-4333-8333-333333333333', '11111111-1111-4111-8111-111111111111', NULL, 'CREATED', 'IMPORT');
INSERT INTO campaign_metrics (id, campaign_id, metric_type, value) VALUES
	('44444444-4444-4444-8444-444444444444', '11111111-1111-4111-8111-111111111111', 'ENGAGEMENT_COUNT', 17);
INSERT INTO timer_executions (id, timer_id) VALUES ('55555555-5555-4555-8555-555555555555', '22222222-2222-4222-8222-222222222222');
SELECT pass('an INSERT with an id into each table of the specification succeeds');
UPDATE campaigns SET status = 'RUNNING', metadata = metadata || '{"trigger_event": "MANUAL", "changed_by": "operator"}' WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT results_eq($$SELECT from_state::text, to_state::text, trigger_event::text, metadata ->> 'changed_by', metadata ?& ARRAY['previous_updated_at', 'new_updated_at', 'changed_by']
		FROM campaign_state_log WHERE to_state = 'RUNNING'$$,
	$$VALUES ('CREATED', 'RUNNING', 'MANUAL', 'operator', true)$$, 'a move with trigger_event and changed_by in metadata, as its log trigger reads them');

-- Its queries
SELECT is((SELECT count(*) FROM (
	SELECT
	    timer_type,
	    COUNT(*) as stuck_count,
	    MIN(scheduled_at) as oldest_stuck
	FROM campaign_timers
	WHERE status = 'PENDING'
	AND scheduled_at < NOW() - INTERVAL '10 minutes'
	GROUP BY timer_type) AS q), 0::bigint, 'the specification''s query of stuck timers runs');
SELECT is((SELECT count(*) FROM (
	SELECT
	    campaign_id,
	    timer_type,
	    retry_count,
	    scheduled_at,
	    updated_at
	FROM campaign_timers
	WHERE status = 'FAILED'
	AND retry_count < 5
	AND updated_at < NOW() - INTERVAL '5 minutes') AS q), 0::bigint, 'the specification''s query of failed timers runs');
SELECT results_eq(
	$$SELECT
	    status::text,
	    COUNT(*) as count,
	    ROUND(COUNT(*) * 100.0 / SUM(COUNT(*)) OVER (), 2) as percentage
	FROM campaigns
	GROUP BY status
	ORDER BY count DESC$$, $$VALUES ('RUNNING', 1::bigint, 100.00)$$, 'the specification''s query of the state distribution runs');
SELECT is((SELECT executions FROM (
	SELECT
	    t.timer_type,
	    COUNT(te.id) as executions,
	    ROUND(AVG(te.execution_time_ms)) as avg_ms,
	    MAX(te.execution_time_ms) as max_ms,
	    COUNT(CASE WHEN te.status = 'FAILED' THEN 1 END) as failures
	FROM campaign_timers t
	LEFT JOIN timer_executions te ON t.id = te.timer_id
	WHERE te.started_at > NOW() - INTERVAL '24 hours'
	GROUP BY t.timer_type
	ORDER BY avg_ms DESC) AS q), 1::bigint, 'the specification''s query of execution times runs');
SELECT lives_ok($$SELECT
	    schemaname,
	    tablename,
	    attname,
	    n_distinct,
	    correlation
	FROM pg_stats
	WHERE schemaname = 'public'
	AND tablename LIKE 'campaign%'
	ORDER BY tablename, attname$$, 'the specification''s query of column statistics runs');

-- Its columns added without downtime
ALTER TABLE campaigns
ADD COLUMN new_feature_flag BOOLEAN DEFAULT false;
ALTER TABLE campaigns
ALTER COLUMN new_feature_flag SET DEFAULT true;
SELECT is(new_feature_flag, false, 'a column is added while the extension is there') FROM campaigns;
SELECT create_campaign(1, id => '66666666-6666-4666-8666-666666666666');
SELECT is(new_feature_flag, true, 'campaigns made by create_campaign() take the default of a column that was added') FROM campaigns WHERE id = '66666666-6666-4666-8666-666666666666';

---- `id UUID PRIMARY KEY` with no default

INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1);
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('11111111-1111-4111-8111-111111111111', 'CLOSE_CAMPAIGN', now());
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 'NO ID');
INSERT INTO campaign_metrics (campaign_id, metric_type, value) VALUES ('11111111-1111-4111-8111-111111111111', 'ENGAGEMENT_COUNT', 18);
INSERT INTO timer_executions (timer_id) VALUES ('22222222-2222-4222-8222-222222222222');
SELECT is((SELECT array_agg(DISTINCT substr(x.id::text, 15, 1)) FROM (
		SELECT id FROM campaigns WHERE id::text NOT LIKE '%-8111-%' AND id::text NOT LIKE '%-8666-%' UNION ALL SELECT id FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN'
		UNION ALL SELECT id FROM campaign_state_log WHERE trigger_event = 'NO ID' UNION ALL SELECT id FROM campaign_metrics WHERE value = 18
		UNION ALL SELECT id FROM timer_executions WHERE id <> '55555555-5555-4555-8555-555555555555') AS x), ARRAY['7'], 'every id has a default of version 7');
-- A default that calls a function of ours would make DROP EXTENSION need CASCADE.
SELECT is((SELECT count(*) FROM pg_attrdef AS a JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_proc'::regclass
		JOIN pg_depend AS m ON m.classid = 'pg_proc'::regclass AND m.objid = d.refobjid AND m.deptype = 'e'), 0::bigint, 'defaults of ids call built-in functions only');

---- `validate_state_transition` raises unless the pair is listed: an update that leaves the status alone was refused.

SELECT is(pg_temp.error_of('UPDATE campaigns SET metadata = ''{"only": "metadata"}'''), NULL,
	'metadata alone can be updated');
SELECT is(pg_temp.error_of('UPDATE campaigns SET status = status'), NULL,
	'a status set to its own value is no transition');
UPDATE campaigns SET status = 'EXPIRED' WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is(pg_temp.error_of('UPDATE campaigns SET metadata = ''{}'''), NULL,
	'metadata can be updated in a terminal state');

---- `updated_at = NOW()`, log `created_at DEFAULT NOW()`: the order of several moves in one transaction.

DELETE FROM campaigns;
SELECT create_campaign(1, NULL) AS c \gset
SELECT transition_campaign(:'c', s) FROM unnest(ARRAY['RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']) WITH ORDINALITY AS v (s, n) ORDER BY n;
SELECT is((SELECT array_agg(to_state ORDER BY created_at, id) FROM campaign_state_log), ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']::varchar[],
	'log rows are in the order (created_at, id) in which the moves happened');
SELECT is((SELECT array_agg(from_state ORDER BY created_at, id) FROM campaign_state_log), ARRAY[NULL, 'CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM']::varchar[],
	'each log row is from the state that the row before led to');

---- trigger_event and changed_by from metadata: the keys stuck, a long value failed, anyone could claim to be anyone.

DELETE FROM campaigns;
INSERT INTO campaigns (id, status, duration_hours, metadata) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 1, '{"trigger_event": "FIRST", "changed_by": "first"}');
UPDATE campaigns SET status = 'RUNNING';
SELECT is(trigger_event, 'UNKNOWN', 'a key that was there before says nothing of this move') FROM campaign_state_log WHERE to_state = 'RUNNING';
SELECT is(pg_temp.error_of(format('UPDATE campaigns SET status = ''CLOSED'', metadata = ''{"trigger_event": "%s"}''', repeat('long', 1000))), NULL,
	'a long value does not make a move fail');
UPDATE campaigns SET status = 'EXPIRED', metadata = '{"changed_by": "somebody else", "session_user": "nobody"}';
SELECT is(metadata ->> 'session_user', session_user::text, 'who it was stands there, whatever the metadata claim') FROM campaign_state_log WHERE to_state = 'EXPIRED';

---- creation is not logged

SELECT results_eq($$SELECT from_state::text, to_state::text, trigger_event::text FROM campaign_state_log WHERE from_state IS NULL$$, $$VALUES (NULL::text, 'CREATED', 'CREATED')$$,
	'creation is logged');

---- tables that are members of the extension

SELECT is((SELECT array_agg(c.relname ORDER BY c.relname) FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'campaign_lifecycle'
		WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND c.relname IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_state_log_default',
			'campaign_state_log_archive', 'campaign_metrics', 'timer_executions', 'campaign_state_transitions', 'campaign_timer_policies', 'campaign_tables_version')),
	NULL, 'no campaign table is a member of the extension');
SELECT is((SELECT array_agg(DISTINCT relowner::regrole::text) FROM pg_class WHERE relname IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions')),
	ARRAY[quote_ident(session_user)], 'the campaign tables belong to the role that ran CREATE EXTENSION');

---- `end_time` check passes when start_time is NULL

SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours, end_time) VALUES ('CREATED', 1, now())$$), '23514 end_time_needs_start_time',
	'an end_time without a start_time is refused');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 2147483647)$$), '23514 valid_duration_limit',
	'a duration has an upper bound');

---- timers of expired campaigns are refused: history could not be imported

INSERT INTO campaigns (id, status, duration_hours, start_time, created_at) VALUES ('77777777-7777-4777-8777-777777777777', 'EXPIRED', 24, '2020-01-01 00:00+00', '2019-12-01 00:00+00');
INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at, executed_at, created_at) VALUES
	('77777777-7777-4777-8777-777777777777', 'START_CAMPAIGN', 'COMPLETED', '2020-01-01 00:00+00', '2020-01-01 00:00:01+00', '2019-12-01 00:00+00'),
	('77777777-7777-4777-8777-777777777777', 'CLOSE_CAMPAIGN', 'CANCELLED', '2020-01-02 00:00+00', NULL, '2019-12-01 00:00+00');
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = '77777777-7777-4777-8777-777777777777'), 2::bigint,
	'history of an expired campaign can be imported');
SELECT is(pg_temp.violation_of($$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('77777777-7777-4777-8777-777777777777', 'CLOSE_CAMPAIGN', now())$$),
	'P0001 validate_timer_scheduling', 'a timer of an expired campaign that would still wait is refused');

---- functions called `update_updated_at_column` and the like: the extension may stand in any schema; see test/sql for
---- clashes.

SELECT is((SELECT extrelocatable FROM pg_extension WHERE extname = 'campaign_lifecycle'), false,
	'the extension is not relocatable');

SELECT * FROM finish();
ROLLBACK;

-- A finished timer stays finished: plain SQL cannot bring it back, and retry_timer() revives only one that has FAILED.

BEGIN;
SELECT plan(15);
\ir lib/errors.psql
\ir lib/campaigns.psql

SELECT create_campaign(24, now() + interval '1 hour') AS c \gset
SELECT id AS completed FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN' \gset
SELECT id AS cancelled FROM campaign_timers WHERE timer_type = 'CLOSE_CAMPAIGN' \gset
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '1 hour', 10);
SELECT cancel_timer(:'cancelled');

SELECT is(pg_temp.error_of(format('UPDATE campaign_timers SET status = %L, executed_at = NULL WHERE id = %L', s, :'completed')),
	format('55000: a COMPLETED timer cannot become %s: %s', s, :'completed'), 'a COMPLETED timer does not become ' || s)
FROM unnest(ARRAY['PENDING', 'RUNNING', 'FAILED']) AS s;
SELECT is(pg_temp.error_of(format('UPDATE campaign_timers SET status = %L WHERE id = %L', s, :'cancelled')),
	format('55000: a CANCELLED timer cannot become %s: %s', s, :'cancelled'), 'a CANCELLED timer does not become ' || s)
FROM unnest(ARRAY['PENDING', 'RUNNING', 'FAILED']) AS s;
SELECT is(pg_temp.hint_of(format('UPDATE campaign_timers SET status = ''PENDING'' WHERE id = %L', :'completed')),
	'It is finished. schedule_timer() sets a new one.', 'the hint names schedule_timer()');
SELECT is((pg_temp.diagnostics(format('SELECT %s(%L)', f, t))).code, '55000', format('%s refuses a timer that is %s', f, s))
FROM (VALUES ('COMPLETED', :'completed'), ('CANCELLED', :'cancelled')) AS v (s, t), unnest(ARRAY['retry_timer']) AS f;
SELECT is(campaign_lifecycle_internal._run_due_timers(now() + interval '1 hour', 10), 0::bigint, 'nothing is executed again');

-- Other columns may change, and a bulk cancel may meet finished timers.
SELECT lives_ok(format('UPDATE campaign_timers SET payload = ''{"seen": 1}'' WHERE id = %L', :'completed'), 'the payload of a finished timer may change');
SELECT lives_ok('UPDATE campaign_timers SET status = ''CANCELLED''', 'a cancel of all timers of a campaign may meet finished ones');

-- Restores with --disable-triggers and logical replication write what they are told.
SET LOCAL session_replication_role = replica;
SELECT lives_ok(format('UPDATE campaign_timers SET status = ''PENDING'' WHERE id = %L', :'cancelled'), 'a replica may write any status');
SET LOCAL session_replication_role = origin;

SELECT is((SELECT count(*) FROM pg_depend AS d JOIN pg_trigger AS g ON g.oid = d.objid WHERE d.classid = 'pg_trigger'::regclass
	AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x' AND g.tgname = 'validate_timer_status_change'), 1::bigint,
	'the trigger depends on the extension');
SELECT is((SELECT tgenabled FROM pg_trigger WHERE tgname = 'validate_timer_status_change'), 'O', 'the trigger fires for ordinary sessions only');

SELECT * FROM finish();
ROLLBACK;

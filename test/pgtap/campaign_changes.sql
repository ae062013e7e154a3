-- Changes of plan are history. reschedule_campaign(), extend_campaign(), schedule_timer(), reschedule_timer(),
-- cancel_timer() and retry_timer() leave a row each in campaign_changes: who, when, what was and what is. A writer cannot
-- write that table, nor give a row another user of the session. extend_campaign() moves the end.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql

CREATE FUNCTION pg_temp.changes() RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(concat_ws(' ', h.operation, h.timer_type) ORDER BY h.changed_at, h.id) FROM campaign_changes AS h
$$;
CREATE FUNCTION pg_temp.last_change() RETURNS campaign_changes LANGUAGE sql AS $$
	SELECT h FROM campaign_changes AS h ORDER BY h.changed_at DESC, h.id DESC LIMIT 1
$$;

SELECT create_campaign(24, now() + interval '1 day') AS c \gset
SELECT is(pg_temp.changes(), NULL, 'create_campaign() is no change of plan');
SELECT transition_campaign(:'c', 'RUNNING') \gset
SELECT is(pg_temp.changes(), NULL, 'nor is a state change, which the log has');

---- extend_campaign()

SELECT is(extend_campaign(:'c', 6), now() + interval '54 hours', 'extend_campaign() returns the new end_time');
SELECT is((SELECT duration_hours FROM campaigns WHERE id = :'c'), 30, 'the campaign lasts six hours longer');
SELECT is((SELECT array_agg(scheduled_at ORDER BY scheduled_at) FROM campaign_timers WHERE campaign_id = :'c' AND status = 'PENDING'),
	ARRAY[now() + interval '54 hours', now() + interval '56 hours'], 'the timers of policies follow');
SELECT is(extend_campaign(:'c', -29), now() + interval '25 hours', 'a negative number lets it end earlier');
SELECT is(extend_campaign(:'c', 0), now() + interval '25 hours', 'no hours change nothing');
SELECT is(pg_temp.changes(), '{extend_campaign,extend_campaign}', 'a call that changes nothing leaves no row');
SELECT is(pg_temp.error_of(format('SELECT extend_campaign(%L, -1)', :'c')), '22023: campaign duration out of range: 0 hours',
	'a campaign lasts an hour at least');
SELECT is(pg_temp.error_of(format('SELECT extend_campaign(%L, 2147483647)', :'c')), '22023: campaign duration out of range: 2147483647 hours',
	'and 100 years at most');
SELECT is(pg_temp.error_of(format('SELECT extend_campaign(%L, -2147483648)', :'c')), '22023: campaign duration out of range: -2147483647 hours',
	'the least number is no reason for another error');
SELECT create_campaign(48, now() - interval '24 hours') AS old \gset
SELECT matches(pg_temp.error_of(format('SELECT extend_campaign(%L, -30)', :'old')), '^22008: campaign end_time would be in the past: ',
	'a campaign cannot end in the past');
SELECT is(pg_temp.error_of('SELECT extend_campaign(NULL, 1)'), '22004: campaign_id must not be null', 'NULL for the campaign');
SELECT is(pg_temp.error_of(format('SELECT extend_campaign(%L, NULL)', :'c')), '22004: by_hours must not be null', 'NULL for the hours');
SELECT is(pg_temp.error_of('SELECT extend_campaign(''00000000-0000-0000-0000-000000000000'', 1)'),
	'P0002: campaign not found: 00000000-0000-0000-0000-000000000000', 'no campaign');
SELECT create_campaign(24, NULL) AS unknown \gset
SELECT is(extend_campaign(:'unknown', 1), NULL, 'without a start no end is known');
SELECT is((SELECT duration_hours FROM campaigns WHERE id = :'unknown'), 25, 'and the duration changes');
SELECT create_campaign(24, now() + interval '1 day') AS closed \gset
SELECT transition_campaign(:'closed', 'RUNNING'), transition_campaign(:'closed', 'CLOSED') \gset
SELECT is(pg_temp.error_of(format('SELECT extend_campaign(%L, 1)', :'closed')), '55000: a campaign in state CLOSED cannot be rescheduled',
	'a campaign that has closed is not extended');

---- Contents of the rows

DELETE FROM campaign_changes;
SET LOCAL campaign_lifecycle.changed_by = 'the form';
SELECT reschedule_campaign(:'c', duration_hours => 40);
RESET campaign_lifecycle.changed_by;
SELECT is(h.changed_by || ', ' || h.session_role, 'the form, ' || session_user, 'the setting names the author, beside the user of the session')
FROM pg_temp.last_change() AS h;
SELECT is(h.before, jsonb_build_object('start_time', now() + interval '1 day', 'end_time', now() + interval '25 hours', 'duration_hours', 1),
	'before has the times that were') FROM pg_temp.last_change() AS h;
SELECT is(h.after ->> 'duration_hours', '40', 'after has those that are') FROM pg_temp.last_change() AS h;
SELECT ok(h.changed_at BETWEEN now() AND clock_timestamp() AND h.campaign_id = :'c' AND h.timer_id IS NULL AND h.timer_type IS NULL,
	'the row has the campaign and the time') FROM pg_temp.last_change() AS h;

SELECT schedule_timer(:'c', 'REWARD_REMINDER', now() + interval '2 hours', '{"n": 1}') AS t \gset
SELECT is(h.changed_by, session_user::text, 'without the setting the user of the session is the author') FROM pg_temp.last_change() AS h;
SELECT ok(h.before IS NULL AND h.timer_id = :'t' AND h.after @> '{"status": "PENDING", "retry_count": 0, "payload": {"n": 1}}',
	'a new timer has no before') FROM pg_temp.last_change() AS h;
SELECT reschedule_timer(:'t', now() + interval '3 hours');
SELECT is(ARRAY[h.before -> 'scheduled_at', h.after -> 'scheduled_at'], ARRAY[to_jsonb(now() + interval '2 hours'), to_jsonb(now() + interval '3 hours')],
	'a timer that moved has both times') FROM pg_temp.last_change() AS h;
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE id = :'t';
SELECT retry_timer(:'t');
SELECT is(ARRAY[h.before ->> 'status', h.after ->> 'status'], '{FAILED,PENDING}', 'so has one that is retried') FROM pg_temp.last_change() AS h;
UPDATE campaign_timers SET status = 'FAILED', retry_count = 1 WHERE id = :'t';
SELECT schedule_timer(:'c', 'REWARD_REMINDER', now() + interval '4 hours');
SELECT is(h.before ->> 'status', 'FAILED', 'a timer that schedule_timer() revives has a before') FROM pg_temp.last_change() AS h;
SELECT cancel_timer(:'t', 'not wanted');
SELECT is(h.after #>> '{payload,cancel_reason}', 'not wanted', 'a cancelled one has its reason') FROM pg_temp.last_change() AS h;
SELECT is(pg_temp.changes(), '{reschedule_campaign,schedule_timer REWARD_REMINDER,reschedule_timer REWARD_REMINDER,retry_timer REWARD_REMINDER,schedule_timer REWARD_REMINDER,cancel_timer REWARD_REMINDER}',
	'each call has left one row, in order');

---- The timeline.

SELECT results_eq(format($$SELECT name, status FROM campaign_timeline(%L) WHERE kind = 'change'$$, :'c'),
	$$VALUES ('reschedule_campaign', NULL), ('schedule_timer', NULL), ('reschedule_timer', NULL), ('retry_timer', NULL), ('schedule_timer', NULL), ('cancel_timer', NULL)$$,
	'campaign_timeline() shows them as kind change');
SELECT is(detail - 'before' - 'after', jsonb_build_object('timer_id', :'t', 'timer_type', 'REWARD_REMINDER', 'changed_by', session_user, 'session_user', session_user),
	'the detail says who has changed what') FROM campaign_timeline(:'c') WHERE name = 'cancel_timer';
SELECT ok(detail ?& '{before,after}' AND NOT detail ? 'timer_id', 'a change of the campaign has no timer')
FROM campaign_timeline(:'c') WHERE name = 'reschedule_campaign';

---- Who may write it.

CREATE ROLE changes_writer NOLOGIN;
CREATE ROLE changes_owner NOLOGIN;
SELECT grant_campaign_access('changes_writer', 'writer');
SELECT set_campaign_owner('changes_owner');
GRANT USAGE ON SCHEMA tap TO PUBLIC;
SET LOCAL ROLE changes_writer;
SELECT extend_campaign(:'c', 1) \gset
SELECT is(pg_temp.error_of('INSERT INTO campaign_changes (campaign_id, operation, changed_by, session_role, after) SELECT campaign_id, operation, changed_by, session_role, after FROM campaign_changes'),
	'42501: permission denied for table campaign_changes', 'a writer cannot write the history');
SELECT is(pg_temp.error_of('DELETE FROM campaign_changes'), '42501: permission denied for table campaign_changes', 'nor remove it');
RESET ROLE;
SELECT is(h.session_role, session_user::text, 'the row of a writer is there, with the user of the session') FROM pg_temp.last_change() AS h;

---- Cleanup.

UPDATE campaign_changes SET changed_at = now() - interval '7 months' WHERE operation = 'schedule_timer';
UPDATE campaign_changes SET changed_at = now() - interval '5 months' WHERE operation = 'retry_timer';
SELECT is(cleanup_campaign_changes(max_rows => 1), 1::bigint, 'cleanup_campaign_changes() removes so many rows at most');
SELECT is(cleanup_campaign_changes(), 1::bigint, 'and all that are older than 6 months');
SELECT is(cleanup_campaign_changes('4 months'), 1::bigint, 'or than another age');
SELECT is(cleanup_campaign_changes(as_of => now() + interval '5 months'), 0::bigint, 'as_of is the time from which the age counts');
SELECT is(pg_temp.error_of('SELECT cleanup_campaign_changes(NULL)'), '22004: older_than must not be null', 'NULL is no age');
SELECT is(pg_temp.error_of($$SELECT cleanup_campaign_changes('-1 day')$$), '22023: older_than must not be negative: -1 days', 'an age is not negative');
SELECT is(pg_temp.error_of('SELECT cleanup_campaign_changes(max_rows => -1)'), '22023: max_rows must not be negative: -1', 'nor is a number of rows');
SELECT row_eq($$SELECT enabled, retention FROM campaign_maintenance_jobs WHERE job = 'cleanup-campaign-changes'$$,
	ROW(true, '6 months'::interval), 'a job of the maintenance does it');
UPDATE campaign_changes SET changed_at = now() - interval '7 months' WHERE operation = 'cancel_timer';
SELECT is(campaign_lifecycle_internal._run_maintenance_step('cleanup-campaign-changes', now()), false, 'the job runs');
SELECT is((SELECT last_count FROM campaign_maintenance_jobs WHERE job = 'cleanup-campaign-changes'), 1::bigint, 'and removes old rows');

DELETE FROM campaigns WHERE id = :'c';
SELECT is_empty(format('SELECT FROM campaign_changes WHERE campaign_id = %L', :'c'), 'the history goes with its campaign');

SELECT * FROM finish();
ROLLBACK;

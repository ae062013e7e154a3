-- Plain INSERT and UPDATE set no timers. Health counts the campaigns that a policy would give timers and that have
-- none, schedule_missing_timers() gives them some in bounded calls, and a start_time that plain SQL has moved is seen.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql
\ir lib/campaigns.psql

CREATE FUNCTION pg_temp.check(name text) RETURNS text LANGUAGE sql AS $$
	SELECT h.status || ': ' || h.value FROM campaign_health() AS h WHERE h.check_name = name
$$;
CREATE FUNCTION pg_temp.detail(name text) RETURNS text LANGUAGE sql AS $$
	SELECT h.detail FROM campaign_health() AS h WHERE h.check_name = name
$$;

SELECT is(pg_temp.check('missing_timers'), 'ok: 0, 0 overdue', 'an empty table is well');
SELECT is(pg_temp.check('rescheduled_campaigns'), 'ok: 0', 'no campaign was moved');

-- Campaigns that want no timers, or have had them.
INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 24);
INSERT INTO campaigns (status, duration_hours) VALUES ('EXPIRED', 24);
SELECT create_campaign(24, '2100-01-01 10:00+00') AS whole \gset
SELECT create_campaign(24, '2100-01-01 10:00+00') AS cancelled \gset
SELECT cancel_timer(id) FROM campaign_timers WHERE campaign_id = :'cancelled';
SELECT create_campaign(24, '2100-01-01 10:00+00') AS dead \gset
UPDATE campaign_timers SET status = 'FAILED', retry_count = 5 WHERE campaign_id = :'dead';
SELECT is(pg_temp.check('missing_timers'), 'ok: 0, 0 overdue', 'a draft, an ended campaign, one with timers, one whose timers were cancelled and one with dead timers lack none');
SELECT is(schedule_missing_timers(), 0::bigint, 'and get none');

-- Ten thousand plain INSERTs, one overdue for two days, one that should have ended.
INSERT INTO campaigns (id, duration_hours, start_time) SELECT '11111111-1111-4111-8111-111111111111', 240, now() - interval '2 days';
INSERT INTO campaigns (id, status, duration_hours, start_time) SELECT '22222222-2222-4222-8222-222222222222', 'RUNNING', 24, now() - interval '25 hours';
INSERT INTO campaigns (duration_hours, start_time) SELECT 24, now() + n * interval '1 minute' FROM generate_series(2, 10000) AS g (n);
SELECT matches(pg_temp.check('missing_timers'), '^critical: \d{4,5}, 2 overdue$', 'health counts them, and those overdue');
SELECT matches(pg_temp.detail('missing_timers'), ': 11111111-1111-4111-8111-111111111111 \([^)]*\), 22222222-2222-4222-8222-222222222222 \(', 'the overdue ones stand first');
SELECT matches(pg_temp.detail('missing_timers'), 'SELECT schedule_missing_timers\(\)', 'with what to do');
SELECT is(schedule_missing_timers(2), 2::bigint, 'a bounded call gives timers to so many');
SELECT is(array_agg(t.timer_type || CASE WHEN t.timer_type = 'START_CAMPAIGN' THEN (t.scheduled_at BETWEEN now() AND clock_timestamp())::text
		ELSE ' ' || (t.scheduled_at - c.start_time)::text END ORDER BY t.timer_type),
	ARRAY['CLOSE_CAMPAIGN 10 days', 'EXPIRE_CAMPAIGN 10 days 02:00:00', 'START_CAMPAIGNtrue'], 'the overdue one comes first, and is due at once')
FROM campaign_timers AS t JOIN campaigns AS c ON c.id = t.campaign_id WHERE c.id = '11111111-1111-4111-8111-111111111111';
SELECT is((SELECT array_agg(t.timer_type ORDER BY t.timer_type) FROM campaign_timers AS t WHERE t.campaign_id = '22222222-2222-4222-8222-222222222222' AND t.status = 'PENDING'), ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN']::varchar[],
	'so does the one that should have ended');
SELECT matches(pg_temp.check('missing_timers'), '^warning: \d{4,5}, 0 overdue$', 'then none is overdue');
DELETE FROM campaigns WHERE start_time > now() + interval '1199 minutes';
SELECT is(schedule_missing_timers(), 1000::bigint, 'a call takes a thousand');
SELECT is(schedule_missing_timers(10000), 198::bigint, 'and the next goes on');
SELECT is(schedule_missing_timers(), 0::bigint, 'until none is left');
SELECT is(pg_temp.check('missing_timers'), 'ok: 0, 0 overdue', 'health says so');
SELECT is((SELECT count(DISTINCT t.campaign_id) FROM campaign_timers AS t WHERE t.timer_type = 'START_CAMPAIGN' AND t.status = 'PENDING'), 1199::bigint, 'each has its timers');

-- One whose timers cannot be written is named, and the others go on.
DELETE FROM campaigns;
INSERT INTO campaigns (id, duration_hours, start_time) VALUES ('11111111-1111-4111-8111-111111111111', 24, now() - interval '1 day'), ('22222222-2222-4222-8222-222222222222', 24, now() + interval '1 day');
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'not this one';
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON campaign_timers FOR EACH ROW WHEN (NEW.campaign_id = '11111111-1111-4111-8111-111111111111') EXECUTE FUNCTION pg_temp.refuse();
SET LOCAL client_min_messages = error;
SELECT is(schedule_missing_timers(1), 1::bigint, 'a campaign whose timers are refused does not stop the others');
RESET client_min_messages;
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = '22222222-2222-4222-8222-222222222222'), 3::bigint, 'the other one has its timers');

-- After a plain UPDATE of the state, the timers of the new state are missing.
DELETE FROM campaigns;
INSERT INTO campaigns (id, duration_hours) VALUES ('33333333-3333-4333-8333-333333333333', 24);
UPDATE campaigns SET status = 'RUNNING';
UPDATE campaigns SET status = 'CLOSED';
SELECT is(pg_temp.check('missing_timers'), 'warning: 1, 0 overdue', 'a state that plain SQL has entered has no timers');
SELECT is(schedule_missing_timers(), 1::bigint, 'it gets them');
SELECT is(pg_temp.waiting(id, pg_temp.entered(id)), ARRAY['EXPIRE_CAMPAIGN +48:00:00', 'REWARD_REMINDER +00:05:00'], 'counted from the entry') FROM campaigns;

-- A column of only_when that is false gives none.
DELETE FROM campaigns;
DELETE FROM campaign_timer_policies WHERE timer_type = 'EXPIRE_CAMPAIGN' AND state = 'RUNNING';
INSERT INTO campaigns (status, duration_hours, start_time, auto_close) VALUES ('RUNNING', 24, now(), false);
SELECT is(pg_temp.check('missing_timers'), 'ok: 0, 0 overdue', 'a policy that is switched off gives no timer');

-- start_time moved by a plain UPDATE.
DELETE FROM campaigns;
SELECT create_campaign(24, '2100-01-01 10:00+00') AS c \gset
UPDATE campaigns SET start_time = '2100-01-02 10:00+00';
SELECT is(pg_temp.check('rescheduled_campaigns'), 'warning: 3', 'timers at a former time are seen');
SELECT matches(pg_temp.detail('rescheduled_campaigns'), :'c', 'and the campaign is named');
SELECT is((SELECT count(*) FROM schedule_campaign_timers(:'c')), 3::bigint, 'schedule_campaign_timers() mends it');
SELECT is(pg_temp.check('rescheduled_campaigns'), 'ok: 0', 'then they stand at the right time');
UPDATE campaigns SET start_time = date_trunc('minute', start_time) + interval '20 s', metadata = '{"saved": true}';
SELECT is(pg_temp.check('rescheduled_campaigns'), 'ok: 0', 'a difference below a minute is what forms round');
UPDATE campaigns SET start_time = '2026-01-01 10:00+00';
SELECT is(pg_temp.check('rescheduled_campaigns'), 'warning: 3', 'a start moved into the past is seen');
SELECT count(*) FROM schedule_campaign_timers(:'c');
SELECT is(pg_temp.check('rescheduled_campaigns'), 'ok: 0', 'a timer that is due at once is at the right time');

-- Who may, and errors
SELECT is((pg_temp.diagnostics('SELECT schedule_missing_timers(NULL)')).code, '22004', 'NULL is refused');
SELECT is((pg_temp.diagnostics('SELECT schedule_missing_timers(-1)')).code, '22023', 'a negative number is refused');
CREATE ROLE missing_writer NOLOGIN;
SELECT grant_campaign_access('missing_writer', 'writer');
DELETE FROM campaigns;
INSERT INTO campaigns (duration_hours, start_time) VALUES (24, now());
SET LOCAL ROLE missing_writer;
SELECT schedule_missing_timers() AS given \gset
RESET ROLE;
SELECT is(:given, 1, 'a writer calls it');

SELECT * FROM finish();
ROLLBACK;

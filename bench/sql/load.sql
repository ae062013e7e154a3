-- psql -v n=... -v moves=start|close: n campaigns, each with one due timer, the same rows whatever the schema.
--   start: CREATED, START_CAMPAIGN is due; CLOSE and EXPIRE wait for the campaign's end a day later, where the policy wants them.
--   close: RUNNING, CLOSE_CAMPAIGN is due; EXPIRE waits two hours after the end, from where closing moves it, and a REWARD_REMINDER is to come.
-- Due timers are spread over the ten minutes before the load, in another order than the rows. Ids are random, as the
-- specification's are. Triggers and foreign keys are off while loading, because the rule against timers in the past would refuse these.

SET session_replication_role = replica;
CREATE TEMP TABLE planned AS
	SELECT md5('campaign' || i)::uuid AS campaign_id,
		now() - interval '10 minutes' + ((i * 7919::bigint) % :n) * (interval '10 minutes' / :n) AS due
	FROM generate_series(1, :n) AS i;
INSERT INTO campaigns (id, status, start_time, end_time, duration_hours, created_at, updated_at)
	SELECT campaign_id, CASE :'moves' WHEN 'start' THEN 'CREATED' ELSE 'RUNNING' END,
		due - began.before, due - began.before + interval '24 hours', 24, now() - interval '2 days', now() - interval '2 days'
	FROM planned, (SELECT CASE :'moves' WHEN 'start' THEN interval '0' ELSE interval '24 hours' END) AS began (before);
INSERT INTO campaign_timers (id, campaign_id, timer_type, scheduled_at, payload, created_at, updated_at)
	SELECT md5(t.timer_type || c.id)::uuid, c.id, t.timer_type, t.scheduled_at, '{"policy": true}', c.created_at, c.created_at
	FROM campaigns AS c
	CROSS JOIN LATERAL (VALUES ('START_CAMPAIGN', c.start_time), ('CLOSE_CAMPAIGN', c.end_time), ('EXPIRE_CAMPAIGN', c.end_time + interval '2 hours'))
		AS t (timer_type, scheduled_at)
	WHERE t.timer_type <> 'START_CAMPAIGN' OR c.status = 'CREATED';
RESET session_replication_role;
VACUUM (ANALYZE, FREEZE);

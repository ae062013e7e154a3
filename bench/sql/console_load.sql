-- Load :n campaigns of all states, with five timers each and an execution of each timer that is over. Triggers and foreign keys are left out.
SET session_replication_role = replica;
SELECT setseed(0.5);
CREATE TEMP TABLE made AS
SELECT n, now() - interval '700 days' + n * (interval '710 days' / :n) AS started, 24 + (random() * 400)::int AS hours FROM generate_series(1, :n) AS n;

-- An id of version 7 begins with the time, as the server's do.
CREATE TEMP TABLE placed AS
SELECT m.n, m.started, m.hours, (lpad(to_hex((extract(epoch FROM m.started) * 1000)::bigint), 12, '0') || '7' || substr(md5(m.n::text), 1, 3) || '8' || substr(md5(m.n::text), 4, 15))::uuid AS id,
	CASE WHEN m.started > now() THEN 'CREATED'
		WHEN m.started + m.hours * interval '1 hour' > now() THEN 'RUNNING'
		WHEN m.started + m.hours * interval '1 hour' > now() - interval '5 minutes' THEN 'CLOSED'
		WHEN m.started + m.hours * interval '1 hour' > now() - interval '7 days' THEN CASE WHEN m.n % 5 = 0 THEN 'CLOSED' ELSE 'REWARD_CLAIM' END
		ELSE 'EXPIRED' END AS status
FROM made AS m;

INSERT INTO campaigns (id, status, metadata, created_at, updated_at, start_time, end_time, duration_hours)
SELECT p.id, p.status, jsonb_build_object('name', 'campaign ' || p.n), p.started - interval '1 day', p.started, p.started, p.started + p.hours * interval '1 hour', p.hours
FROM placed AS p;

INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at, executed_at, payload, created_at, updated_at)
SELECT q.id, q.type, CASE WHEN q.at <= now() THEN 'COMPLETED' ELSE 'PENDING' END, q.at, CASE WHEN q.at <= now() THEN q.at + interval '4 milliseconds' END,
	'{"policy": "bulk"}', q.started, q.started
FROM (SELECT p.id, p.started, t.type, CASE t.type WHEN 'START_CAMPAIGN' THEN p.started ELSE p.started + p.hours * interval '1 hour' + t.after END AS at
	FROM placed AS p
	CROSS JOIN (VALUES ('START_CAMPAIGN', interval '0'), ('CLOSE_CAMPAIGN', '0'), ('REWARD_REMINDER', '5 minutes'), ('REWARD_REMINDER', '6 days'), ('EXPIRE_CAMPAIGN', '7 days')) AS t (type, after)
	-- One timer of a type waits at a time.
	WHERE t.type <> 'REWARD_REMINDER' OR t.after < interval '1 day'
		OR p.started + p.hours * interval '1 hour' + interval '5 minutes' <= now()) AS q;

INSERT INTO timer_executions (timer_id, status, result, started_at, completed_at, execution_time_ms)
SELECT t.id, 'COMPLETED', '{"event": "bulk"}', t.executed_at, t.executed_at, 1 FROM campaign_timers AS t
WHERE t.status = 'COMPLETED' AND t.scheduled_at > now() - interval '60 days';

INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at)
SELECT p.id, 'CREATED', 'CREATED', p.started - interval '1 day' FROM placed AS p WHERE p.started > now() - interval '90 days';

-- Clients keep times in milliseconds, seconds or minutes, and save every column of a row. An end_time that they have
-- rounded counts as not given. Columns with a precision of milliseconds hold what the server writes.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql
\ir lib/campaigns.psql

---- A form saves the row that it has read, with rounded times and a new duration.

CREATE FUNCTION pg_temp.rounded(unit text, at timestamptz) RETURNS timestamptz LANGUAGE sql AS $$
	SELECT date_trunc(unit, at + CASE unit WHEN 'second' THEN interval '0.5 s' WHEN 'minute' THEN interval '30 s' ELSE interval '0.5 ms' END)
$$;
CREATE TEMPORARY TABLE saved AS SELECT * FROM (VALUES
	('truncated to milliseconds', $$date_trunc('milliseconds', %s)$$),
	('rounded to milliseconds', $$pg_temp.rounded('milliseconds', %s)$$),
	('truncated to seconds', $$date_trunc('second', %s)$$),
	('rounded to seconds', $$pg_temp.rounded('second', %s)$$),
	('truncated to minutes', $$date_trunc('minute', %s)$$),
	('rounded to minutes', $$pg_temp.rounded('minute', %s)$$),
	('rounded to hundredths', $$date_bin('10 ms', %s + interval '5 ms', '2000-01-01')$$)) AS v (how, expression);
CREATE FUNCTION pg_temp.save(expression text, start_too boolean, hours integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	start_at timestamptz := '2026-05-01 10:20:37.654321+00';
	raised text;
BEGIN
	DELETE FROM campaigns;
	INSERT INTO campaigns (duration_hours, start_time, status) VALUES (24, start_at, 'CREATED');
	raised := pg_temp.violation_of(format('UPDATE campaigns SET status = status, metadata = metadata, end_time = %s, duration_hours = %s, start_time = %s',
		format(expression, 'end_time'), hours, CASE WHEN start_too THEN format(expression, 'start_time') ELSE 'start_time' END));
	SELECT * INTO c FROM campaigns;
	RETURN coalesce(raised, CASE WHEN c.end_time = c.start_time + hours * interval '1 hour' AND (start_too OR c.start_time = start_at) THEN 'follows'
		ELSE format('%s to %s', c.start_time, c.end_time) END);
END
$$;
SELECT is(pg_temp.save(s.expression, b.start_too, h.hours), 'follows', format('end_time %s, start_time %s, %s hours', s.how, CASE WHEN b.start_too THEN 'too' ELSE 'as it was' END, h.hours))
FROM saved AS s, (VALUES (true), (false)) AS b (start_too), (VALUES (24), (72)) AS h (hours);

-- The statement of the first report, with a start to the microsecond.
DELETE FROM campaigns;
INSERT INTO campaigns (status, duration_hours, start_time) VALUES ('CREATED', 24, '2026-05-01 10:20:37.654321+00');
UPDATE campaigns SET start_time = date_trunc('milliseconds', start_time), end_time = date_trunc('milliseconds', end_time), duration_hours = 72;
SELECT is(end_time, '2026-05-04 10:20:37.654+00', 'an end_time in milliseconds follows the duration') FROM campaigns;

-- A new row with a rounded end gets the right one.
INSERT INTO campaigns (status, duration_hours, start_time, end_time) VALUES ('CREATED', 1, '2026-06-01 10:20:37.654321+00', '2026-06-01 11:20:37.654+00');
SELECT is(end_time, '2026-06-01 11:20:37.654321+00', 'a rounded end_time of a new row is made right') FROM campaigns WHERE duration_hours = 1;

-- An end that is meant and is wrong is still refused.
SELECT is(pg_temp.violation_of(format('UPDATE campaigns SET end_time = %s', e)), '23514 calculated_end_time', 'end_time = ' || e || ' is refused')
FROM unnest(ARRAY['end_time + interval ''1 second''', 'end_time - interval ''1 millisecond''', 'end_time + interval ''1 hour''', 'date_trunc(''hour'', end_time)']) AS e;

---- Columns whose type has a precision.

ALTER TABLE campaigns ALTER COLUMN updated_at TYPE timestamptz(3);
DELETE FROM campaigns;
INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1);
CREATE TEMPORARY TABLE stamps (n serial, at timestamptz);
DO $$
BEGIN
	FOR i IN 1 .. 5 LOOP
		UPDATE campaigns SET metadata = to_jsonb(i);
		INSERT INTO stamps (at) SELECT c.updated_at FROM campaigns AS c;
	END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM stamps WHERE at = date_trunc('milliseconds', at)), 5::bigint, 'updated_at of type timestamptz(3) is stamped in milliseconds');
SELECT is((SELECT count(*) FROM (SELECT at > lag(at) OVER (ORDER BY n) AS later FROM stamps) AS s WHERE s.later), 4::bigint, 'each stamp is later than the one before');
SELECT is((SELECT count(*) FROM campaigns AS c WHERE c.updated_at = date_trunc('milliseconds', c.updated_at)), 1::bigint,
	'an optimistic lock that has read milliseconds finds the row');
-- The clock has been set back.
ALTER TABLE campaigns DISABLE TRIGGER update_campaigns_updated_at;
UPDATE campaigns SET updated_at = '2100-01-01 00:00:00.5+00';
ALTER TABLE campaigns ENABLE TRIGGER update_campaigns_updated_at;
UPDATE campaigns SET metadata = '{}';
SELECT is(updated_at, '2100-01-01 00:00:00.501+00', 'a stamp in the future grows by one unit of the column') FROM campaigns;
ALTER TABLE campaigns DISABLE TRIGGER update_campaigns_updated_at;
UPDATE campaigns SET updated_at = '1999-01-01 00:00:00.5+00';
ALTER TABLE campaigns ENABLE TRIGGER update_campaigns_updated_at;
ALTER TABLE campaigns ALTER COLUMN updated_at TYPE timestamptz(0);
UPDATE campaigns SET metadata = '{}';
SELECT ok(updated_at = date_trunc('second', updated_at) AND updated_at <= clock_timestamp(), 'timestamptz(0) is stamped in seconds, not in the future') FROM campaigns;
CREATE DOMAIN tenths AS timestamptz(1);
ALTER TABLE campaigns ALTER COLUMN updated_at TYPE tenths;
UPDATE campaigns SET metadata = '{}';
SELECT is(updated_at::timestamptz, date_bin('100 ms', updated_at, '2000-01-01'), 'a domain with a precision is obeyed') FROM campaigns;

-- What the worker writes.
DELETE FROM campaigns;
ALTER TABLE campaign_timers ALTER COLUMN executed_at TYPE timestamptz(3), ALTER COLUMN created_at TYPE timestamptz(3);
ALTER TABLE timer_executions ALTER COLUMN completed_at TYPE timestamptz(3);
ALTER TABLE campaign_metrics ALTER COLUMN value TYPE numeric(15, 1), ALTER COLUMN recorded_at TYPE timestamptz(3);
ALTER TABLE campaign_state_log ALTER COLUMN trigger_event TYPE varchar(10);
SELECT create_campaign(24) AS c \gset
SELECT run_due_timers() AS ran \gset
SELECT is(status, 'RUNNING', 'a timer is executed with shorter columns') FROM campaigns WHERE id = :'c';
SELECT is(array_agg(executed_at = date_trunc('milliseconds', executed_at)), ARRAY[true], 'executed_at is in milliseconds') FROM campaign_timers WHERE status = 'COMPLETED';
SELECT is(array_agg(completed_at = date_trunc('milliseconds', completed_at)), ARRAY[true], 'the end of the execution is in milliseconds') FROM timer_executions;
SELECT is(bool_and(value = round(value, 1) AND recorded_at = date_trunc('milliseconds', recorded_at)), true, 'metrics have the scale of their column') FROM campaign_metrics;
SELECT is(array_agg(trigger_event || ' ' || coalesce(metadata ->> 'trigger_event', '-') ORDER BY created_at, id), ARRAY['CREATED -', 'START_CAMP START_CAMPAIGN'],
	'an event is cut to the length of its column, whole in the metadata') FROM campaign_state_log WHERE campaign_id = :'c';
SELECT lives_ok(format('SELECT transition_campaign(%L, ''CLOSED'', ''a reason of more than ten characters'')', :'c'), 'a state change with a long event succeeds');

SELECT * FROM finish();
ROLLBACK;

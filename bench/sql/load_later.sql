-- psql -v n=... -v to_come=...: n timers that wait for a later day, of campaigns that run; and CREATED campaigns without timers for those to come,
-- whose START_CAMPAIGN sessions set by set_timers().
SET session_replication_role = replica;
INSERT INTO campaigns (id, status, start_time, end_time, duration_hours)
	SELECT md5('later' || i)::uuid, 'RUNNING', now() - interval '1 day', now() + interval '9 days', 240 FROM generate_series(1, (:n + 1) / 2) AS i;
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload)
	SELECT c.id, t.timer_type, c.end_time + t.delay + random() * interval '1 hour', '{"policy": true}'
	FROM campaigns AS c, (VALUES ('CLOSE_CAMPAIGN', interval '0'), ('EXPIRE_CAMPAIGN', interval '2 hours')) AS t (timer_type, delay);
INSERT INTO campaigns (id, status, start_time, end_time, duration_hours)
	SELECT md5('soon' || i)::uuid, 'CREATED', now(), now() + interval '10 days', 240 FROM generate_series(0, :to_come - 1) AS i;
RESET session_replication_role;

CREATE TABLE seen (xid bigint, at float8);

-- As if nothing had been started yet.
CREATE FUNCTION reset_timers() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	DELETE FROM timer_executions;
	DELETE FROM campaign_metrics;
	DELETE FROM campaign_state_log;
	DELETE FROM campaign_timers WHERE campaign_id IN (SELECT id FROM campaigns WHERE duration_hours = 240 AND start_time > (SELECT min(start_time) FROM campaigns) + interval '12 hours');
	UPDATE campaigns SET status = 'CREATED' WHERE status = 'RUNNING' AND start_time > (SELECT min(start_time) FROM campaigns) + interval '12 hours';
END $$;

-- One of the sessions that set timers: those of the numbers that are its own. Timer i is due at first + i / rate seconds.
CREATE PROCEDURE set_timers(session integer, sessions integer, total integer, rate integer, first timestamptz, how text) LANGUAGE plpgsql AS $$
DECLARE
	due timestamptz;
	ahead float8;
	i integer;
BEGIN
	FOR i IN session .. total - 1 BY sessions LOOP
		due := first + i * interval '1 second' / rate;
		IF how = 'meanwhile' THEN
			ahead := extract(epoch FROM due - clock_timestamp()) - 0.5;
			IF ahead > 1.5 THEN
				COMMIT;
				PERFORM pg_sleep(ahead - 1.5);
			END IF;
		END IF;
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload) VALUES (md5('soon' || i)::uuid, 'START_CAMPAIGN', due, '{"policy": true}');
		IF how = 'meanwhile' OR (i / sessions) % 20 = 19 THEN
			COMMIT;
		END IF;
	END LOOP;
END $$;
VACUUM (ANALYZE, FREEZE);

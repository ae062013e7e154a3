-- psql -v first=... -v seconds=... -v every=... -v meanwhile=...: campaigns whose START_CAMPAIGN timers are due at random times in the
-- seconds from first on, one in so many seconds on average. One in `meanwhile` of them is left to set_when_due().
SELECT setseed(0.1 + 0.8 * (abs(hashtext(current_database())) % 1000) / 1000.0) \g /dev/null
CREATE TABLE planned AS
	WITH RECURSIVE t (n, at) AS (
		SELECT 1, -ln(1 - random()) * :every::float8
		UNION ALL SELECT n + 1, at - ln(1 - random()) * :every::float8 FROM t WHERE at < :seconds)
	SELECT n, timestamptz :'first' + at * interval '1 second' AS due, :meanwhile > 0 AND n % greatest(:meanwhile, 1) = 0 AS meanwhile, NULL::uuid AS id
	FROM t WHERE at < :seconds;
UPDATE planned SET id = create_campaign(240, due) WHERE NOT meanwhile;

CREATE PROCEDURE set_when_due() LANGUAGE plpgsql AS $$
DECLARE
	timer record;
BEGIN
	FOR timer IN SELECT n, due FROM planned WHERE meanwhile ORDER BY due LOOP
		COMMIT;
		PERFORM pg_sleep(greatest(extract(epoch FROM timer.due - clock_timestamp()), 0));
		UPDATE planned SET id = create_campaign(240, clock_timestamp()) WHERE n = timer.n;
	END LOOP;
END $$;

-- A database that is busy: ten timers that are due, fifty times a second.
CREATE PROCEDURE keep_busy(seconds integer) LANGUAGE plpgsql AS $$
DECLARE
	until timestamptz := clock_timestamp() + seconds * interval '1 second';
BEGIN
	WHILE clock_timestamp() < until LOOP
		WITH c AS (INSERT INTO campaigns (status, duration_hours) SELECT 'RUNNING', 1 FROM generate_series(1, 10) RETURNING id)
		INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) SELECT id, 'EXPIRE_CAMPAIGN', clock_timestamp() FROM c;
		COMMIT;
		PERFORM pg_sleep(0.02);
	END LOOP;
END $$;

-- psql -v waiting=... -v finished=... -v dead=... -v due=...: timers in numbers, of running campaigns, loaded without their indexes, which are made
-- again afterwards as they were. The campaigns' ids follow one another in time, as the extension's own do; a campaign has four timers, and those of
-- one time are not those of one place. A part of the campaigns, spread over all, has one more that is due.
--   waiting    PENDING in the next thirty days, two a campaign: CLOSE_CAMPAIGN and EXPIRE_CAMPAIGN
--   finished   COMPLETED in the last thirty days, as many a campaign as there are
--   dead       FAILED in the last thirty days, with no attempt left
--   due        PENDING, REWARD_REMINDER, of the last minutes

SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
CREATE TABLE index_kept AS
	SELECT pg_get_indexdef(i.indexrelid) AS definition, i.indexrelid::regclass::text AS name FROM pg_index AS i
	WHERE i.indrelid = 'campaign_timers'::regclass AND NOT i.indisprimary;
DO $$
DECLARE
	dropped text;
BEGIN
	FOR dropped IN SELECT name FROM index_kept LOOP
		EXECUTE format('DROP INDEX %s', dropped);
	END LOOP;
END $$;

CREATE FUNCTION numbered(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
	SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid
$$;
INSERT INTO campaigns (id, status, start_time, end_time, duration_hours)
	SELECT numbered(i), 'RUNNING', now() - interval '1 day', now() + interval '9 days', 240
	FROM generate_series(1, greatest((:waiting + 1) / 2, (:finished + 1) / 2, :dead, :due)) AS i;
-- 7919 is prime: each place has its own time.
INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at)
	SELECT numbered(1 + i / 2), CASE i % 2 WHEN 0 THEN 'CLOSE_CAMPAIGN' ELSE 'EXPIRE_CAMPAIGN' END, 'PENDING',
		now() + interval '1 day' + ((i * 7919) % greatest(:waiting, 1)) * (interval '30 days' / greatest(:waiting, 1))
	FROM generate_series(0::bigint, :waiting - 1) AS i;
INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at, executed_at)
	SELECT numbered(1 + i / 2), CASE i % 2 WHEN 0 THEN 'START_CAMPAIGN' ELSE 'REWARD_REMINDER' END, 'COMPLETED', t.at, t.at
	FROM generate_series(0::bigint, :finished - 1) AS i, LATERAL (SELECT now() - interval '1 day' - ((i * 7919) % greatest(:finished, 1)) * (interval '30 days' / greatest(:finished, 1))) AS t (at);
INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at, retry_count)
	SELECT numbered(1 + i), 'START_CAMPAIGN', 'FAILED', now() - interval '1 day' - ((i * 7919) % greatest(:dead, 1)) * (interval '30 days' / greatest(:dead, 1)), 5
	FROM generate_series(0::bigint, :dead - 1) AS i;
-- Spread over the whole table.
INSERT INTO campaign_timers (campaign_id, timer_type, status, scheduled_at)
	SELECT c.id, 'REWARD_REMINDER', 'PENDING', now() - interval '1 minute' - row_number() OVER (ORDER BY md5(c.id::text)) * interval '1 millisecond'
	FROM (SELECT numbered(1 + (i * (SELECT count(*) FROM campaigns) / :due)) AS id FROM generate_series(0::bigint, :due - 1) AS i) AS c;

DO $$
DECLARE
	kept text;
BEGIN
	FOR kept IN SELECT definition FROM index_kept LOOP
		EXECUTE kept;
	END LOOP;
END $$;
DROP TABLE index_kept;
RESET session_replication_role;
VACUUM (ANALYZE, FREEZE);

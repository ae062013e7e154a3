-- Schedules that 1.1 took and that no job could run by. They would break the present CHECK.

CREATE FUNCTION campaign_lifecycle_internal._mend_schedule(schedule text) RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	-- A range from high to low goes over the end: 22-6 is 22-23,0-6.
	SELECT string_agg(f.mended, ' ' ORDER BY f.place)
	FROM (
		SELECT l.place,
			string_agg(CASE WHEN i.ends IS NOT NULL
					AND campaign_lifecycle_internal._cron_field(i.item, l.lowest, l.highest, l.names) IS NULL
				THEN format('%s-%s%s,%s-%s%s', i.ends[1], l.highest, i.ends[3], l.lowest, i.ends[2], i.ends[3])
				ELSE i.item END, ',' ORDER BY i.number) AS mended
		FROM (VALUES
			(1, 0, 59, '{}'::text[]),
			(2, 0, 23, '{}'),
			(3, 1, 31, '{}'),
			(4, 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'),
			(5, 0, 6, '{sun,mon,tue,wed,thu,fri,sat}')) AS l (place, lowest, highest, names)
		CROSS JOIN LATERAL (
			SELECT s.item, s.number, regexp_match(s.item, '^(\w+)-(\w+)(/\d+)?$') AS ends
			FROM regexp_split_to_table((regexp_split_to_array(btrim(
				regexp_replace(schedule, '/0+([1-9])', '/\1', 'g'), E' \t\n\r\f\v'), '[ \t]+'))[l.place], ',')
				WITH ORDINALITY AS s (item, number)) AS i
		GROUP BY l.place) AS f
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._mend_schedule(text) IS
	'A schedule whose ranges go from low to high, in place of one that has others.';

CREATE FUNCTION campaign_lifecycle_internal._mend_schedules() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	job record;
	mended text;
BEGIN
	FOR job IN
		SELECT j.job, j.schedule FROM ONLY @extschema@.campaign_maintenance_jobs AS j
		WHERE NOT campaign_lifecycle_internal._is_cron_schedule(j.schedule)
		ORDER BY j.job
	LOOP
		mended := campaign_lifecycle_internal._mend_schedule(job.schedule);
		IF NOT campaign_lifecycle_internal._is_cron_schedule(mended) THEN
			mended := '@daily';
		END IF;
		RAISE WARNING 'job % of campaign_maintenance_jobs had no valid schedule: "%"', job.job, left(job.schedule, 100)
			USING DETAIL = format('It is now "%s".', mended);
		UPDATE ONLY @extschema@.campaign_maintenance_jobs AS j SET schedule = mended WHERE j.job = job.job;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._mend_schedules() IS
	'Gives each job of campaign_maintenance_jobs that has no valid schedule one, and says so in a WARNING.';

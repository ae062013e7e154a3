-- Measure a claim in microseconds: the median of so many, each in a transaction of its own that is rolled back, after a few that do not
-- count. The scan starts at the beginning of time, as after a start; a worker within a pass finds the first row sooner.
CREATE PROCEDURE time_claims(as_of timestamptz, most integer, claims integer, INOUT median float8 DEFAULT NULL, INOUT claimed integer DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
	took float8[];
	began timestamptz;
	found uuid[];
BEGIN
	FOR i IN 1 .. claims + 5 LOOP
		began := clock_timestamp();
		found := ARRAY(SELECT c.timer_id FROM campaign_lifecycle_internal._claim_batch(as_of, '-infinity', most) AS c);
		IF i > 5 THEN
			took := took || (extract(epoch FROM clock_timestamp() - began) * 1e6)::float8;
		END IF;
		ROLLBACK;
	END LOOP;
	median := (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(took) AS t);
	claimed := coalesce(cardinality(found), 0);
END $$;

CREATE PROCEDURE time_next_due(since timestamptz, looks integer, INOUT median float8 DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
	took float8[];
	began timestamptz;
BEGIN
	FOR i IN 1 .. looks + 5 LOOP
		began := clock_timestamp();
		PERFORM campaign_lifecycle_internal._next_due(since);
		IF i > 5 THEN
			took := took || (extract(epoch FROM clock_timestamp() - began) * 1e6)::float8;
		END IF;
		ROLLBACK;
	END LOOP;
	median := (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(took) AS t);
END $$;

-- From 1.1: internal functions leave the extension's schema. The build makes them anew in their schema, where an
-- updated database gets the same functions as a new one. _workers() moves instead, because a view depends on it.
-- _wake_worker() stays, because triggers in dumps of 1.1 name it.

DO $move$
DECLARE
	member record;
BEGIN
	FOR member IN
		SELECT p.oid::regprocedure AS routine, p.proname
		FROM pg_depend AS d
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		JOIN pg_proc AS p ON p.oid = d.objid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
			AND left(p.proname, 1) = '_' AND p.proname <> '_wake_worker'
	LOOP
		IF member.proname = '_workers' THEN
			EXECUTE format('ALTER ROUTINE %s SET SCHEMA campaign_lifecycle_internal', member.routine);
		ELSE
			EXECUTE format('DROP ROUTINE %s', member.routine);
		END IF;
	END LOOP;
END
$move$;

-- run_due_timers() has one more argument. update/finish.sql gives the new function the grants of this one.
SELECT set_config('campaign_lifecycle_update.runners', coalesce((
	SELECT array_agg(DISTINCT a.grantee::regrole)::text
	FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
	WHERE p.oid = '@extschema@.run_due_timers(integer)'::regprocedure AND a.grantee NOT IN (0, p.proowner)), '{}'), true);
DROP FUNCTION @extschema@.run_due_timers(integer);

ALTER TABLE @extschema@.campaign_activation ADD COLUMN tables_id uuid;

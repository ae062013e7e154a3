-- CREATE EXTENSION over tables that DROP EXTENSION left: taken over only when they are really ours.

CREATE FUNCTION @extschema@._check_campaign_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	stranger text;
	missing text;
BEGIN
	SELECT format('%s owned by %s', c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)))
	INTO stranger
	FROM pg_class AS c
	WHERE c.relnamespace = '@extschema@'::regnamespace
		AND c.relname IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions', 'campaign_state_transitions',
			'campaign_timer_policies', 'campaign_timer_handlers', 'campaign_tables_version', 'campaign_state_log_archive')
		AND c.relowner <> (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = current_user)
		AND NOT (SELECT u.rolsuper FROM pg_roles AS u WHERE u.oid = c.relowner)
	LIMIT 1;
	IF stranger IS NOT NULL THEN
		RAISE EXCEPTION 'campaign tables in schema "%" belong to another role: %', replace('@extschema@', '"', ''), stranger
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'If you trust that role, make the tables yours (ALTER TABLE ... OWNER TO CURRENT_USER) and give them back with set_campaign_owner(); otherwise install into another schema: CREATE EXTENSION campaign_lifecycle SCHEMA other;';
	END IF;

	SELECT w.name || '.' || w.attribute
	INTO missing
	FROM (VALUES
		('campaigns', 'r', '{id,status,metadata,created_at,updated_at,start_time,end_time,duration_hours,auto_close,rewards_enabled}'::name[]),
		('campaign_timers', 'r', '{id,campaign_id,timer_type,status,scheduled_at,executed_at,payload,retry_count,created_at,updated_at}'),
		('campaign_state_log', 'p', '{id,campaign_id,from_state,to_state,trigger_event,metadata,created_at}'),
		('campaign_state_log_archive', 'p', '{id,campaign_id,from_state,to_state,trigger_event,metadata,created_at}'),
		('campaign_metrics', 'r', '{id,campaign_id,metric_type,value,attributes,recorded_at}'),
		('timer_executions', 'r', '{id,timer_id,status,result,error_message,started_at,completed_at,execution_time_ms}'),
		('campaign_state_transitions', 'r', '{from_state,to_state,timer_type,priority}'),
		('campaign_timer_policies', 'r', '{state,timer_type,anchor,delay,only_when}'),
		('campaign_timer_handlers', 'r', '{timer_type,handler,handler_owner,timeout,registered_at}'),
		('campaign_tables_version', 'r', '{version}')) AS t (name, kind, attributes),
		unnest(t.attributes) AS a (attribute),
		LATERAL (SELECT t.name, a.attribute) AS w
	WHERE NOT EXISTS (
		SELECT FROM pg_class AS c JOIN pg_attribute AS f ON f.attrelid = c.oid
		WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = t.name AND c.relkind = t.kind::"char"
			AND f.attname = a.attribute AND NOT f.attisdropped)
	LIMIT 1;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'tables in schema "%" are not those of campaign_lifecycle: % is missing', replace('@extschema@', '"', ''), missing
			USING ERRCODE = 'duplicate_table',
				HINT = 'Nothing was changed. Install into another schema: CREATE EXTENSION campaign_lifecycle SCHEMA other;';
	END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_campaign_tables() IS 'Raises unless the campaign tables found belong to the current user or a superuser (42501) and have the shape of ours (42P07).';

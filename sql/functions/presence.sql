-- Whether the functions find what they work on. ALTER SCHEMA RENAME leaves functions that name the old schema.

-- src/extension.cpp compares the text of this function with the schema's name.
CREATE FUNCTION campaign_lifecycle_internal._schema_name() RETURNS text
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$SELECT '@extschema@'$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._schema_name() IS
	'The schema of the extension, as its functions name it.';

CREATE FUNCTION campaign_lifecycle_internal._renamed_schema() RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT quote_ident(n.nspname)
	FROM pg_extension AS e
	JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'campaign_lifecycle' AND n.nspname::text <> (parse_ident('@extschema@'))[1]
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._renamed_schema() IS
	'The present name of the extension''s schema if it was renamed, else NULL.';

CREATE FUNCTION campaign_lifecycle_internal._check_schema() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	renamed constant text := campaign_lifecycle_internal._renamed_schema();
BEGIN
	IF renamed IS NOT NULL THEN
		RAISE EXCEPTION 'the schema of extension "campaign_lifecycle" was renamed from % to %', '@extschema@', renamed
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Its functions name the schema as it was.',
				HINT = format('Rename the schema back. Or run DROP EXTENSION campaign_lifecycle; CREATE EXTENSION '
					'campaign_lifecycle SCHEMA %s; which adopts the tables, then grant_campaign_access() and resume_timers().',
					renamed);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_schema() IS
	'Raises 55000, with what to do, if the schema of the extension was renamed.';

CREATE FUNCTION campaign_lifecycle_internal._activation_state() RETURNS text
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', '_activation_state';
COMMENT ON FUNCTION campaign_lifecycle_internal._activation_state() IS
	'Whether timers fire in this database: active; paused by pause_timers(); or paused as a copy: restored, cloned, '
	'loaded.';

CREATE FUNCTION campaign_lifecycle_internal._raise_no_tables() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._check_schema();
	RAISE EXCEPTION 'the campaign tables are missing'
		USING ERRCODE = 'undefined_table', HINT = 'install_campaign_tables() makes them.';
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._raise_no_tables() IS
	'Raises 42P01, or 55000 if the schema was renamed. Called by functions that find no table.';

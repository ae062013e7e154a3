-- Connection strings. They are taken apart and written anew, so that nothing in them reads as another parameter.

CREATE FUNCTION campaign_router_internal._conninfo_error(message text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'connection string of a node: %', message
		USING ERRCODE = 'invalid_parameter_value',
			HINT = 'For instance ''host=a1,a2 dbname=app target_session_attrs=read-write''.';
END
$$;
COMMENT ON FUNCTION campaign_router_internal._conninfo_error(text) IS 'Raises 22023.';

CREATE FUNCTION campaign_router_internal._conninfo_parameter(name text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT $1 || '=''' || replace(replace($2, '\', '\\'), '''', '\''') || ''''
$$;
COMMENT ON FUNCTION campaign_router_internal._conninfo_parameter(text, text) IS
	'A parameter of a connection string, quoted as libpq reads it.';

-- PL/Proxy looks for the text "user=" to see whether a connection string has a user. So no other value may have it.
CREATE FUNCTION campaign_router_internal._check_conninfo(conninfo text) RETURNS text
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known constant text[] := '{application_name,channel_binding,connect_timeout,dbname,gssencmode,gsslib,host,hostaddr,
		keepalives,keepalives_count,keepalives_idle,keepalives_interval,krbsrvname,load_balance_hosts,options,passfile,
		password,port,require_auth,requirepeer,service,ssl_max_protocol_version,ssl_min_protocol_version,sslcert,
		sslcompression,sslcrl,sslcrldir,sslkey,sslmode,sslnegotiation,sslpassword,sslrootcert,sslsni,target_session_attrs,
		tcp_user_timeout,user}';
	rest text := conninfo;
	part text[];
	value text;
	names text[] := '{}';
	parts text[] := '{}';
BEGIN
	IF conninfo IS NULL THEN
		RAISE EXCEPTION 'conninfo must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'For instance ''host=a1,a2 dbname=app target_session_attrs=read-write''.';
	END IF;
	IF length(conninfo) > 2000 OR conninfo ~ '[\x01-\x1f\x7f]' THEN
		PERFORM campaign_router_internal._conninfo_error('it is longer than 2000 characters or has control characters');
	END IF;
	WHILE rest !~ '^ *$' LOOP
		part := regexp_match(rest, '^ *([a-z_]+) *= *(?:''((?:[^''\\]|\\.)*)''|((?:[^ ''\\]|\\.)*))(?: |$)');
		IF part IS NULL THEN
			PERFORM campaign_router_internal._conninfo_error('it is no list of keyword=value');
		END IF;
		rest := regexp_replace(rest, '^ *([a-z_]+) *= *(?:''((?:[^''\\]|\\.)*)''|((?:[^ ''\\]|\\.)*))', '');
		value := regexp_replace(coalesce(part[2], part[3]), '\\(.)', '\1', 'g');
		IF part[1] <> ALL (known) THEN
			PERFORM campaign_router_internal._conninfo_error(format('%s is no parameter that a node may have', part[1]));
		ELSIF part[1] = ANY (names) THEN
			PERFORM campaign_router_internal._conninfo_error(format('%s is given twice', part[1]));
		ELSIF strpos(value, 'user=') > 0 OR (part[1] = 'dbname' AND value ~ '[=/]') THEN
			PERFORM campaign_router_internal._conninfo_error(format('the value of %s has a parameter in it', part[1]));
		END IF;
		names := names || part[1];
		parts := parts || campaign_router_internal._conninfo_parameter(part[1], value);
	END LOOP;
	IF NOT names && '{host,hostaddr,service}' OR NOT names && '{dbname,service}' THEN
		PERFORM campaign_router_internal._conninfo_error('it needs host and dbname, or service');
	END IF;
	IF NOT 'application_name' = ANY (names) THEN
		parts := parts || campaign_router_internal._conninfo_parameter('application_name', 'campaign_lifecycle_router');
	END IF;
	RETURN array_to_string(parts, ' ');
END
$$;
COMMENT ON FUNCTION campaign_router_internal._check_conninfo(text) IS
	'Returns the connection string with every value quoted. Raises 22004 for NULL; 22023 for a URI, an unknown or '
	'repeated parameter, and a value that has a parameter in it.';

-- The user is the one of the connection string, else that of the session's user mapping, else the session's own. It is
-- written here, because PL/Proxy would take the owner of the function in the first call of a session.
CREATE FUNCTION campaign_router_internal._session_conninfo(conninfo text) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	mapped text[];
BEGIN
	IF conninfo ~ '(^| )user=' THEN
		RETURN conninfo;
	END IF;
	SELECT array_agg(campaign_router_internal._conninfo_parameter(o.option_name, o.option_value))
			FILTER (WHERE o.option_name = 'user' OR conninfo !~ '(^| )password=')
	INTO mapped
	FROM pg_options_to_table(campaign_router_internal._mapping_options()) AS o
	WHERE o.option_name IN ('user', 'password');
	IF mapped IS NULL OR array_to_string(mapped, ' ') !~ '(^| )user=' THEN
		mapped := mapped || campaign_router_internal._conninfo_parameter('user', session_user);
	END IF;
	RETURN conninfo || ' ' || array_to_string(mapped, ' ');
END
$$;
COMMENT ON FUNCTION campaign_router_internal._session_conninfo(text) IS
	'The connection string with the user as whom this session connects to a node.';

CREATE FUNCTION campaign_router_internal._mapping_options() RETURNS text[]
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.umoptions
	FROM pg_user_mapping AS m
	JOIN pg_foreign_server AS s ON s.oid = m.umserver AND s.srvname = 'campaign_nodes'
	WHERE m.umuser IN (0, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = session_user))
	ORDER BY m.umuser DESC
	LIMIT 1
$$;
COMMENT ON FUNCTION campaign_router_internal._mapping_options() IS
	'The options of the user mapping of the session''s user, else of the mapping for PUBLIC.';

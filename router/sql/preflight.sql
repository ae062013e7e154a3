-- Head of the install script.

\echo Use "CREATE EXTENSION campaign_lifecycle_router" to load this file. \quit

-- The server runs this script with the extension's schema first in search_path. Others may have put functions and
-- operators there that fit better than the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $preflight$
BEGIN
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle') THEN
		RAISE EXCEPTION 'this database has the extension campaign_lifecycle and is a node'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'A router has a database of its own. It may be on the same server.';
	END IF;
	IF EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname IN ('plproxy', 'campaign_router_internal')) THEN
		RAISE EXCEPTION 'this database has a schema named plproxy or campaign_router_internal'
			USING ERRCODE = 'duplicate_schema',
				HINT = 'A router has a database of its own, because PL/Proxy asks one set of functions for its map.';
	END IF;
END
$preflight$;

CREATE SCHEMA campaign_router_internal;
COMMENT ON SCHEMA campaign_router_internal IS 'Internal functions and tables of campaign_lifecycle_router.';
CREATE SCHEMA plproxy;
COMMENT ON SCHEMA plproxy IS 'The functions that PL/Proxy asks for the map of nodes.';

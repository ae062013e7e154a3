-- The version of the tables.

CREATE TABLE @extschema@.campaign_tables_version (
	version text NOT NULL
);
COMMENT ON TABLE @extschema@.campaign_tables_version IS
	'The version of campaign_lifecycle whose tables these are. Dumps carry it, so that old tables under new functions '
	'are noticed; upgrade_campaign_tables() brings them up.';
INSERT INTO @extschema@.campaign_tables_version (version)
	SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'campaign_lifecycle';

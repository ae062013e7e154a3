-- The version of the tables. A publication FOR ALL TABLES needs a key in every table that is updated.

CREATE TABLE @extschema@.campaign_tables_version (
	version text NOT NULL,
	id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
	CONSTRAINT campaign_tables_version_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE @extschema@.campaign_tables_version IS
	'The version of campaign_lifecycle whose tables these are. Dumps carry it, so that old tables under new functions '
	'are noticed; upgrade_campaign_tables() brings them up.';
COMMENT ON COLUMN @extschema@.campaign_tables_version.version IS 'The version.';
COMMENT ON COLUMN @extschema@.campaign_tables_version.id IS
	'Made anew with the tables and by resume_timers() in a copy. campaign_activation holds the same, unless the rows '
	'come from another database.';

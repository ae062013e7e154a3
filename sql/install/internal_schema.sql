-- Make the schema of the internal functions, a member of the extension. Refuse one that is there already, whoever owns
-- it: its owner could put functions in the way of ours.

DO $preflight$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace AS n
		WHERE n.nspname OPERATOR(pg_catalog.=) 'campaign_lifecycle_internal') THEN
		RAISE EXCEPTION 'schema "campaign_lifecycle_internal" already exists'
			USING ERRCODE = 'duplicate_schema',
				HINT = 'Nothing was changed. The extension makes this schema for its internal functions. '
					'Drop yours, or give it another name: ALTER SCHEMA campaign_lifecycle_internal RENAME TO other;';
	END IF;
END
$preflight$;

CREATE SCHEMA campaign_lifecycle_internal;
COMMENT ON SCHEMA campaign_lifecycle_internal IS
	'Internal functions of the extension campaign_lifecycle. They may change with every version.';

-- How far each backfill has come.

CREATE TABLE @extschema@.campaign_backfills (
	relation text NOT NULL,
	column_name name NOT NULL,
	value_expression text NOT NULL,
	run uuid NOT NULL,
	run_by name NOT NULL,
	started_at timestamp with time zone NOT NULL,
	updated_at timestamp with time zone NOT NULL,
	finished_at timestamp with time zone,
	estimated_rows bigint,
	rows_seen bigint NOT NULL DEFAULT 0,
	rows_changed bigint NOT NULL DEFAULT 0,
	batches bigint NOT NULL DEFAULT 0,
	part text,
	key_columns text,
	reached text[],
	up_to text[],
	pass integer NOT NULL DEFAULT 1,
	CONSTRAINT campaign_backfills_pkey PRIMARY KEY (relation, column_name)
) WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.campaign_backfills IS
	'The last backfill of each column, written by backfill_column() with every batch; an unfinished one is where the '
	'next call goes on. backfill_progress shows it. Deleting a row forgets the run: the next call begins anew. Since '
	'1.1.';
COMMENT ON COLUMN @extschema@.campaign_backfills.relation IS 'The table, with its schema.';
COMMENT ON COLUMN @extschema@.campaign_backfills.run IS
	'The call that works on it; another call puts its own here and takes over.';
COMMENT ON COLUMN @extschema@.campaign_backfills.estimated_rows IS
	'Rows of the table when the run began, as the statistics had it; NULL before the first ANALYZE.';
COMMENT ON COLUMN @extschema@.campaign_backfills.rows_seen IS 'Rows walked over.';
COMMENT ON COLUMN @extschema@.campaign_backfills.rows_changed IS 'Rows that had another value and got the new one.';
COMMENT ON COLUMN @extschema@.campaign_backfills.part IS 'The table or partition being walked.';
COMMENT ON COLUMN @extschema@.campaign_backfills.key_columns IS 'The unique key that is walked; NULL: block by block.';
COMMENT ON COLUMN @extschema@.campaign_backfills.reached IS 'The key, or the block, that the last batch ended with.';
COMMENT ON COLUMN @extschema@.campaign_backfills.up_to IS
	'The key, or the block, that the walk ends with: the last one there was when it began.';
COMMENT ON COLUMN @extschema@.campaign_backfills.pass IS
	'Of a walk by blocks, which rows can cross: how many times it has begun.';

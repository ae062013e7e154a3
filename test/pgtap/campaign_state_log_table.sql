-- The table campaign_state_log has the columns, checks and indexes of docs/specification.md. It is partitioned by
-- created_at, its key is (id, created_at), and a default partition takes any row, so that no log row is refused. The
-- archive has the same shape.

BEGIN;
SELECT plan(71);
\ir lib/errors.psql

SELECT is(c.relkind, 'p', t || ' is partitioned') FROM unnest(ARRAY['campaign_state_log', 'campaign_state_log_archive']) AS t JOIN pg_class AS c ON c.oid = t::regclass;
SELECT is(pg_get_partkeydef(t::regclass), 'RANGE (created_at)', t || ': by created_at') FROM unnest(ARRAY['campaign_state_log', 'campaign_state_log_archive']) AS t;
SELECT columns_are(t, ARRAY['id', 'campaign_id', 'from_state', 'to_state', 'trigger_event', 'metadata', 'created_at'])
FROM unnest(ARRAY['campaign_state_log', 'campaign_state_log_archive']::name[]) AS t;
SELECT col_is_pk(t, ARRAY['id', 'created_at']::name[]) FROM unnest(ARRAY['campaign_state_log', 'campaign_state_log_archive']::name[]) AS t;
SELECT col_type_is(t, c, type)
FROM unnest(ARRAY['campaign_state_log', 'campaign_state_log_archive']::name[]) AS t,
	(VALUES ('id'::name, 'uuid'), ('campaign_id', 'uuid'), ('from_state', 'character varying(20)'), ('to_state', 'character varying(20)'),
		('trigger_event', 'character varying(50)'), ('metadata', 'jsonb'), ('created_at', 'timestamp with time zone')) AS v (c, type);
SELECT col_not_null('campaign_state_log', c) FROM unnest(ARRAY['id', 'campaign_id', 'to_state', 'trigger_event', 'metadata', 'created_at']::name[]) AS c;
SELECT col_is_null('campaign_state_log', 'from_state');
SELECT is(
	(SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid
		WHERE i.inhparent = 'campaign_state_log'::regclass AND c.relname = 'campaign_state_log_default'), 'DEFAULT', 'campaign_state_log_default is its default partition');

INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 24);
DELETE FROM campaign_state_log;

-- Plain DML, with the columns of the specification's own log trigger: there the id was missing.
INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event, metadata)
VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 'RUNNING', 'UNKNOWN', jsonb_build_object('changed_by', NULL));
SELECT is(substr(id::text, 15, 1), '7', 'the default id is a UUID of version 7') FROM campaign_state_log;
SELECT is(created_at, now(), 'created_at is now() by default') FROM campaign_state_log;
DELETE FROM campaign_state_log;
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 'CREATED');
SELECT is(metadata, '{}', 'metadata is {} by default') FROM campaign_state_log;
DELETE FROM campaign_state_log;

-- Any time has its partition.
SELECT is(pg_temp.error_of(format($$INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at)
	VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 'IMPORT', %L)$$, t)), NULL, 'a log row of ' || t || ' is taken')
FROM unnest(ARRAY['1970-01-01 00:00+00', '2024-01-31 23:59:59.999999+00', '2024-02-01 00:00+00', '9999-12-31 00:00+00']) AS t;
SELECT is((SELECT count(*) FROM campaign_state_log), 4::bigint, 'four log rows of any time are found in the log');

-- The specification's own partitions can be made by hand, once the rows of their month are not in the default one.
DELETE FROM campaign_state_log;
CREATE TABLE campaign_state_log_y2024m01 PARTITION OF campaign_state_log
    FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE campaign_state_log_y2024m02 PARTITION OF campaign_state_log
    FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at)
SELECT '11111111-1111-4111-8111-111111111111', 'CREATED', 'IMPORT', t::timestamptz
FROM unnest(ARRAY['2023-12-31 23:59:59.999999+00', '2024-01-01 00:00+00', '2024-01-31 23:59:59.999999+00', '2024-02-01 00:00+00', '2024-03-01 00:00+00']) AS t;
SELECT is((SELECT array_agg(tableoid::regclass::text || ' ' || (created_at AT TIME ZONE 'UTC')::date ORDER BY created_at) FROM campaign_state_log),
	ARRAY['campaign_state_log_default 2023-12-31', 'campaign_state_log_y2024m01 2024-01-01', 'campaign_state_log_y2024m01 2024-01-31',
		'campaign_state_log_y2024m02 2024-02-01', 'campaign_state_log_default 2024-03-01'], 'each row is in the partition of its month');
DELETE FROM campaign_state_log;

-- Checks
CREATE FUNCTION pg_temp.insert_with(from_state text, to_state text, event text DEFAULT 'TEST') RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event) VALUES (''11111111-1111-4111-8111-111111111111'', %L, %L, %L)',
		from_state, to_state, event)
$$;
SELECT is(pg_temp.violation_of(pg_temp.insert_with(NULL, s)), NULL, 'from nothing to ' || s) FROM unnest(ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']) AS s;
SELECT is(pg_temp.violation_of(pg_temp.insert_with(s, CASE s WHEN 'CREATED' THEN 'EXPIRED' ELSE 'CREATED' END)), NULL, 'a log row may come from ' || s)
FROM unnest(ARRAY['CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED']) AS s;
SELECT matches(pg_temp.violation_of(pg_temp.insert_with('DRAFT', 'CREATED')), '^23514 valid_from_state$',
	'DRAFT is no from_state');
SELECT matches(pg_temp.violation_of(pg_temp.insert_with('CREATED', 'DRAFT')), '^23514 valid_to_state$',
	'DRAFT is no to_state');
SELECT matches(pg_temp.violation_of(pg_temp.insert_with('CREATED', 'CREATED')), '^23514 valid_state_transition$',
	'to the same state is no transition');
SELECT matches(pg_temp.error_of(pg_temp.insert_with('CREATED', NULL)), '^23502: null value in column "to_state"',
	'to_state must be given');
SELECT matches(pg_temp.error_of(pg_temp.insert_with('CREATED', 'RUNNING', NULL)), '^23502: null value in column "trigger_event"',
	'trigger_event must be given');
SELECT is(pg_temp.error_of(pg_temp.insert_with('CREATED', 'RUNNING', repeat('x', 51))), '22001: value too long for type character varying(50)',
	'trigger_event has at most 50 characters');
SELECT is((SELECT array_agg(conname ORDER BY conname) FROM pg_constraint WHERE conrelid = t::regclass AND contype = 'c'),
	ARRAY['valid_from_state', 'valid_state_transition', 'valid_to_state']::name[], t || ' has the specification''s checks')
FROM unnest(ARRAY['campaign_state_log', 'campaign_state_log_archive', 'campaign_state_log_default']) AS t;

-- The foreign key, and its cascade. The archive has none: deleting a campaign does not erase its archived history.
SELECT fk_ok('campaign_state_log', 'campaign_id', 'campaigns', 'id');
SELECT is((SELECT confdeltype FROM pg_constraint WHERE conrelid = 'campaign_state_log'::regclass AND contype = 'f'), 'c',
	'the foreign key of campaign_state_log is ON DELETE CASCADE');
SELECT matches(pg_temp.violation_of($$INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event)
	VALUES ('22222222-2222-4222-8222-222222222222', 'CREATED', 'TEST')$$), '^23503 campaign_state_log_campaign_id_fkey', 'a log row needs its campaign');
INSERT INTO campaign_state_log_archive SELECT * FROM campaign_state_log LIMIT 1;
SELECT cmp_ok((SELECT count(*) FROM campaign_state_log), '>', 0::bigint,
	'the log has rows before the campaign is deleted');
DELETE FROM campaigns;
SELECT is((SELECT count(*) FROM campaign_state_log), 0::bigint, 'log rows are deleted with their campaign');
SELECT is((SELECT count(*) FROM campaign_state_log_archive), 1::bigint, 'those in the archive do not');

SELECT is(pg_get_indexdef(i::regclass), format('CREATE INDEX %s ON ONLY public.%s USING btree (%s)', i, t, c), i)
FROM (VALUES ('campaign_state_log'), ('campaign_state_log_archive')) AS v (t),
	(VALUES ('campaign_id'), ('created_at'), ('trigger_event')) AS w (c),
	LATERAL (SELECT 'idx_' || t || '_' || c AS i) AS x;
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'campaign_state_log_default'::regclass AND indisvalid), 4::bigint,
	'the default partition has the key and the three indexes');

SELECT * FROM finish();
ROLLBACK;

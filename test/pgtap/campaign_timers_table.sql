-- The table campaign_timers has the columns, defaults, checks, foreign key and indexes of docs/specification.md, with
-- the predicates of the indexes. business_rule_constraints.sql tests that one timer of a type waits.

BEGIN;
SELECT plan(77);
\ir lib/errors.psql

SELECT has_table('campaign_timers');
SELECT columns_are('campaign_timers', ARRAY['id', 'campaign_id', 'timer_type', 'status', 'scheduled_at', 'executed_at', 'payload', 'retry_count',
	'created_at', 'updated_at']);
SELECT col_is_pk('campaign_timers', 'id');
SELECT col_type_is('campaign_timers', 'id', 'uuid');
SELECT col_type_is('campaign_timers', 'campaign_id', 'uuid');
SELECT col_type_is('campaign_timers', 'timer_type', 'character varying(50)');
SELECT col_type_is('campaign_timers', 'status', 'character varying(20)');
SELECT col_type_is('campaign_timers', 'scheduled_at', 'timestamp with time zone');
SELECT col_type_is('campaign_timers', 'executed_at', 'timestamp with time zone');
SELECT col_type_is('campaign_timers', 'payload', 'jsonb');
SELECT col_type_is('campaign_timers', 'retry_count', 'integer');
SELECT col_type_is('campaign_timers', 'created_at', 'timestamp with time zone');
SELECT col_type_is('campaign_timers', 'updated_at', 'timestamp with time zone');
SELECT col_not_null('campaign_timers', c)
FROM unnest(ARRAY['id', 'campaign_id', 'timer_type', 'status', 'scheduled_at', 'payload', 'retry_count', 'created_at', 'updated_at']::name[]) AS c;
SELECT col_is_null('campaign_timers', 'executed_at');
SELECT col_hasnt_default('campaign_timers', c) FROM unnest(ARRAY['campaign_id', 'timer_type', 'scheduled_at', 'executed_at']::name[]) AS c;

INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'RUNNING', 24);
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES ('11111111-1111-4111-8111-111111111111', 'CLOSE_CAMPAIGN', now() + interval '1 hour');
SELECT is(status, 'PENDING', 'a timer is PENDING by default') FROM campaign_timers;
SELECT is(payload, '{}', 'payload is {} by default') FROM campaign_timers;
SELECT is(retry_count, 0, 'retry_count is 0 by default') FROM campaign_timers;
SELECT is(executed_at, NULL, 'executed_at is NULL by default') FROM campaign_timers;
SELECT is(created_at, now(), 'created_at is now() by default') FROM campaign_timers;
SELECT is(updated_at, now(), 'updated_at is now() by default') FROM campaign_timers;
SELECT is(substr(id::text, 15, 1), '7', 'the default id is a UUID of version 7') FROM campaign_timers;
SELECT matches(substr(id::text, 20, 1), '[89ab]', 'of the variant of RFC 9562') FROM campaign_timers;
DELETE FROM campaign_timers;

-- Values that each column refuses: an INSERT with one value replaced, undone if it succeeds.
CREATE FUNCTION pg_temp.insert_with(attribute text, expression text) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO campaign_timers (id, campaign_id, timer_type, status, scheduled_at, payload, retry_count, created_at, updated_at) VALUES (%s)',
		string_agg(CASE WHEN v.name = attribute THEN expression ELSE v.value END, ', ' ORDER BY v.n))
	FROM (VALUES (1, 'id', 'gen_random_uuid()'), (2, 'campaign_id', '''11111111-1111-4111-8111-111111111111'''), (3, 'timer_type', '''EXPIRE_CAMPAIGN'''),
		(4, 'status', '''CANCELLED'''), (5, 'scheduled_at', 'now()'), (6, 'payload', '''{}'''), (7, 'retry_count', '0'), (8, 'created_at', 'now()'),
		(9, 'updated_at', 'now()')) AS v (n, name, value)
$$;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('none', '')), NULL, 'the statement that the next ones vary is good');
SELECT is(pg_temp.error_of(pg_temp.insert_with(c, 'NULL')),
	format('23502: null value in column "%s" of relation "campaign_timers" violates not-null constraint', c), c || ' must not be NULL')
FROM unnest(ARRAY['id', 'campaign_id', 'timer_type', 'status', 'scheduled_at', 'payload', 'retry_count', 'created_at', 'updated_at']) AS c;

-- valid_timer_type
SELECT is(pg_temp.violation_of(pg_temp.insert_with('timer_type', quote_literal(t))), NULL, t || ' is a timer type')
FROM unnest(ARRAY['START_CAMPAIGN', 'CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN', 'REWARD_REMINDER']) AS t;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('timer_type', quote_literal(t))), '23514 valid_timer_type', quote_literal(t) || ' is refused')
FROM unnest(ARRAY['start_campaign', 'OPEN_CAMPAIGN', '']) AS t;
SELECT is(pg_temp.error_of(pg_temp.insert_with('timer_type', 'repeat(''X'', 51)')), '22001: value too long for type character varying(50)',
	'a timer type has at most 50 characters');

-- valid_timer_status
DELETE FROM campaign_timers;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('status', quote_literal(s)) || '; DELETE FROM campaign_timers'), NULL, s || ' is a status of timers')
FROM unnest(ARRAY['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED']) AS s;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('status', quote_literal(s))), '23514 valid_timer_status', quote_literal(s) || ' is refused')
FROM unnest(ARRAY['pending', 'STARTED', 'DEAD', '']) AS s;

-- valid_retry_count
SELECT is(pg_temp.violation_of(pg_temp.insert_with('retry_count', n::text)), NULL, n || ' retries are possible') FROM unnest(ARRAY[0, 5]) AS n;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('retry_count', n::text)), '23514 valid_retry_count', n || ' retries are not') FROM unnest(ARRAY[-1, 6]) AS n;

-- The foreign key, and its cascade.
SELECT fk_ok('campaign_timers', 'campaign_id', 'campaigns', 'id');
SELECT is((SELECT confdeltype FROM pg_constraint WHERE conrelid = 'campaign_timers'::regclass AND contype = 'f'), 'c',
	'the foreign key of campaign_timers is ON DELETE CASCADE');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('campaign_id', quote_literal('22222222-2222-4222-8222-222222222222'))), '23503 campaign_timers_campaign_id_fkey',
	'a timer needs its campaign');
SELECT cmp_ok((SELECT count(*) FROM campaign_timers), '>', 0::bigint, 'the campaign has timers before it is deleted');
DELETE FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is((SELECT count(*) FROM campaign_timers), 0::bigint, 'timers are deleted with their campaign');

-- Indexes: columns, uniqueness, predicate.
SELECT is(pg_get_indexdef(i::regclass), format('CREATE INDEX %s ON public.campaign_timers USING btree (%s)', i, c), i)
FROM (VALUES ('idx_campaign_timers_campaign_id', 'campaign_id'), ('idx_campaign_timers_status', 'status'),
	('idx_campaign_timers_scheduled_at', 'scheduled_at'), ('idx_campaign_timers_timer_type', 'timer_type')) AS v (i, c);
SELECT is(pg_get_indexdef('idx_campaign_timers_processing'::regclass),
	'CREATE INDEX idx_campaign_timers_processing ON public.campaign_timers USING btree (status, scheduled_at) '
	|| 'WHERE ((status)::text = ANY ((ARRAY[''PENDING''::character varying, ''FAILED''::character varying])::text[]))',
	'idx_campaign_timers_processing, of PENDING and FAILED ones only');

SELECT isnt(obj_description('campaign_timers'::regclass), NULL, 'the table is explained by a comment');

SELECT * FROM finish();
ROLLBACK;

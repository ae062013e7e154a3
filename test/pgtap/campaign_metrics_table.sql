-- The table campaign_metrics has the columns, defaults, checks, foreign key and indexes of docs/specification.md.

BEGIN;
SELECT plan(45);
\ir lib/errors.psql

SELECT has_table('campaign_metrics');
SELECT columns_are('campaign_metrics', ARRAY['id', 'campaign_id', 'metric_type', 'value', 'attributes', 'recorded_at']);
SELECT col_is_pk('campaign_metrics', 'id');
SELECT col_type_is('campaign_metrics', 'id', 'uuid');
SELECT col_type_is('campaign_metrics', 'campaign_id', 'uuid');
SELECT col_type_is('campaign_metrics', 'metric_type', 'character varying(50)');
SELECT col_type_is('campaign_metrics', 'value', 'numeric(15,4)');
SELECT col_type_is('campaign_metrics', 'attributes', 'jsonb');
SELECT col_type_is('campaign_metrics', 'recorded_at', 'timestamp with time zone');
SELECT col_not_null('campaign_metrics', c) FROM unnest(ARRAY['id', 'campaign_id', 'metric_type', 'value', 'attributes', 'recorded_at']::name[]) AS c;

INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'RUNNING', 24);
INSERT INTO campaign_metrics (campaign_id, metric_type, value) VALUES ('11111111-1111-4111-8111-111111111111', 'PARTICIPANT_COUNT', 12.34567);
SELECT is(value, 12.3457, 'a value keeps four digits after the point') FROM campaign_metrics;
SELECT is(attributes, '{}', 'attributes are {} by default') FROM campaign_metrics;
SELECT is(recorded_at, now(), 'recorded_at is now() by default') FROM campaign_metrics;
SELECT is(substr(id::text, 15, 1), '7', 'the default id is a UUID of version 7') FROM campaign_metrics;

CREATE FUNCTION pg_temp.insert_with(attribute text, expression text) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO campaign_metrics (id, campaign_id, metric_type, value, attributes, recorded_at) VALUES (%s)',
		string_agg(CASE WHEN v.name = attribute THEN expression ELSE v.value END, ', ' ORDER BY v.n))
	FROM (VALUES (1, 'id', 'gen_random_uuid()'), (2, 'campaign_id', '''11111111-1111-4111-8111-111111111111'''), (3, 'metric_type', '''REWARD_CLAIMED'''),
		(4, 'value', '1'), (5, 'attributes', '''{}'''), (6, 'recorded_at', 'now()')) AS v (n, name, value)
$$;
SELECT is(pg_temp.error_of(pg_temp.insert_with(c, 'NULL')),
	format('23502: null value in column "%s" of relation "campaign_metrics" violates not-null constraint', c), c || ' must not be NULL')
FROM unnest(ARRAY['id', 'campaign_id', 'metric_type', 'value', 'attributes', 'recorded_at']) AS c;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('metric_type', quote_literal(t))), NULL, t || ' is a metric type')
FROM unnest(ARRAY['ENGAGEMENT_COUNT', 'PARTICIPANT_COUNT', 'REWARD_CLAIMED', 'TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME']) AS t;
SELECT is(pg_temp.violation_of(pg_temp.insert_with('metric_type', quote_literal(t))), '23514 valid_metric_type', quote_literal(t) || ' is refused')
FROM unnest(ARRAY['CLICKS', 'reward_claimed', '']) AS t;
SELECT is(pg_temp.error_of(pg_temp.insert_with('value', v)), NULL, v || ' is a value') FROM unnest(ARRAY['99999999999.9999', '-99999999999.9999', '0']) AS v;
SELECT is(pg_temp.error_of(pg_temp.insert_with('value', '100000000000')), '22003: numeric field overflow',
	'twelve digits before the point are too many');

SELECT fk_ok('campaign_metrics', 'campaign_id', 'campaigns', 'id');
SELECT is((SELECT confdeltype FROM pg_constraint WHERE conrelid = 'campaign_metrics'::regclass AND contype = 'f'), 'c',
	'the foreign key of campaign_metrics is ON DELETE CASCADE');
SELECT is(pg_temp.violation_of(pg_temp.insert_with('campaign_id', quote_literal('22222222-2222-4222-8222-222222222222'))), '23503 campaign_metrics_campaign_id_fkey',
	'a metric needs its campaign');
DELETE FROM campaigns;
SELECT is((SELECT count(*) FROM campaign_metrics), 0::bigint, 'metrics go with their campaign');

SELECT is(pg_get_indexdef(i::regclass), format('CREATE INDEX %s ON public.campaign_metrics USING btree (%s)', i, c), i)
FROM (VALUES ('idx_campaign_metrics_campaign_id', 'campaign_id'), ('idx_campaign_metrics_type', 'metric_type'), ('idx_campaign_metrics_recorded_at', 'recorded_at'),
	('idx_campaign_metrics_analytics', 'campaign_id, metric_type, recorded_at')) AS v (i, c);

SELECT * FROM finish();
ROLLBACK;

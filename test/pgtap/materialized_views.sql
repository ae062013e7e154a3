-- The materialized views have the specification's columns first, a unique index each, and counts and sums beside the
-- averages (docs/specification.md, "Materialized Views"). They are refreshed only when their content would change.

BEGIN;
SELECT plan(28);

SELECT has_materialized_view('mv_active_campaigns');
SELECT has_materialized_view('mv_pending_timers');
SELECT columns_are('mv_active_campaigns', ARRAY['status', 'campaign_count', 'avg_duration', 'oldest_campaign', 'newest_campaign', 'duration_count', 'duration_sum']);
SELECT columns_are('mv_pending_timers', ARRAY['timer_type', 'timer_count', 'next_execution', 'avg_retries', 'retries_count', 'retries_sum']);
SELECT is((SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'mv_active_campaigns'::regclass AND attnum BETWEEN 1 AND 5),
	ARRAY['status', 'campaign_count', 'avg_duration', 'oldest_campaign', 'newest_campaign'], 'the specification''s columns come first');
SELECT is((SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'mv_pending_timers'::regclass AND attnum BETWEEN 1 AND 4),
	ARRAY['timer_type', 'timer_count', 'next_execution', 'avg_retries'], 'mv_pending_timers has the specification''s columns first');
SELECT col_type_is('mv_active_campaigns', 'avg_duration', 'numeric');
SELECT index_is_unique('mv_active_campaigns', 'idx_mv_active_campaigns_status');
SELECT index_is_unique('mv_pending_timers', 'idx_mv_pending_timers_timer_type');
SELECT is(relispopulated, true, format('%s can be read from the start', relname)) FROM pg_class WHERE relkind = 'm' AND relname ~ '^mv_' ORDER BY relname;
SELECT is((SELECT count(*) FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND c.relkind = 'm'), 0::bigint,
	'no materialized view is a member of the extension');

---- what they hold

SELECT create_campaign(duration, start_time => now() + interval '30 minutes') FROM unnest(ARRAY[10, 20]) AS duration \g /dev/null
SELECT create_campaign(7, start_time => now() + interval '2 days') AS tomorrow \gset
SELECT is_empty('TABLE mv_active_campaigns', 'a materialized view shows the state of its last refresh');
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns'), true,
	'campaign_lifecycle_internal._refresh_if_changed() refreshes mv_active_campaigns after a change');
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_pending_timers'), true,
	'campaign_lifecycle_internal._refresh_if_changed() refreshes mv_pending_timers after a change');
SELECT results_eq('SELECT status::text, campaign_count, avg_duration, oldest_campaign, newest_campaign, duration_count, duration_sum FROM mv_active_campaigns',
	'SELECT ''CREATED''::text, 3::bigint, 37::numeric / 3, min(created_at), max(created_at), 3::bigint, 37::bigint FROM campaigns', 'mv_active_campaigns counts campaigns by state');
SELECT results_eq('SELECT timer_type::text, timer_count, next_execution, avg_retries, retries_count, retries_sum FROM mv_pending_timers ORDER BY 1',
	$$VALUES ('START_CAMPAIGN', 2::bigint, now() + interval '30 minutes', 0::numeric, 2::bigint, 0::bigint)$$, 'timers due within the hour by type');
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns'), false,
	'campaign_lifecycle_internal._refresh_if_changed() does not refresh mv_active_campaigns without a change');
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_pending_timers'), false,
	'campaign_lifecycle_internal._refresh_if_changed() does not refresh mv_pending_timers without a change');
UPDATE campaigns SET metadata = '{"seen": true}';
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns'), false, 'a change that does not show is none');
SELECT transition_campaign(:'tomorrow', 'RUNNING') AS was \gset
SELECT transition_campaign(:'tomorrow', 'CLOSED') AS was \gset
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns'), true,
	'campaign_lifecycle_internal._refresh_if_changed() refreshes after a campaign has closed');
SELECT is((SELECT campaign_count FROM mv_active_campaigns WHERE status = 'CREATED'), 2::bigint,
	'mv_active_campaigns counts the two campaigns left');
SELECT is((SELECT count(*) FROM mv_active_campaigns WHERE status = 'CLOSED'), 0::bigint,
	'mv_active_campaigns has no CLOSED campaign');
DELETE FROM campaigns;
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns'), true,
	'campaign_lifecycle_internal._refresh_if_changed() refreshes after campaigns were deleted');
SELECT is_empty('TABLE mv_active_campaigns', 'mv_active_campaigns is empty without campaigns');

---- as a user may have left them

REFRESH MATERIALIZED VIEW mv_active_campaigns WITH NO DATA;
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_active_campaigns'), true, 'one that holds no data is refreshed plainly');
DROP INDEX idx_mv_pending_timers_timer_type;
SELECT create_campaign(1) AS now \gset
SELECT is(campaign_lifecycle_internal._refresh_if_changed('mv_pending_timers'), true, 'one without its unique index, too');
DROP MATERIALIZED VIEW mv_pending_timers;
SELECT is(campaign_lifecycle_internal._run_maintenance_step('refresh-pending-timers', now()), false, 'one that is gone is no fault');

SELECT * FROM finish();
ROLLBACK;

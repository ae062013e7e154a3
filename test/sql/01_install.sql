-- CREATE EXTENSION works, the worker's library is loaded before any session is, and a second one is refused.
CREATE EXTENSION campaign_lifecycle;
SELECT name, installed_version = default_version AS newest FROM pg_available_extensions WHERE name = 'campaign_lifecycle';
SELECT current_setting('shared_preload_libraries') ~ '\mcampaign_lifecycle\M' AS preloaded;
CREATE EXTENSION campaign_lifecycle;

-- The specification's tables are there and belong to the user, not to the extension.
SELECT c.relname
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND c.relname IN ('campaigns', 'campaign_timers', 'campaign_state_log', 'campaign_metrics', 'timer_executions',
		'campaign_state_transitions', 'campaign_timer_policies')
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname COLLATE "C";

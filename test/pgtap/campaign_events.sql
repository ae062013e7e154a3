-- campaign_events_since() and current_event_id(): arguments, errors, and what a transaction does not see yet.
-- test/t/047_events.pl has commits in every order.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql

SELECT current_event_id() AS place \gset
SELECT matches(:'place'::text, '^[0-9a-f]{8}\.[0-9a-f]{12}\.[0-9]+\.00000000-0000-0000-0000-000000000000\.0$', 'current_event_id() returns an event id');
SELECT is(substr(:'place'::text, 1, 8), substr((SELECT id::text FROM campaign_tables_version), 1, 8), 'which names the tables');
SELECT create_campaign(24) AS c \gset
SELECT is_empty(format('SELECT * FROM campaign_events_since(%L)', :'place'), 'an event is returned after the commit only');
SELECT is_empty(format('SELECT * FROM campaign_events_since(%L, NULL)', :'place'), 'so with no limit');
SELECT is((SELECT p.proargnames::text FROM pg_proc AS p WHERE p.oid = 'campaign_events_since(text, integer)'::regprocedure),
	'{after_event,max_events,event_id,event,at,payload}', 'the names of arguments and columns');
SELECT is(pg_temp.error_of(format('SELECT * FROM campaign_events_since(%L)', v.id)), '22023: not an event id: ' || v.id, format('"%s" is no event id', v.id))
FROM (VALUES (''::text), ('x'), (:'place'::text || '1'), ('0' || :'place'), (replace(:'place', '.', ',')), (upper(:'place') || 'A'), (:'c')) AS v (id);
SELECT is(pg_temp.error_of('SELECT * FROM campaign_events_since(NULL, 0)'), '22023: max_events must be positive: 0', 'a number is positive');
SELECT is(pg_temp.error_of(format('SELECT * FROM campaign_events_since(%L, 2147483647)', :'place')), NULL, 'and may be the greatest');
SELECT matches(pg_temp.hint_of('SELECT * FROM campaign_events_since(''x'')'), 'current_event_id\(\)', 'the hint says what to give');

SELECT * FROM finish();
ROLLBACK;

-- add_campaign_state(), drop_campaign_state(), add_timer_type() and drop_timer_type(): every CHECK that lists names has
-- the new one, on tables, partitions and the archive, those of later months included, and is otherwise as it was. A
-- name is dropped only if no row has it, and everything is as before then.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql

-- Constraints and triggers, and how each is.
CREATE TEMPORARY VIEW lists AS
	SELECT k.oid, k.conrelid::regclass::text AS relation, k.conname::text AS name, pg_get_constraintdef(k.oid) AS definition,
		format('%s %s %s %s', k.conislocal, k.coninhcount, k.convalidated, obj_description(k.oid, 'pg_constraint')) AS rest
	FROM pg_constraint AS k
	WHERE k.contype = 'c' AND k.connamespace = 'public'::regnamespace
		AND k.conname IN ('valid_status', 'valid_state', 'valid_from_state', 'valid_to_state', 'valid_timer_type')
	UNION ALL
	SELECT t.oid, t.tgrelid::regclass::text, t.tgname::text, pg_get_triggerdef(t.oid), t.tgenabled::text
	FROM pg_trigger AS t
	WHERE t.tgname IN ('explain_invalid_campaign', 'explain_new_timer', 'explain_changed_timer');
CREATE TEMPORARY TABLE lists_before AS SELECT * FROM lists;
CREATE FUNCTION pg_temp.lacking(name text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s of %s', l.name, l.relation), ', ') FROM lists AS l
	WHERE l.definition NOT LIKE '%''' || $1 || '''%' AND (l.name ~ 'timer') = ($1 = 'HALF_TIME')
$$;

---- Names

SELECT is((pg_temp.diagnostics(format('SELECT %s(%L)', f, n))).code, e, format('%s(%s)', f, coalesce(quote_literal(n), 'NULL')))
FROM (VALUES ('add_campaign_state', NULL, '22004'), ('add_campaign_state', 'paused', '22023'), ('add_campaign_state', '', '22023'),
	('add_campaign_state', '1ST', '22023'), ('add_campaign_state', '_A', '22023'), ('add_campaign_state', 'A-B', '22023'), ('add_campaign_state', 'A ', '22023'),
	('add_campaign_state', E'A\n', '22023'), ('add_campaign_state', 'PAUSÉ', '22023'), ('add_campaign_state', repeat('A', 21), '22023'), ('add_campaign_state', 'CLOSED', '23505'),
	('add_timer_type', NULL, '22004'), ('add_timer_type', 'half_time', '22023'), ('add_timer_type', repeat('A', 51), '22023'), ('add_timer_type', 'START_CAMPAIGN', '23505'),
	('drop_campaign_state', NULL, '22004'), ('drop_campaign_state', 'PAUSED', '22023'), ('drop_campaign_state', 'CLOSED', '55000'), ('drop_campaign_state', 'START_CAMPAIGN', '22023'),
	('drop_timer_type', NULL, '22004'), ('drop_timer_type', 'HALF_TIME', '22023'), ('drop_timer_type', 'START_CAMPAIGN', '55000'), ('drop_timer_type', 'CLOSED', '22023'))
	AS v (f, n, e);
SELECT is(d.message || ' / ' || d.hint, 'state already exists: CLOSED / There are CREATED, RUNNING, CLOSED, REWARD_CLAIM, EXPIRED.', 'the hint lists the states')
FROM pg_temp.diagnostics($$SELECT add_campaign_state('CLOSED')$$) AS d;
SELECT is(pg_temp.error_of(format('SELECT add_campaign_state(%L), add_timer_type(%L)', repeat('A', 20), repeat('B', 50))), NULL, 'names may have 20 and 50 characters');
SELECT is(pg_temp.error_of(format('SELECT drop_campaign_state(%L), drop_timer_type(%L)', repeat('A', 20), repeat('B', 50))), NULL, 'they are dropped again');
SELECT set_eq('SELECT * FROM lists', 'SELECT * FROM lists_before', 'every constraint and trigger is as before');

---- Lists and checks after a name was added

SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1)$$), '23514 valid_status', 'PAUSED is no state');
SELECT add_campaign_state('PAUSED'), add_timer_type('HALF_TIME');
SELECT is(pg_temp.lacking('PAUSED'), NULL, 'every constraint and trigger lists the state');
SELECT is(pg_temp.lacking('HALF_TIME'), NULL, 'every constraint and trigger lists the type');
SELECT set_eq('SELECT oid, relation, name, rest FROM lists', 'SELECT oid, relation, name, rest FROM lists_before',
	'constraints and triggers keep their oid, name, comment, inheritance and validity');
SELECT is(pg_temp.hint_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('STOPPED', 1)$$), obj_description(k.oid, 'pg_constraint'), 'another state is refused, with the hint')
FROM pg_constraint AS k WHERE k.conname = 'valid_status';
SELECT is(pg_temp.violation_of($$UPDATE campaign_timer_policies SET timer_type = 'NAG'$$), '23514 valid_timer_type', 'another type is refused');

INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('RUNNING', 'PAUSED', NULL), ('PAUSED', 'RUNNING', NULL);
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('RUNNING', 'HALF_TIME', 'end_time', '-24 hours');
SELECT create_campaign(48, id => '00000000-0000-7000-8000-000000000001');
SELECT run_due_timers();
SELECT is((SELECT string_agg(timer_type, ', ' ORDER BY timer_type) FROM schedule_campaign_timers('00000000-0000-7000-8000-000000000001')),
	'CLOSE_CAMPAIGN, EXPIRE_CAMPAIGN, HALF_TIME', 'a policy sets a timer of the new type');
SELECT transition_campaign('00000000-0000-7000-8000-000000000001', 'PAUSED');
SELECT is((SELECT count(*) FROM schedule_campaign_timers('00000000-0000-7000-8000-000000000001')), 0::bigint, 'the timers go when a campaign is PAUSED');
SELECT transition_campaign('00000000-0000-7000-8000-000000000001', 'RUNNING');
SELECT reschedule_timer(id, now()) FROM campaign_timers WHERE timer_type = 'HALF_TIME' AND status = 'PENDING';
SELECT is(run_due_timers(), 1::bigint, 'they come back with the state, and a timer of the new type is executed');
SELECT is((SELECT x.result FROM timer_executions AS x JOIN campaign_timers AS t ON t.id = x.timer_id AND t.timer_type = 'HALF_TIME'), '{"event": "HALF_TIME"}', 'as an event');
CREATE FUNCTION public.halfway(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$ SELECT '{}'::jsonb $$;
SELECT is(pg_temp.error_of($$SELECT register_handler('HALF_TIME', 'public.halfway(uuid, uuid, jsonb)')$$), NULL, 'it may have a handler');

-- Months that are made later, and the archive.
SELECT create_monthly_partitions(12);
SELECT is(pg_temp.lacking('PAUSED'), NULL, 'a month that is made later has the state in its constraints');
SET LOCAL session_replication_role = replica;
UPDATE campaign_state_log SET created_at = created_at - interval '3 years';
SET LOCAL session_replication_role = origin;
SELECT create_monthly_partitions(0, now() - interval '3 years');
SELECT is(archive_old_state_logs() > 0, true, 'a month with the state goes to the archive');
SELECT is((SELECT count(*) FROM ONLY campaign_state_log_archive_default) = 0 AND count(*) = 2, true, 'as a partition') FROM campaign_state_log_archive WHERE 'PAUSED' IN (from_state, to_state);
SELECT is(pg_temp.lacking('PAUSED'), NULL, 'which has the state in its constraints');

---- Names that cannot be dropped

SELECT is(d.code || ': ' || d.message, '55000: ' || m, m)
FROM (VALUES ($$SELECT drop_timer_type('HALF_TIME')$$, 'timer type HALF_TIME is used in column timer_type of campaign_timer_handlers'),
	($$SELECT unregister_handler('HALF_TIME'); SELECT drop_timer_type('HALF_TIME')$$, 'timer type HALF_TIME is used in column timer_type of campaign_timer_policies'),
	($$DELETE FROM campaign_timer_policies WHERE timer_type = 'HALF_TIME'; DELETE FROM campaign_timer_handlers; SELECT drop_timer_type('HALF_TIME')$$, 'timer type HALF_TIME is used in column timer_type of campaign_timers'),
	($$INSERT INTO campaign_state_transitions VALUES ('CREATED', 'CLOSED', 'HALF_TIME'); DELETE FROM campaign_timer_policies WHERE timer_type = 'HALF_TIME'; DELETE FROM campaign_timer_handlers; SELECT drop_timer_type('HALF_TIME')$$,
		'timer type HALF_TIME is used in column timer_type of campaign_state_transitions'),
	($$SELECT drop_campaign_state('PAUSED')$$, 'state PAUSED is used in column from_state of campaign_state_transitions'),
	($$DELETE FROM campaign_state_transitions WHERE from_state = 'PAUSED'; SELECT drop_campaign_state('PAUSED')$$, 'state PAUSED is used in column to_state of campaign_state_transitions'),
	($$INSERT INTO campaign_timer_policies (state, timer_type, anchor) VALUES ('PAUSED', 'EXPIRE_CAMPAIGN', 'entered'); SELECT drop_campaign_state('PAUSED')$$, 'state PAUSED is used in column state of campaign_timer_policies'),
	($$DELETE FROM campaign_state_transitions WHERE 'PAUSED' IN (from_state, to_state); SELECT drop_campaign_state('PAUSED')$$, 'state PAUSED is used in column from_state of campaign_state_log_archive'),
	($$DELETE FROM campaign_state_transitions WHERE 'PAUSED' IN (from_state, to_state); INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1); SELECT drop_campaign_state('PAUSED')$$,
		'state PAUSED is used in column status of campaigns'),
	($$DELETE FROM campaign_state_transitions WHERE 'PAUSED' IN (from_state, to_state); UPDATE campaign_state_log_archive SET from_state = 'CREATED' WHERE from_state = 'PAUSED'; SELECT drop_campaign_state('PAUSED')$$,
		'state PAUSED is used in column to_state of campaign_state_log_archive'),
	($$DELETE FROM campaign_state_transitions WHERE 'PAUSED' IN (from_state, to_state); DELETE FROM campaign_state_log_archive; INSERT INTO campaign_state_log (campaign_id, from_state, to_state, trigger_event)
		VALUES ('00000000-0000-7000-8000-000000000001', 'RUNNING', 'PAUSED', 'X'); SELECT drop_campaign_state('PAUSED')$$, 'state PAUSED is used in column to_state of campaign_state_log'))
	AS v (command, m)
CROSS JOIN LATERAL pg_temp.diagnostics(v.command) AS d;
SELECT isnt(pg_temp.hint_of($$SELECT drop_campaign_state('PAUSED')$$), NULL, 'with a hint');

SELECT unregister_handler('HALF_TIME');
DELETE FROM campaign_timer_policies WHERE timer_type = 'HALF_TIME';
DELETE FROM campaign_timers WHERE timer_type = 'HALF_TIME';
DELETE FROM campaign_state_transitions WHERE 'PAUSED' IN (from_state, to_state);
DELETE FROM campaign_state_log_archive;
SELECT is(pg_temp.error_of($$SELECT drop_campaign_state('PAUSED'), drop_timer_type('HALF_TIME')$$), NULL, 'a name that no row has is dropped');
SELECT is_empty($$SELECT * FROM lists AS l WHERE l.definition ~ 'PAUSED|HALF_TIME' OR l.rest ~ '^(t|f) \d+ f'$$, 'no constraint and trigger lists it, and all are valid');
SELECT set_eq($$SELECT * FROM lists WHERE relation !~ '_y\d'$$, $$SELECT * FROM lists_before WHERE relation !~ '_y\d'$$, 'they are as before');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('PAUSED', 1)$$), '23514 valid_status', 'PAUSED is refused again');

---- Tables that their user has changed

ALTER TABLE campaign_state_log_archive ALTER COLUMN to_state TYPE text;
ALTER TABLE campaign_state_log DROP CONSTRAINT valid_from_state;
SELECT add_campaign_state('PAUSED');
SELECT is(pg_temp.error_of($$INSERT INTO campaign_state_log_archive (id, campaign_id, to_state, trigger_event) SELECT gen_random_uuid(), gen_random_uuid(), 'PAUSED', 'X'$$), NULL,
	'a column of type text is followed, and a constraint that was dropped is no hindrance');
ALTER TABLE campaigns DROP CONSTRAINT valid_status, ADD CONSTRAINT valid_status CHECK (status ~ '^[A-Z_]+$');
SELECT is(d.code || ': ' || d.message, '55000: constraint "valid_status" of table "campaigns" has no list of names', 'a constraint without a list is an error')
FROM pg_temp.diagnostics($$SELECT add_campaign_state('HELD')$$) AS d;
SELECT is((SELECT count(*) FROM lists AS l WHERE l.definition ~ 'HELD'), 0::bigint, 'which leaves the others as they were');
-- Names that were added by hand stay.
ALTER TABLE campaigns DROP CONSTRAINT valid_status, ADD CONSTRAINT valid_status CHECK (status IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED', 'PAUSED', 'by hand'));
SELECT add_campaign_state('HELD');
SELECT is(count(*), 2::bigint, 'names that were added by hand stay') FROM lists AS l CROSS JOIN unnest(ARRAY['by hand', 'HELD']) AS n WHERE l.name = 'valid_status' AND l.definition LIKE '%' || n || '%';

ALTER TABLE campaigns DROP CONSTRAINT valid_status, ADD CONSTRAINT valid_status CHECK (status IN ('CREATED', 'RUNNING', 'CLOSED', 'REWARD_CLAIM', 'EXPIRED', 'PAUSED', 'HELD', 'SOLD_OUT'));
SELECT is(pg_temp.error_of($$SELECT add_campaign_state('SOLD_OUT')$$), NULL, 'a name that was added by hand to one table');
SELECT is(pg_temp.lacking('SOLD_OUT'), NULL, 'is added to the others');
SELECT is((pg_temp.diagnostics($$SELECT add_campaign_state('SOLD_OUT')$$)).code, '23505', 'and exists then');

---- Many of them

SELECT count(*) FROM generate_series(1, 70) AS n CROSS JOIN LATERAL add_timer_type('TYPE_' || n);
INSERT INTO campaign_timer_policies (state, timer_type, anchor) SELECT 'RUNNING', 'TYPE_' || n, 'entered' FROM generate_series(1, 70) AS n;
SELECT create_campaign(48, id => '00000000-0000-7000-8000-000000000002');
SELECT is(run_due_timers(), 71::bigint, 'a batch may have timers of 70 types');
SELECT is((SELECT count(*) FROM timer_executions AS x WHERE x.result ? 'event' AND x.result ->> 'event' LIKE 'TYPE%'), 70::bigint, 'each is executed');
SELECT count(*) FROM generate_series(1, 17) AS n CROSS JOIN LATERAL add_campaign_state('STATE_' || n);
INSERT INTO campaign_state_transitions (from_state, to_state) SELECT 'STATE_' || a, 'STATE_' || b FROM generate_series(1, 17) AS a, generate_series(1, 17) AS b WHERE a <> b;
INSERT INTO campaigns (status, duration_hours, metadata) SELECT from_state, 1, jsonb_build_object('to', to_state) FROM campaign_state_transitions WHERE from_state LIKE 'STATE%';
UPDATE campaigns SET status = metadata ->> 'to' WHERE metadata ? 'to';
SELECT is((SELECT count(*) FROM (SELECT DISTINCT from_state, to_state FROM campaign_state_log WHERE from_state LIKE 'STATE%') AS p), 272::bigint, 'a statement may make 272 different state changes');

---- Who may

CREATE ROLE states_owner NOLOGIN;
CREATE ROLE states_member NOLOGIN IN ROLE states_owner;
CREATE ROLE states_operator NOLOGIN;
GRANT USAGE ON SCHEMA tap TO PUBLIC;
SELECT set_campaign_owner('states_owner');
SELECT grant_campaign_access('states_operator', 'operator'), grant_campaign_access('states_operator', 'writer');
SET LOCAL ROLE states_operator;
SELECT is((pg_temp.diagnostics($$SELECT add_campaign_state('OTHERS')$$)).code, '42501', 'a writer and operator may not add a state');
SET LOCAL ROLE states_member;
SELECT is(pg_temp.error_of($$SELECT add_campaign_state('OTHERS'), add_timer_type('OTHERS'), drop_campaign_state('OTHERS'), drop_timer_type('OTHERS')$$), NULL, 'a member of the owner may');
SET LOCAL ROLE states_owner;
SELECT is(pg_temp.error_of($$SELECT add_campaign_state('OTHERS'), drop_campaign_state('OTHERS')$$), NULL, 'the owner may');
RESET ROLE;
SELECT is(pg_temp.error_of($$SELECT add_campaign_state('OTHERS'), drop_campaign_state('OTHERS')$$), NULL, 'a superuser may');
REVOKE states_owner FROM states_member;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public, campaign_lifecycle_internal TO states_member;
GRANT USAGE ON SCHEMA campaign_lifecycle_internal TO states_member;
SET LOCAL ROLE states_member;
SELECT is(pg_temp.error_of($$SELECT add_campaign_state('OTHERS')$$), '42501: permission denied to change states and timer types', 'another role may not, whatever it may execute');
SELECT is(pg_temp.error_of($$SELECT campaign_lifecycle_internal._change_check_list('campaigns', 'valid_status', 'status', 'OTHERS', true, true)$$), '42501: must be owner of table campaigns', 'nor one constraint');
SELECT is(pg_temp.error_of($$SELECT campaign_lifecycle_internal._change_trigger_list('campaigns', 'explain_invalid_campaign', 'status', 'OTHERS', true)$$), '42501: must be owner of table campaigns', 'nor one trigger');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

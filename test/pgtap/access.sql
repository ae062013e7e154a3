-- PUBLIC can do nothing, and grant_campaign_access() gives each level what its COMMENT says, no more and no less. Every
-- operation on every table and every API function is tried as each kind of role, and undone: once while a superuser
-- owns the tables, once after set_campaign_owner() has given them to a plain role. Each is "allowed" or "denied"
-- (42501) exactly as the matrix below says.

BEGIN;
SELECT * FROM no_plan();

CREATE ROLE access_owner NOLOGIN;
CREATE ROLE access_nobody NOLOGIN;
CREATE ROLE access_reader NOLOGIN;
CREATE ROLE access_writer NOLOGIN;
CREATE ROLE access_operator NOLOGIN;

-- Run a command as a role, undo it, and return 'allowed', 'denied' or the error.
CREATE FUNCTION pg_temp.attempt(role name, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO1';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'UNDO1' THEN 'allowed' WHEN '42501' THEN 'denied' ELSE SQLSTATE || ': ' || SQLERRM END;
END
$$;

-- One campaign with a timer that waits, one that has failed, a log row, an execution and a metric.
SELECT create_campaign(24, id => '00000000-0000-7000-8000-00000000c001', start_time => now() + interval '1 day');
UPDATE campaign_timers SET id = '00000000-0000-7000-8000-00000000f001' WHERE timer_type = 'START_CAMPAIGN';
UPDATE campaign_timers SET id = '00000000-0000-7000-8000-00000000f002', status = 'FAILED', retry_count = 5 WHERE timer_type = 'CLOSE_CAMPAIGN';
UPDATE campaign_timers SET id = '00000000-0000-7000-8000-00000000f003' WHERE timer_type = 'EXPIRE_CAMPAIGN';
INSERT INTO timer_executions (timer_id, status, error_message, completed_at) VALUES ('00000000-0000-7000-8000-00000000f002', 'FAILED', 'XX000: x', now());
SELECT record_metric('00000000-0000-7000-8000-00000000c001', 'PARTICIPANT_COUNT', 1, id => '00000000-0000-7000-8000-00000000e001');

CREATE TEMPORARY TABLE trial (place serial, what text, command text, allowed text[]);

-- Tables: reading for all three levels, and nothing else but by column. A writer may name all columns of campaigns and
-- campaign_timers, and triggers keep what the server decides.
INSERT INTO trial (what, command, allowed)
SELECT format('%s %s', o.operation, c.relname), format(o.command, c.relname, (SELECT quote_ident(a.attname) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = 1)),
	-- Of the bookkeeping, which is the extension's, the owner of the tables reads what the worker reads as that role.
	o.allowed || CASE WHEN c.relname IN ('campaign_activation', 'campaign_clean_run') AND (c.relname, o.operation) <> ('campaign_activation', 'select from')
		-- The row there is a superuser's handler.
		OR (c.relname, o.operation) = ('campaign_timer_handlers', 'update the first column of') THEN '{}'::text[] ELSE '{owner}' END
FROM pg_class AS c
CROSS JOIN (VALUES
	('select from', 'SELECT count(*) FROM %1$I', '{reader,writer,operator}'::text[]),
	('insert whole rows into', 'INSERT INTO %1$I SELECT * FROM %1$I', '{}'),
	('update the first column of', 'UPDATE %1$I SET %2$s = %2$s', '{}'),
	('delete from', 'DELETE FROM %1$I', '{}'),
	('truncate', 'TRUNCATE %1$I CASCADE', '{}'),
	('put a trigger on', 'CREATE TRIGGER access_trigger BEFORE UPDATE ON %1$I FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()', '{}'),
	('lock', 'LOCK TABLE %1$I IN ACCESS EXCLUSIVE MODE', '{}'),
	('add a column to', 'ALTER TABLE %1$I ADD COLUMN access_column integer', '{}'),
	('put a rule on', 'CREATE RULE access_rule AS ON UPDATE TO %1$I DO ALSO NOTHING', '{}'),
	('index', 'CREATE INDEX ON %1$I ((1))', '{}'),
	('rename', 'ALTER TABLE %1$I RENAME TO access_renamed', '{}'),
	('drop', 'DROP TABLE %1$I CASCADE', '{}'),
	('put a policy on', 'CREATE POLICY access_policy ON %1$I USING (true)', '{}')) AS o (operation, command, allowed)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	-- Of these a level may write every column.
	AND (o.operation NOT LIKE 'insert%' OR c.relname NOT IN ('campaign_clean_run', 'campaign_metrics', 'campaigns', 'campaign_timers'))
	AND (o.operation NOT LIKE 'update%' OR c.relname NOT IN ('campaigns', 'campaign_timers'))
	-- An operator's, see below.
	AND (o.operation LIKE 'select%' OR c.relname <> 'campaign_backfills')
	AND (o.operation NOT IN ('delete from', 'lock') OR c.relname <> 'campaign_timer_handlers')
ORDER BY c.relname, o.operation;
INSERT INTO trial (what, command, allowed)
SELECT 'select from ' || c.relname, format('SELECT count(*) FROM %I', c.relname),
	CASE WHEN c.relname = 'campaign_workers' THEN '{reader,writer,operator}' ELSE '{reader,writer,operator,owner}' END::text[]
FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind IN ('v', 'm') OR c.relispartition AND c.relkind = 'r')
ORDER BY c.relname;

INSERT INTO trial (what, command, allowed) VALUES
	('insert a campaign', $$INSERT INTO campaigns (id, status, metadata, start_time, duration_hours, auto_close, rewards_enabled) VALUES (DEFAULT, 'CREATED', '{}', now(), 1, true, true)$$, '{writer}'),
	('insert a campaign with created_at', $$INSERT INTO campaigns (status, duration_hours, created_at) VALUES ('CREATED', 1, now())$$, '{writer}'),
	('insert a campaign with updated_at', $$INSERT INTO campaigns (status, duration_hours, updated_at) VALUES ('CREATED', 1, now())$$, '{writer}'),
	('update a campaign', $$UPDATE campaigns SET metadata = '{"a": 1}', auto_close = false, rewards_enabled = false, duration_hours = 3, start_time = now(), end_time = NULL$$, '{writer}'),
	('move a campaign', $$UPDATE campaigns SET status = 'RUNNING'$$, '{writer}'),
	('change the id of a campaign', $$UPDATE campaigns SET id = gen_random_uuid()$$, '{}'),
	('change created_at of a campaign', $$UPDATE campaigns SET created_at = now()$$, '{writer}'),
	('lock a campaign', $$SELECT FROM campaigns FOR NO KEY UPDATE$$, '{writer}'),
	('insert a timer', $$INSERT INTO campaign_timers (id, campaign_id, timer_type, status, scheduled_at, payload) VALUES (DEFAULT, '00000000-0000-7000-8000-00000000c001', 'CLOSE_CAMPAIGN', 'PENDING', now(), '{}')$$, '{writer}'),
	('insert a timer with executed_at', $$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, executed_at) VALUES ('00000000-0000-7000-8000-00000000c001', 'CLOSE_CAMPAIGN', now(), now())$$, '{}'),
	('insert a timer with retry_count', $$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, retry_count) VALUES ('00000000-0000-7000-8000-00000000c001', 'CLOSE_CAMPAIGN', now(), 4)$$, '{writer}'),
	('insert a timer with created_at', $$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, created_at) VALUES ('00000000-0000-7000-8000-00000000c001', 'CLOSE_CAMPAIGN', now(), now())$$, '{writer}'),
	('update the payload of a timer', $$UPDATE campaign_timers SET payload = '{}'$$, '{writer}'),
	('update the time of a timer', $$UPDATE campaign_timers SET scheduled_at = now() WHERE status = 'PENDING'$$, '{writer,operator}'),
	('name the campaign and the type of a timer', $$UPDATE campaign_timers SET id = id, campaign_id = campaign_id, timer_type = timer_type, executed_at = executed_at$$, '{writer}'),
	('change the id of a timer', $$UPDATE campaign_timers SET id = gen_random_uuid() WHERE status = 'PENDING'$$, '{}'),
	('give a timer to another campaign', $$UPDATE campaign_timers SET campaign_id = '00000000-0000-7000-8000-0000000000ff' WHERE timer_type = 'START_CAMPAIGN'$$, '{}'),
	('change the type of a timer', $$UPDATE campaign_timers SET timer_type = 'REWARD_REMINDER' WHERE timer_type = 'START_CAMPAIGN'$$, '{}'),
	('change executed_at of a timer', $$UPDATE campaign_timers SET executed_at = now()$$, '{}'),
	('insert a metric', $$INSERT INTO campaign_metrics (campaign_id, metric_type, value) VALUES ('00000000-0000-7000-8000-00000000c001', 'PARTICIPANT_COUNT', 2)$$, '{writer}'),
	('update a metric', $$UPDATE campaign_metrics SET value = 0$$, '{}'),
	('insert a log row', $$INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event) VALUES ('00000000-0000-7000-8000-00000000c001', 'EXPIRED', 'FORGED')$$, '{}'),
	('insert a log row into its partition', $$INSERT INTO campaign_state_log_default (campaign_id, to_state, trigger_event) VALUES ('00000000-0000-7000-8000-00000000c001', 'EXPIRED', 'FORGED')$$, '{}'),
	('update the log', $$UPDATE campaign_state_log SET trigger_event = 'FORGED'$$, '{}'),
	('insert an execution', $$INSERT INTO timer_executions (timer_id, status, completed_at) VALUES ('00000000-0000-7000-8000-00000000f001', 'COMPLETED', now())$$, '{}'),
	('update an execution', $$UPDATE timer_executions SET error_message = NULL$$, '{}'),
	('add a transition', $$INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'EXPIRED')$$, '{}'),
	('edit a policy', $$UPDATE campaign_timer_policies SET delay = '1 hour'$$, '{}'),
	('add a handler by hand', $$INSERT INTO campaign_timer_handlers (timer_type, handler, handler_owner) VALUES ('START_CAMPAIGN', 'pg_catalog.now()', 'postgres')$$, '{}'),
	('delete a handler', 'DELETE FROM campaign_timer_handlers', '{operator}'),
	('write down a backfill', 'DELETE FROM campaign_backfills', '{operator}'),
	('insert a change of plan', $$INSERT INTO campaign_changes (campaign_id, operation, changed_by, session_role, after) VALUES ('00000000-0000-7000-8000-00000000c001', 'x', 'x', 'x', '{}')$$, '{}'),
	('disable a trigger', $$ALTER TABLE campaigns DISABLE TRIGGER USER$$, '{}'),
	('disable foreign keys', $$ALTER TABLE campaigns DISABLE TRIGGER ALL$$, '{}'),
	('replace the trigger function', $$CREATE OR REPLACE FUNCTION validate_state_transition() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'$$, '{}'),
	('put our log trigger on an own table', $$CREATE TEMPORARY TABLE fake (LIKE campaigns); CREATE TRIGGER t AFTER INSERT ON fake FOR EACH ROW EXECUTE FUNCTION log_campaign_state_change()$$, '{}');

-- All of this is the owner's, except the extension's own objects and what lends a superuser's name.
UPDATE trial SET allowed = allowed || 'owner'::text
WHERE place > (SELECT max(t.place) FROM trial AS t WHERE t.what LIKE 'select from %') AND what NOT IN ('add a handler by hand', 'disable foreign keys', 'replace the trigger function');
-- Partitions, and what is no table.
INSERT INTO trial (what, command, allowed)
SELECT format('%s %s', o.operation, c.relname), format(o.command, c.relname, (SELECT quote_ident(a.attname) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = 1)), '{owner}'
FROM pg_class AS c
JOIN (VALUES
	('r', 'insert whole rows into', 'INSERT INTO %1$I SELECT * FROM %1$I'),
	('r', 'update the first column of', 'UPDATE %1$I SET %2$s = %2$s'),
	('r', 'delete from', 'DELETE FROM %1$I'),
	('r', 'truncate', 'TRUNCATE %1$I'),
	('r', 'put a trigger on', 'CREATE TRIGGER access_trigger BEFORE UPDATE ON %1$I FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	('m', 'refresh', 'REFRESH MATERIALIZED VIEW %1$I'),
	('v', 'give away', 'ALTER VIEW %1$I SET (security_invoker = false)')) AS o (kind, operation, command) ON o.kind = c.relkind::text
WHERE c.relnamespace = 'public'::regnamespace AND (c.relispartition OR c.relkind <> 'r') AND c.relname <> 'campaign_workers'
ORDER BY c.relname, o.operation;

-- Verbs.
INSERT INTO trial (what, command, allowed)
SELECT format('%s()', split_part(v.call, '(', 1)), format('SELECT %s', v.call), v.allowed
FROM (VALUES
	($$create_campaign(24)$$, '{writer}'::text[]),
	($$schedule_campaign_timers('00000000-0000-7000-8000-00000000c001')$$, '{writer}'),
	($$schedule_missing_timers()$$, '{writer}'),
	($$reschedule_campaign('00000000-0000-7000-8000-00000000c001', duration_hours => 5)$$, '{writer}'),
	($$extend_campaign('00000000-0000-7000-8000-00000000c001', 5)$$, '{writer}'),
	($$transition_campaign('00000000-0000-7000-8000-00000000c001', 'RUNNING')$$, '{writer}'),
	($$cancel_campaign(pg_temp.running())$$, '{writer}'),
	($$schedule_timer('00000000-0000-7000-8000-00000000c001', 'REWARD_REMINDER', now())$$, '{writer}'),
	($$reschedule_timer('00000000-0000-7000-8000-00000000f001', now())$$, '{writer}'),
	($$cancel_timer('00000000-0000-7000-8000-00000000f001')$$, '{writer}'),
	($$retry_timer('00000000-0000-7000-8000-00000000f002')$$, '{writer,operator}'),
	($$record_metric('00000000-0000-7000-8000-00000000c001', 'PARTICIPANT_COUNT', 3)$$, '{writer}'),
	($$campaign_timeline('00000000-0000-7000-8000-00000000c001')$$, '{reader,writer,operator}'),
	($$campaign_health()$$, '{reader,writer,operator}'),
	($$current_event_id()$$, '{reader,writer,operator}'),
	($$campaign_events_since(NULL)$$, '{reader,writer,operator}'),
	($$run_due_timers()$$, '{operator,owner}'),
	($$pause_timers()$$, '{operator}'),
	($$resume_timers()$$, '{operator}'),
	($$create_monthly_partitions()$$, '{operator,owner}'),
	($$archive_old_state_logs()$$, '{operator,owner}'),
	($$cleanup_timer_executions()$$, '{operator,owner}'),
	($$cleanup_campaign_changes()$$, '{operator,owner}'),
	($$schedule_maintenance()$$, '{}'),
	($$unschedule_maintenance()$$, '{}'),
	($$register_handler('START_CAMPAIGN', pg_temp.own_handler())$$, '{operator}'),
	($$unregister_handler('CLOSE_CAMPAIGN')$$, '{operator,owner}'),
	($$grant_campaign_access('access_nobody', 'writer')$$, '{}'),
	($$revoke_campaign_access('access_reader')$$, '{}'),
	($$set_campaign_owner('access_nobody')$$, '{}'),
	($$install_campaign_tables()$$, '{}'),
	($$uninstall_campaign_tables()$$, '{}'),
	($$upgrade_campaign_tables()$$, '{}'),
	($$add_campaign_state('PAUSED')$$, '{owner}'),
	($$drop_campaign_state('UNUSED_STATE')$$, '{owner}'),
	($$add_timer_type('HALF_TIME')$$, '{owner}'),
	($$drop_timer_type('UNUSED_TYPE')$$, '{owner}')) AS v (call, allowed)
WHERE EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace AND p.proname = split_part(v.call, '(', 1));
-- Made beforehand, so that the function under trial is tried alone.
CREATE FUNCTION pg_temp.running() RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT '00000000-0000-7000-8000-00000000c002'::uuid $$;
SELECT create_campaign(24, id => '00000000-0000-7000-8000-00000000c002', start_time => NULL);
SELECT transition_campaign('00000000-0000-7000-8000-00000000c002', 'RUNNING');
-- A handler of whoever asks.
GRANT CREATE ON SCHEMA public TO access_operator;
SET LOCAL ROLE access_operator;
CREATE FUNCTION access_handler(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT NULL::jsonb';
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM access_operator;
CREATE FUNCTION pg_temp.own_handler() RETURNS regprocedure LANGUAGE sql AS $$ SELECT 'public.access_handler'::regproc::regprocedure $$;
CREATE FUNCTION access_handler_of_us(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT NULL::jsonb';
SELECT register_handler('CLOSE_CAMPAIGN', 'access_handler_of_us(uuid, uuid, jsonb)');
SELECT add_campaign_state('UNUSED_STATE'), add_timer_type('UNUSED_TYPE');
-- Like any user-made function, executable by all; so are the temporary schema's.
GRANT USAGE ON SCHEMA tap TO PUBLIC;

SELECT is_empty(
	$$SELECT p.oid::regprocedure FROM pg_proc AS p
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		WHERE left(p.proname, 1) <> '_' AND p.prorettype <> 'trigger'::regtype AND p.prokind <> 'p' AND NOT EXISTS (SELECT FROM trial AS t WHERE t.what = p.proname || '()')$$,
	'every public function is in the matrix');
SELECT is_empty(
	$$SELECT c.oid::regclass FROM pg_class AS c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
			AND NOT EXISTS (SELECT FROM campaign_lifecycle_internal._campaign_relations() AS r WHERE r.relation = c.oid)$$,
	'every table and view that the extension makes is in campaign_lifecycle_internal._campaign_relations()');
SELECT is_empty(
	$$SELECT p.oid::regprocedure FROM pg_proc AS p
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
		WHERE has_function_privilege('access_nobody', p.oid, 'EXECUTE')$$,
	'PUBLIC can execute no function of the extension');

-- Exactly the internal functions that the public functions of a level call, found in their text.
CREATE FUNCTION pg_temp.called(roots name[]) RETURNS SETOF name LANGUAGE sql AS $$
	WITH RECURSIVE reached (name) AS (
		SELECT unnest(roots)
		UNION
		SELECT m.call[1]::name
		FROM reached AS r
		JOIN pg_proc AS p ON p.pronamespace IN ('public'::regnamespace, 'campaign_lifecycle_internal'::regnamespace) AND p.proname = r.name
		CROSS JOIN LATERAL regexp_matches(p.prosrc, '(?:public|campaign_lifecycle_internal)\.(_\w+)\s*\(', 'g') AS m (call)
		-- Who does not own the tables gets no further in these.
		WHERE 'owner' = ANY (roots) OR p.prosrc !~ '_run_maintenance_as_owner' OR m.call[1] IN ('_is_campaign_owner', '_run_maintenance_as_owner', '_cutoff', '_tables_id'))
	SELECT r.name FROM reached AS r JOIN pg_proc AS p ON p.pronamespace IN ('public'::regnamespace, 'campaign_lifecycle_internal'::regnamespace) AND p.proname = r.name
$$;
SELECT bag_eq(
	format('SELECT DISTINCT p.proname FROM campaign_lifecycle_internal._campaign_functions(%L) AS f (routine) JOIN pg_proc AS p ON p.oid = f.routine', l.level),
	format('SELECT DISTINCT c FROM pg_temp.called(%L::name[] || ARRAY(SELECT split_part(t.what, ''('', 1)::name FROM trial AS t WHERE t.what LIKE ''%%()'' AND %L = ANY (t.allowed))) AS c',
		l.roots, l.level),
	format('%s: its public functions and exactly what they call', l.level))
FROM (VALUES ('reader', '{_workers}'::name[]), ('writer', '{_workers}'), ('operator', '{_workers,backfill_column}'),
	-- The worker calls these.
	('owner', '{owner,_claim_batch,_apply_timers,_postpone_timers,_fail_timer,_next_due,_single_timer_due,_claim_single_timer,_uuid_v7,_lock_single_timer,_complete_single_timer,_handler_of,_record_handler,_fail_single_timer,_release_single_timer,
		_recover_lost,_reset_constraints,_due_maintenance,_run_maintenance_step,_maintenance_failed,create_monthly_partitions,archive_old_state_logs,cleanup_timer_executions,cleanup_campaign_changes,_notify_completed,
		register_handler,unregister_handler,_table_health,_upgrade_campaign_tables,_wake_worker,fill_campaign_end_time,log_campaign_state_change,update_updated_at_column,
		validate_state_transition,stamp_handler_owner,renew_campaign_tables_id,_make_month_while_paused,_insert_default_rows,_renew_tables_id,validate_timer_handler,validate_timer_policy,validate_timer_schedule,validate_timer_status,explain_check_violation,fill_timer_policy_delay,protect_columns,mark_cancelled_timer,
		_cleanup_finished_timers,_cleanup_metrics,_maintenance_commands,_set_cron_database,_add_name,_drop_name}')) AS l (level, roots);

-- Not by trying, but by all that is said of privileges: columns one by one, partitions, views, what belongs to the
-- extension, internal functions.
CREATE FUNCTION pg_temp.beyond() RETURNS SETOF text LANGUAGE sql AS $$
	WITH level (level, role) AS (
		SELECT l, 'access_' || l FROM unnest('{nobody,reader,writer,operator}'::text[]) AS l),
	-- privilege, columns; NULL: the table as a whole.
	granted (level, relation, privilege, columns) AS (VALUES
		('writer', 'campaigns', 'INSERT', '{id,status,metadata,created_at,updated_at,start_time,end_time,duration_hours,auto_close,rewards_enabled}'::text[]),
		('writer', 'campaigns', 'UPDATE', '{id,status,metadata,created_at,updated_at,start_time,end_time,duration_hours,auto_close,rewards_enabled}'),
		('writer', 'campaign_timers', 'INSERT', '{id,campaign_id,timer_type,status,scheduled_at,executed_at,payload,retry_count,created_at,updated_at}'),
		('writer', 'campaign_timers', 'UPDATE', '{id,campaign_id,timer_type,status,scheduled_at,executed_at,payload,retry_count,created_at,updated_at}'),
		('writer', 'campaign_metrics', 'INSERT', '{id,campaign_id,metric_type,value,attributes,recorded_at}'),
		('operator', 'campaign_timers', 'UPDATE', '{status,scheduled_at,retry_count}'),
		('operator', 'campaign_activation', 'INSERT', '{database_oid,paused,tables_id}'),
		('operator', 'campaign_activation', 'UPDATE', '{paused,changed_at,tables_id}'),
		('operator', 'campaign_timer_handlers', 'INSERT', '{timer_type,handler,handler_owner,timeout}'),
		('operator', 'campaign_timer_handlers', 'UPDATE', '{handler,timeout,registered_at}'),
		('operator', 'campaign_timer_handlers', 'DELETE', NULL),
		('operator', 'campaign_clean_run', 'INSERT', '{since}'),
		('operator', 'campaign_backfills', 'INSERT', NULL),
		('operator', 'campaign_backfills', 'UPDATE', NULL),
		('operator', 'campaign_backfills', 'DELETE', NULL))
	SELECT format('%s: %s on column %s of %s', l.level, p.privilege, a.attname, c.relname)
	FROM level AS l
	CROSS JOIN unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS p (privilege)
	JOIN pg_class AS c ON c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
	JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE has_column_privilege(l.role, c.oid, a.attnum, p.privilege) <> (CASE p.privilege WHEN 'SELECT' THEN l.level <> 'nobody'
		ELSE EXISTS (SELECT FROM granted AS g WHERE (g.level, g.relation, g.privilege) = (l.level, c.relname::text, p.privilege) AND (g.columns IS NULL OR a.attname::text = ANY (g.columns))) END)
	UNION ALL
	SELECT format('%s: %s on %s', l.level, p.privilege, c.relname)
	FROM level AS l
	CROSS JOIN unnest('{DELETE,TRUNCATE,TRIGGER}'::text[]) AS p (privilege)
	JOIN pg_class AS c ON c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
	WHERE has_table_privilege(l.role, c.oid, p.privilege) <> EXISTS (SELECT FROM granted AS g WHERE (g.level, g.relation, g.privilege) = (l.level, c.relname::text, p.privilege) AND g.columns IS NULL)
	UNION ALL
	SELECT format('%s: EXECUTE on %s', l.level, p.oid::regprocedure)
	FROM level AS l
	JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'campaign_lifecycle'
	JOIN pg_proc AS p ON p.oid = d.objid
	WHERE has_function_privilege(l.role, p.oid, 'EXECUTE') <> EXISTS (SELECT FROM campaign_lifecycle_internal._campaign_functions(l.level) AS f (routine) WHERE f.routine = p.oid)
	UNION ALL
	SELECT format('%s: CREATE on the schema', l.level) FROM level AS l WHERE has_schema_privilege(l.role, 'public', 'CREATE')
$$;

-- Before anything is granted, then each level, on tables of a superuser.
SELECT is(pg_temp.attempt('access_' || l.level, t.command), 'denied', format('nothing granted: %s cannot %s', l.level, t.what))
FROM trial AS t CROSS JOIN unnest('{nobody,writer}'::text[]) AS l (level) ORDER BY l.level, t.place;
SELECT grant_campaign_access('access_reader', 'reader');
SELECT grant_campaign_access('access_writer', 'writer');
SELECT grant_campaign_access('access_operator', 'operator');
SELECT is(pg_temp.attempt('access_' || l.level, t.command), CASE WHEN l.level = ANY (t.allowed) THEN 'allowed' ELSE 'denied' END,
	format('tables of a superuser: %s %s %s', l.level, CASE WHEN l.level = ANY (t.allowed) THEN 'can' ELSE 'cannot' END, t.what))
FROM trial AS t CROSS JOIN unnest('{nobody,reader,writer,operator}'::text[]) AS l (level) ORDER BY l.level, t.place;
SELECT is_empty('SELECT * FROM pg_temp.beyond()',
	'tables of a superuser: no privilege on any table, column or function that is not in the lists');

-- The same on tables of a plain role, to whom the grants then count as made by.
SELECT set_campaign_owner('access_owner');
SELECT is_empty(
	$$SELECT r.relation FROM campaign_lifecycle_internal._campaign_relations() AS r JOIN pg_class AS c ON c.oid = r.relation
		WHERE c.relowner <> CASE WHEN r.is_member THEN 'postgres' ELSE 'access_owner' END::regrole AND (NOT r.is_member OR c.relowner = 'access_owner'::regrole)$$,
	'every table and view has the new owner');
SELECT is(pg_temp.attempt('access_' || l.level, t.command), CASE WHEN l.level = ANY (t.allowed) THEN 'allowed' ELSE 'denied' END,
	format('tables of a plain role: %s %s %s', l.level, CASE WHEN l.level = ANY (t.allowed) THEN 'can' ELSE 'cannot' END, t.what))
FROM trial AS t CROSS JOIN unnest('{nobody,reader,writer,operator}'::text[]) AS l (level) ORDER BY l.level, t.place;

SELECT is_empty('SELECT * FROM pg_temp.beyond()',
	'tables of a plain role: no privilege on any table, column or function that is not in the lists');
-- A command that the data does not allow is no matter of rights.
SELECT is(pg_temp.attempt('access_owner', t.command) <> 'denied', 'owner' = ANY (t.allowed), format('the plain owner %s %s', CASE WHEN 'owner' = ANY (t.allowed) THEN 'can' ELSE 'cannot' END, t.what))
FROM trial AS t ORDER BY t.place;
-- The owner can do what the worker does, with no right of a superuser.
SELECT is(pg_temp.attempt('access_owner', c.command), 'allowed', 'the plain owner can: ' || c.command)
FROM (VALUES
	($$SELECT campaign_lifecycle_internal._claim_batch(now() + interval '3 days', '-infinity', 100)$$),
	($$SELECT campaign_lifecycle_internal._apply_timers(ARRAY['00000000-0000-7000-8000-00000000f001']::uuid[], now())$$),
	($$SELECT campaign_lifecycle_internal._fail_timer('00000000-0000-7000-8000-00000000f001', now(), '22012', 'division by zero', false)$$),
	($$SELECT campaign_lifecycle_internal._next_due('-infinity')$$)) AS c (command);
SELECT is(pg_temp.attempt('access_owner', 'SELECT grant_campaign_access(''access_nobody'', ''writer'')'), 'denied',
	'the plain owner cannot hand out access');
SELECT is(pg_temp.attempt('access_owner', 'SELECT count(*) FROM pg_authid'), 'denied',
	'the plain owner is no superuser');

-- A later owner, levels that add up, and privileges after they were revoked.
SELECT grant_campaign_access('access_writer', 'operator');
SELECT is(pg_temp.attempt('access_writer', c.command), 'allowed', 'writer and operator at once: ' || c.command)
FROM (VALUES ('SELECT create_campaign(1)'), ('SELECT pause_timers()')) AS c (command);
SELECT throws_ok('SELECT revoke_campaign_access(''access_owner'')', '55000', NULL,
	'access cannot be revoked from the owner of the tables');
SELECT set_campaign_owner(current_user::regrole);
SELECT is(pg_temp.attempt('access_owner', t.command), 'denied', 'the former owner cannot ' || t.what) FROM trial AS t ORDER BY t.place;
SELECT lives_ok(format('SELECT revoke_campaign_access(%L)', r), 'revoked from ' || r)
FROM unnest('{access_owner,access_nobody,access_reader,access_writer,access_operator}'::text[]) AS r;
SELECT is(pg_temp.attempt('access_writer', t.command), 'denied', 'revoked: writer cannot ' || t.what) FROM trial AS t ORDER BY t.place;
DROP FUNCTION access_handler(uuid, uuid, jsonb);
SELECT lives_ok('DROP ROLE ' || r, 'nothing is left that would keep a role from being dropped: ' || r)
FROM unnest('{access_owner,access_reader,access_operator}'::text[]) AS r;

-- A column of the user's own is the writer's too, once granted again.
ALTER TABLE campaigns ADD COLUMN brand text;
SELECT grant_campaign_access('access_writer', 'writer'), grant_campaign_access('access_writer', 'operator');
SELECT is(pg_temp.attempt('access_writer', 'INSERT INTO campaigns (status, duration_hours, brand) VALUES (''CREATED'', 1, ''x'')'), 'allowed',
	'a column of the user''s own');

-- Row level security on campaigns is respected by tables, views and functions.
CREATE POLICY own_brand ON campaigns TO access_writer USING (brand = 'mine') WITH CHECK (brand = 'mine');
ALTER TABLE campaigns ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_timers ON campaign_timers TO access_writer
	USING (EXISTS (SELECT FROM campaigns AS c WHERE c.id = campaign_id)) WITH CHECK (EXISTS (SELECT FROM campaigns AS c WHERE c.id = campaign_id));
ALTER TABLE campaign_timers ENABLE ROW LEVEL SECURITY;
SELECT create_campaign(24, id => '00000000-0000-7000-8000-00000000c003', start_time => now() + interval '2 days');
UPDATE campaigns SET brand = 'mine' WHERE id = '00000000-0000-7000-8000-00000000c003';
CREATE FUNCTION pg_temp.changed(statement text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE statement; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
SET LOCAL ROLE access_writer;
SELECT tap.results_eq('SELECT id FROM campaigns', $$VALUES ('00000000-0000-7000-8000-00000000c003'::uuid)$$,
	'a policy on campaigns: the table shows only one''s own');
SELECT tap.results_eq('SELECT DISTINCT campaign_id FROM _runnable_timers', $$VALUES ('00000000-0000-7000-8000-00000000c003'::uuid)$$,
	'a reader under row-level security sees its own rows of _runnable_timers');
SELECT tap.results_eq('SELECT DISTINCT campaign_id FROM upcoming_timers', $$VALUES ('00000000-0000-7000-8000-00000000c003'::uuid)$$,
	'upcoming_timers shows a reader its own timers');
SELECT tap.is((SELECT count(*) FROM dead_timers), 0::bigint, 'dead_timers hides timers of another''s campaigns');
SELECT tap.results_eq('SELECT status::text, count FROM campaign_state_distribution WHERE count > 0', $$VALUES ('CREATED', 1::bigint)$$,
	'campaign_state_distribution counts the campaigns of the reader');
SELECT tap.results_eq($$SELECT DISTINCT kind FROM campaign_timeline('00000000-0000-7000-8000-00000000c001') ORDER BY 1$$, $$VALUES ('metric'), ('state')$$,
	'a timeline shows what has no policy of its own');
RESET ROLE;
CREATE POLICY own_log ON campaign_state_log TO access_writer USING (EXISTS (SELECT FROM campaigns AS c WHERE c.id = campaign_id));
ALTER TABLE campaign_state_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_metrics ON campaign_metrics TO access_writer USING (EXISTS (SELECT FROM campaigns AS c WHERE c.id = campaign_id));
ALTER TABLE campaign_metrics ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE access_writer;
SELECT tap.throws_ok($$SELECT * FROM campaign_timeline('00000000-0000-7000-8000-00000000c001')$$, 'P0002', NULL,
	'campaign_timeline() does not find a campaign hidden by policies on the log and the metrics');
SELECT tap.throws_ok(format('SELECT %s', v.call), 'P0002', NULL, 'nor is another''s by ' || split_part(v.call, '(', 1))
FROM (VALUES ('schedule_campaign_timers(''00000000-0000-7000-8000-00000000c001'')'), ('reschedule_campaign(''00000000-0000-7000-8000-00000000c001'', duration_hours => 5)'),
	('cancel_campaign(''00000000-0000-7000-8000-00000000c001'')'), ('schedule_timer(''00000000-0000-7000-8000-00000000c001'', ''REWARD_REMINDER'', now())'),
	('reschedule_timer(''00000000-0000-7000-8000-00000000f003'', now())'), ('retry_timer(''00000000-0000-7000-8000-00000000f002'')')) AS v (call);
SELECT tap.is(pg_temp.changed('UPDATE campaigns SET metadata = ''{"x": 1}'' WHERE id <> ''00000000-0000-7000-8000-00000000c003'''), 0::bigint,
	'plain UPDATE changes none of another''s');
SELECT tap.throws_ok('INSERT INTO campaigns (status, duration_hours, brand) VALUES (''CREATED'', 1, ''theirs'')', '42501', NULL,
	'a plain INSERT cannot make a campaign that the policy refuses');
SELECT tap.throws_ok($$SELECT transition_campaign('00000000-0000-7000-8000-00000000c001', 'RUNNING')$$, 'P0002', NULL,
	'a function does not find another''s campaign');
SELECT tap.throws_ok($$SELECT cancel_timer('00000000-0000-7000-8000-00000000f001')$$, 'P0002', NULL,
	'cancel_timer() does not find a timer hidden by a policy');
SELECT tap.throws_ok($$SELECT record_metric('00000000-0000-7000-8000-00000000c001', 'PARTICIPANT_COUNT', 1)$$, 'P0002', NULL,
	'record_metric() does not find a campaign hidden by a policy');
SELECT tap.throws_ok($$SELECT create_campaign(24)$$, '42501', NULL,
	'create_campaign() cannot make a campaign that the policy refuses');
SELECT tap.is(transition_campaign('00000000-0000-7000-8000-00000000c003', 'RUNNING'), 'CREATED',
	'transition_campaign() moves a campaign that the policy shows');
RESET ROLE;
SELECT is((SELECT count(*) FROM campaign_state_log WHERE campaign_id = '00000000-0000-7000-8000-00000000c003'), 2::bigint,
	'the move of that campaign is logged');
-- Timers are not one's own matter: who runs them runs all, as their owner.
UPDATE campaign_timers SET scheduled_at = now() WHERE id = '00000000-0000-7000-8000-00000000f001';
SET LOCAL ROLE access_writer;
SELECT tap.lives_ok('SELECT run_due_timers()', 'an operator whom the policy binds runs due timers');
RESET ROLE;
SELECT is(status, 'RUNNING', 'an operator runs timers of campaigns that it cannot see') FROM campaigns WHERE id = '00000000-0000-7000-8000-00000000c001';

-- Roles and levels that can be named.
SELECT throws_ok($$SELECT grant_campaign_access('access_writer', 'admin')$$, '22023', 'unknown access level: admin');
SELECT throws_ok($$SELECT grant_campaign_access('access_writer', NULL)$$, '22004', NULL,
	'grant_campaign_access() refuses NULL as level');
SELECT throws_ok($$SELECT grant_campaign_access(NULL, 'reader')$$, '22004', NULL,
	'grant_campaign_access() refuses NULL as role');
SELECT throws_ok($$SELECT grant_campaign_access('nobody_of_this_name', 'reader')$$, '42704', NULL,
	'a role that does not exist');
SELECT throws_ok($$SELECT grant_campaign_access('-', 'reader')$$, '42704', NULL, 'nothing can be granted to PUBLIC');
SELECT throws_ok($$SELECT revoke_campaign_access('4000000000')$$, '42704', NULL, 'an oid that is no role''s');
SELECT throws_ok($$SELECT set_campaign_owner(NULL)$$, '22004', NULL, 'set_campaign_owner() refuses NULL');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO access_nobody;
SELECT is(pg_temp.attempt('access_nobody', c.command), 'denied', 'EXECUTE alone is not enough: ' || c.command)
FROM (VALUES ('SELECT grant_campaign_access(''access_nobody'', ''writer'')'), ('SELECT revoke_campaign_access(''access_writer'')'),
	('SELECT set_campaign_owner(''access_nobody'')')) AS c (command);

SELECT * FROM finish();
ROLLBACK;

-- register_handler() takes a function of the caller's own and no other. run_due_timers() calls it after the state
-- change, as that role, in settings of its own. Every way in which a handler can misbehave has a defined outcome that
-- touches one timer only. First come functions that can and cannot be registered; then one campaign for each case, run
-- in this transaction. The campaign has moved or not, the attempt has its row, and nothing of the handler is left in
-- the session. test/t/060_handlers.pl has the worker call handlers.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql

CREATE ROLE handler_owner NOLOGIN;
CREATE ROLE handler_other NOLOGIN;
CREATE ROLE handler_tables NOLOGIN;
CREATE SCHEMA handler_app AUTHORIZATION handler_owner;
SELECT grant_campaign_access('handler_owner', 'operator');
SELECT grant_campaign_access('handler_owner', 'writer');
SELECT grant_campaign_access('handler_other', 'operator');
SELECT set_campaign_owner('handler_tables');
GRANT USAGE ON SCHEMA tap TO PUBLIC;

--
-- Registering.
--
SET LOCAL ROLE handler_owner;
CREATE FUNCTION handler_app.good(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT ''"done"''::jsonb';
CREATE FUNCTION handler_app.two(uuid, uuid) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION handler_app.text(uuid, uuid, jsonb) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
CREATE FUNCTION handler_app.many(uuid, uuid, jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE PROCEDURE handler_app.proc(uuid, uuid, INOUT p jsonb) LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION pg_temp.temporary(uuid, uuid, jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION handler_app.variable(uuid, uuid, VARIADIC jsonb[]) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'handler_app.two(uuid, uuid)')$$),
	'42P13: function handler_app.two(uuid,uuid) is no handler');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'handler_app.text(uuid, uuid, jsonb)')$$),
	'42P13: function handler_app.text(uuid,uuid,jsonb) is no handler');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'handler_app.many(uuid, uuid, jsonb)')$$),
	'42P13: function handler_app.many(uuid,uuid,jsonb) is no handler');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'handler_app.proc(uuid, uuid, jsonb)')$$),
	'42P13: function handler_app.proc(uuid,uuid,jsonb) is no handler');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'handler_app.variable(uuid, uuid, jsonb[])')$$),
	'42P13: function handler_app.variable(uuid,uuid,jsonb[]) is no handler');
SELECT tap.alike(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'pg_temp.temporary(uuid, uuid, jsonb)')$$),
	'42P13: function % is temporary');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 0)$$), '42883: handler does not exist: 0');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', NULL)$$), '22004: handler must not be null');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler(NULL, 'handler_app.good(uuid, uuid, jsonb)')$$),
	'22004: timer_type must not be null');
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('NO_TYPE', 'handler_app.good(uuid, uuid, jsonb)')$$),
	'22023: unknown timer type: NO_TYPE');
SELECT tap.is(pg_temp.error_of(format('SELECT register_handler(''START_CAMPAIGN'', ''handler_app.good(uuid, uuid, jsonb)'', %L)', t)),
	'22023: handler timeout out of range: ' || t) FROM unnest('{00:00:00,-00:00:01,1 mon,1 day 00:00:01}'::text[]) AS t;
SELECT tap.is(pg_temp.error_of($$SELECT unregister_handler('START_CAMPAIGN')$$),
	'P0002: START_CAMPAIGN timers have no handler');
SELECT tap.lives_ok($$SELECT register_handler('START_CAMPAIGN', 'handler_app.good(uuid, uuid, jsonb)')$$,
	'a function of one''s own can be registered');
SELECT tap.lives_ok($$SELECT register_handler('START_CAMPAIGN', 'handler_app.good(uuid, uuid, jsonb)', '5 seconds')$$,
	'register_handler() again changes the timeout');
SELECT tap.row_eq($$SELECT timer_type::text, handler, handler_owner, timeout FROM campaign_timer_handlers$$,
	ROW('START_CAMPAIGN'::text, 'handler_app.good(uuid,uuid,jsonb)'::text, 'handler_owner'::name, '5 seconds'::interval), 'campaign_timer_handlers has the handler, its owner and its timeout');
RESET ROLE;
SELECT is(pg_temp.error_of($$SELECT register_handler('CLOSE_CAMPAIGN', 'handler_app.good(uuid, uuid, jsonb)')$$),
	format('42501: function handler_app.good(uuid,uuid,jsonb) belongs to handler_owner, not to %I', current_user), 'a superuser cannot lend its name to another''s function');
SET LOCAL ROLE handler_other;
SELECT tap.alike(pg_temp.error_of($$SELECT register_handler('CLOSE_CAMPAIGN', 'handler_app.good(uuid, uuid, jsonb)')$$), '42501: %',
	'another role cannot register a handler that it does not own');
CREATE FUNCTION pg_temp.other(uuid, uuid, jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
RESET ROLE;
GRANT CREATE ON SCHEMA handler_app TO handler_other;
GRANT USAGE ON SCHEMA handler_app TO handler_other;
SET LOCAL ROLE handler_other;
CREATE FUNCTION handler_app.other(uuid, uuid, jsonb) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT NULL::jsonb';
SELECT tap.is(pg_temp.error_of($$SELECT register_handler('START_CAMPAIGN', 'handler_app.other(uuid, uuid, jsonb)')$$),
	'23505: START_CAMPAIGN timers have a handler already: handler_app.good(uuid,uuid,jsonb), of handler_owner', 'a timer type has one handler only');
-- By hand, whatever one may write.
SELECT tap.is(pg_temp.error_of($$INSERT INTO campaign_timer_handlers (timer_type, handler, handler_owner) VALUES ('CLOSE_CAMPAIGN', 'handler_app.good(uuid,uuid,jsonb)', 'handler_owner')$$),
	'42501: permission denied to register a handler of handler_owner', 'a row for another''s function is refused');
RESET ROLE;
GRANT ALL ON campaign_timer_handlers TO handler_other;
CREATE FUNCTION pg_temp.superuser_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.handler_owner := 'handler_tables'; RETURN NEW; END $$;
GRANT EXECUTE ON FUNCTION pg_temp.superuser_row() TO handler_other;
SET LOCAL ROLE handler_other;
CREATE TRIGGER zzz_last BEFORE INSERT OR UPDATE ON campaign_timer_handlers FOR EACH ROW EXECUTE FUNCTION pg_temp.superuser_row();
SELECT tap.is(pg_temp.error_of($$UPDATE campaign_timer_handlers SET handler_owner = 'handler_other'$$),
	'42501: permission denied to register a handler of handler_tables', 'a trigger cannot register a handler of another role');
RESET ROLE;
DROP TRIGGER zzz_last ON campaign_timer_handlers;
REVOKE ALL ON campaign_timer_handlers FROM handler_other;
SET LOCAL ROLE handler_owner;
SELECT tap.lives_ok($$SELECT unregister_handler('START_CAMPAIGN')$$, 'unregister_handler() removes the handler');
RESET ROLE;

--
-- Running. Every case has a campaign of its own whose START timer is due; the payload says what the handler does.
--
CREATE TABLE handler_app.parents (id integer PRIMARY KEY);
CREATE TABLE handler_app.children (parent integer REFERENCES handler_app.parents DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE handler_app.seen (what text, role name, state text, search_path text, changed_by text);
CREATE TABLE handler_app.deferred_seen (who name);
CREATE TABLE handler_app.guarded (id integer, role name DEFAULT current_user);
ALTER TABLE handler_app.parents OWNER TO handler_owner;
ALTER TABLE handler_app.children OWNER TO handler_owner;
ALTER TABLE handler_app.seen OWNER TO handler_owner;
ALTER TABLE handler_app.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON handler_app.guarded USING (role = current_user);
GRANT SELECT, INSERT ON handler_app.guarded, handler_app.deferred_seen TO handler_owner, handler_tables;
GRANT USAGE ON SCHEMA handler_app TO handler_tables;
-- Deferred triggers on the tables of both: who runs them?
CREATE FUNCTION handler_app.note() RETURNS trigger LANGUAGE plpgsql SET search_path = handler_app, pg_catalog AS $$ BEGIN INSERT INTO deferred_seen VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER note AFTER INSERT ON handler_app.children DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION handler_app.note();
CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON campaigns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION handler_app.note();

SET LOCAL ROLE handler_owner;
CREATE FUNCTION handler_app.act(campaign_id uuid, timer_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql SET search_path = handler_app, public, pg_catalog AS $$
DECLARE
	n bigint;
BEGIN
	INSERT INTO seen SELECT payload ->> 'do', current_user, c.status, current_setting('search_path'), current_setting('campaign_lifecycle.changed_by')
		FROM campaigns AS c WHERE c.id = campaign_id;
	CASE payload ->> 'do'
		WHEN 'nothing' THEN RETURN NULL;
		WHEN 'child first' THEN
			INSERT INTO children VALUES (1);
			INSERT INTO parents VALUES (1);
		WHEN 'orphan' THEN INSERT INTO children VALUES (99);
		WHEN 'temporary table' THEN
			CREATE TEMPORARY TABLE seen (a integer) ON COMMIT PRESERVE ROWS;
			CREATE TYPE pg_temp.mood AS ENUM ('x');
			INSERT INTO pg_temp.seen VALUES (1), (2);
			RETURN to_jsonb((SELECT count(*) FROM pg_temp.seen));
		WHEN 'exception block' THEN
			BEGIN
				PERFORM 1 / 0;
			EXCEPTION WHEN division_by_zero THEN
				RETURN '"survived"';
			END;
		WHEN 'api' THEN
			PERFORM transition_campaign(campaign_id, 'CLOSED', 'TARGET_REACHED');
			PERFORM record_metric(campaign_id, 'PARTICIPANT_COUNT', 5);
		WHEN 'other campaign' THEN RETURN to_jsonb(create_campaign(1));
		WHEN 'notify' THEN PERFORM pg_notify('handler_channel', 'x');
		WHEN 'settings' THEN
			SET search_path = evil;
			SET row_security = off;
			SET work_mem = '77MB';
			PERFORM set_config('campaign_lifecycle.trigger_event', 'EVIL', false);
		WHEN 'row security' THEN
			INSERT INTO guarded (id) VALUES (1);
			SELECT count(*) INTO n FROM guarded;
			RETURN to_jsonb(n);
		WHEN 'savepoints' THEN
			FOR i IN 1 .. 100 LOOP
				BEGIN
					INSERT INTO parents VALUES (1000 + i);
					IF i % 2 = 0 THEN
						RAISE EXCEPTION USING ERRCODE = 'ZZ002';
					END IF;
				EXCEPTION WHEN SQLSTATE 'ZZ002' THEN
					NULL;
				END;
			END LOOP;
			RETURN to_jsonb((SELECT count(*) FROM parents WHERE id > 1000));
		WHEN 'savepoint' THEN EXECUTE 'SAVEPOINT a';
		WHEN 'constraints' THEN
			SET CONSTRAINTS ALL IMMEDIATE;
			INSERT INTO children VALUES (98);
		WHEN 'ddl' THEN
			CREATE TABLE made (a integer);
			DROP TABLE made;
		WHEN 'listen' THEN LISTEN handler_channel;
		WHEN 'own timer' THEN PERFORM cancel_timer(timer_id);
		WHEN 'move twice' THEN
			PERFORM transition_campaign(campaign_id, 'CLOSED'), transition_campaign(campaign_id, 'RUNNING');
		WHEN 'schedule' THEN PERFORM schedule_timer(campaign_id, 'REWARD_REMINDER', now() + interval '1 hour');
		WHEN 'run timers' THEN PERFORM run_due_timers();
		WHEN 'unregister' THEN PERFORM unregister_handler('START_CAMPAIGN');
		WHEN 'drop' THEN DROP FUNCTION handler_app.act(uuid, uuid, jsonb);
		WHEN 'pause' THEN PERFORM pause_timers();
		WHEN 'unique' THEN INSERT INTO parents VALUES (500), (500);
		WHEN 'syntax' THEN EXECUTE 'SELEC 1';
		WHEN 'missing' THEN EXECUTE 'SELECT * FROM no_such_table';
		WHEN 'data' THEN PERFORM 'x'::integer;
		WHEN 'long message' THEN RAISE EXCEPTION '%', repeat('x', 100000);
		WHEN 'no message' THEN RAISE EXCEPTION USING MESSAGE = '';
		WHEN 'divide' THEN PERFORM 1 / 0;
		WHEN 'raise' THEN RAISE EXCEPTION 'no stock left' USING ERRCODE = 'ZZ001', DETAIL = 'detail', HINT = 'hint';
		WHEN 'assert' THEN ASSERT false, 'not so';
		WHEN 'not allowed' THEN DELETE FROM public.campaigns;
		WHEN 'set role' THEN EXECUTE 'SET ROLE handler_tables';
		WHEN 'reset role' THEN EXECUTE 'RESET ROLE';
		WHEN 'set session' THEN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT';
		WHEN 'commit' THEN COMMIT;
		WHEN 'hold' THEN EXECUTE 'DECLARE kept CURSOR WITH HOLD FOR SELECT current_user';
		WHEN 'sleep' THEN PERFORM pg_sleep(30);
		WHEN 'sleep and catch' THEN
			BEGIN
				PERFORM pg_sleep(30);
			EXCEPTION WHEN query_canceled THEN
				RETURN '"caught"';
			END;
		WHEN 'deadlock' THEN RAISE deadlock_detected;
		WHEN 'serialization' THEN RAISE serialization_failure;
		WHEN 'cancelled' THEN RAISE query_canceled;
		WHEN 'out of memory' THEN RAISE out_of_memory;
		WHEN 'locked' THEN RAISE lock_not_available;
	END CASE;
	RETURN '{"ok": true}';
END
$$;
SELECT register_handler('START_CAMPAIGN', 'handler_app.act(uuid, uuid, jsonb)', '300 milliseconds');
RESET ROLE;

CREATE TEMPORARY TABLE cases (what text, id uuid DEFAULT gen_random_uuid(), state text, timer text, message text, handled jsonb);
INSERT INTO cases (what, state, timer, message, handled) VALUES
	('nothing', 'RUNNING', 'COMPLETED', NULL, 'null'),
	('child first', 'RUNNING', 'COMPLETED', NULL, '{"ok": true}'),
	('orphan', 'CREATED', 'FAILED', '23503: insert or update on table "children" violates foreign key constraint "children_parent_fkey"', NULL),
	('temporary table', 'RUNNING', 'COMPLETED', NULL, '2'),
	('exception block', 'RUNNING', 'COMPLETED', NULL, '"survived"'),
	('api', 'CLOSED', 'COMPLETED', NULL, '{"ok": true}'),
	('notify', 'RUNNING', 'COMPLETED', NULL, '{"ok": true}'),
	('settings', 'RUNNING', 'COMPLETED', NULL, '{"ok": true}'),
	('row security', 'RUNNING', 'COMPLETED', NULL, '1'),
	('savepoints', 'RUNNING', 'COMPLETED', NULL, '50'),
	('savepoint', 'CREATED', 'FAILED', '0A000: EXECUTE of transaction commands is not implemented', NULL),
	('constraints', 'CREATED', 'FAILED', '23503: insert or update on table "children" violates foreign key constraint "children_parent_fkey"', NULL),
	('ddl', 'RUNNING', 'COMPLETED', NULL, '{"ok": true}'),
	('listen', 'RUNNING', 'COMPLETED', NULL, '{"ok": true}'),
	('own timer', 'CREATED', 'FAILED', '55000: a COMPLETED timer cannot be cancelled', NULL),
	('move twice', 'CREATED', 'FAILED', 'P0001: Invalid state transition from CLOSED to RUNNING', NULL),
	('schedule', 'RUNNING', 'COMPLETED', NULL, '{"ok": true}'),
	('run timers', 'CREATED', 'FAILED', '55000: timers cannot be run by a handler', NULL),
	('unique', 'CREATED', 'FAILED', '23505: duplicate key value violates unique constraint "parents_pkey"', NULL),
	('syntax', 'CREATED', 'FAILED', '42601: syntax error at or near "SELEC"', NULL),
	('missing', 'CREATED', 'FAILED', '42P01: relation "no_such_table" does not exist', NULL),
	('data', 'CREATED', 'FAILED', '22P02: invalid input syntax for type integer: "x"', NULL),
	('long message', 'CREATED', 'FAILED', left('P0001: ' || repeat('x', 100000), 8000), NULL),
	('no message', 'CREATED', 'FAILED', 'P0001: ', NULL),
	('divide', 'CREATED', 'FAILED', '22012: division by zero', NULL),
	('raise', 'CREATED', 'FAILED', 'ZZ001: no stock left', NULL),
	('assert', 'CREATED', 'FAILED', 'P0004: not so', NULL),
	('not allowed', 'CREATED', 'FAILED', '42501: permission denied for table campaigns', NULL),
	('set role', 'CREATED', 'FAILED', '42501: cannot set parameter "role" within security-definer function', NULL),
	('reset role', 'CREATED', 'FAILED', '42501: cannot set parameter "role" within security-definer function', NULL),
	('set session', 'CREATED', 'FAILED', '42501: cannot set parameter "session_authorization" within security-definer function', NULL),
	('commit', 'CREATED', 'FAILED', '2D000: invalid transaction termination', NULL),
	('hold', 'CREATED', 'FAILED', '24000: a trigger or handler left a cursor WITH HOLD open, or changed prepared statements', NULL),
	('sleep', 'CREATED', 'FAILED', '57014: handler took longer than 300 ms', NULL),
	('sleep and catch', 'CREATED', 'FAILED', '57014: handler took longer than 300 ms', NULL),
	('no such case', 'CREATED', 'FAILED', '20000: case not found', NULL);
CREATE FUNCTION pg_temp.make(what text, id uuid) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.create_campaign(24, id => id);
	UPDATE public.campaign_timers AS t SET payload = t.payload || jsonb_build_object('do', what) WHERE t.campaign_id = make.id AND t.timer_type = 'START_CAMPAIGN';
	RETURN id;
END
$$;
SELECT pg_temp.make(what, id) FROM cases;
SET LOCAL work_mem = '5MB';
SELECT is(run_due_timers(), (SELECT count(*) FROM cases), 'every case is attempted, whatever becomes of the others');
SELECT is(current_user::text, session_user::text, 'the caller is who it was');
SELECT is(c.status::text, s.state, format('the campaign whose handler does "%s" is %s', s.what, s.state)) FROM cases AS s JOIN campaigns AS c USING (id) ORDER BY s.what;
SELECT is(t.status::text, s.timer, format('the timer whose handler does "%s" is %s', s.what, s.timer)) FROM cases AS s JOIN campaign_timers AS t ON t.campaign_id = s.id AND t.timer_type = 'START_CAMPAIGN' ORDER BY s.what;
SELECT is((SELECT array_agg(x.error_message) FROM timer_executions AS x WHERE x.timer_id = t.id), ARRAY[s.message], s.what || ': one attempt, ' || coalesce(left(s.message, 100), 'no error'))
FROM cases AS s JOIN campaign_timers AS t ON t.campaign_id = s.id AND t.timer_type = 'START_CAMPAIGN' ORDER BY s.what;
SELECT is((SELECT x.result -> 'handler' FROM timer_executions AS x WHERE x.timer_id = t.id), s.handled, format('the execution keeps what the handler that does "%s" returned', s.what))
FROM cases AS s JOIN campaign_timers AS t ON t.campaign_id = s.id AND t.timer_type = 'START_CAMPAIGN' ORDER BY s.what;

-- In whose name, after the move, in which settings.
SELECT is_empty($$SELECT * FROM handler_app.seen WHERE (role, state, search_path, changed_by) IS DISTINCT FROM
	('handler_owner', 'RUNNING', 'handler_app, public, pg_catalog', 'handler_owner')$$, 'a handler runs as its owner, after the move, in its own search_path');
SELECT is((SELECT count(*) FROM handler_app.seen), (SELECT count(*) FROM cases WHERE timer = 'COMPLETED'),
	'rows written by a handler that failed are undone');
SELECT is(current_setting('work_mem'), '5MB', 'settings of a handler do not outlive it');
SELECT is(current_setting('search_path'), '"$user", public, tap',
	'the search_path of a handler is not left in the session');
SELECT is((SELECT metadata ->> 'changed_by' FROM campaign_state_log WHERE trigger_event = 'TARGET_REACHED'), 'handler_owner',
	'the log names it as the one who moved a campaign');
SELECT is_empty($$SELECT FROM pg_cursors WHERE name = 'kept'$$, 'no cursor of a handler is left');
SELECT is_empty($$SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = pg_my_temp_schema() AND c.relowner = 'handler_owner'::regrole$$,
	'no temporary table of a handler is left');
SELECT has_table(pg_my_temp_schema()::regnamespace::name, 'cases', 'temporary tables of the caller are still there');
SELECT set_eq('SELECT who FROM handler_app.deferred_seen', '{handler_owner,handler_tables}'::name[],
	'deferred triggers ran as who wrote the row: the handler''s owner, or the tables''');
SELECT is((SELECT count(*) FROM handler_app.deferred_seen WHERE who = 'handler_owner'), 2::bigint,
	'the handler''s: a child, and its own move of a campaign');
SELECT is((SELECT value FROM campaign_metrics WHERE metric_type = 'PARTICIPANT_COUNT'), 5::numeric,
	'a handler can use the API');

-- Constraints are as they are declared.
SELECT lives_ok('INSERT INTO handler_app.children VALUES (7)',
	'deferrable constraints of the caller are deferred again');
DELETE FROM handler_app.children WHERE parent = 7;

-- Trouble that says nothing about the timer is no attempt.
SELECT pg_temp.make(c.what, c.id::uuid)
FROM (VALUES ('deadlock', '00000000-0000-7000-8000-00000000d001'), ('serialization', '00000000-0000-7000-8000-00000000d002'),
	('out of memory', '00000000-0000-7000-8000-00000000d003'), ('locked', '00000000-0000-7000-8000-00000000d004')) AS c (what, id);
SELECT is(run_due_timers(), 0::bigint,
	'a deadlock, a serialization failure, want of memory or of a lock in a handler is no attempt');
SELECT is((SELECT array_agg(DISTINCT (status, retry_count)::text) FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN' AND payload ->> 'do' IN ('deadlock', 'serialization', 'out of memory', 'locked')),
	'{"(PENDING,0)"}', 'timers whose handlers end in a deadlock or serialization failure wait without an attempt');
UPDATE campaign_timers SET scheduled_at = now() + interval '1 hour' WHERE payload ->> 'do' IN ('deadlock', 'serialization', 'out of memory', 'locked');

-- Not called on a skip, called on a reminder.
SET LOCAL ROLE handler_owner;
SELECT register_handler('REWARD_REMINDER', 'handler_app.good(uuid, uuid, jsonb)');
RESET ROLE;
INSERT INTO campaigns (id, status, duration_hours) VALUES
	('00000000-0000-7000-8000-00000000d011', 'REWARD_CLAIM', 1), ('00000000-0000-7000-8000-00000000d012', 'REWARD_CLAIM', 1);
INSERT INTO campaign_timers (id, campaign_id, timer_type, scheduled_at) VALUES
	('00000000-0000-7000-8000-00000000d021', '00000000-0000-7000-8000-00000000d011', 'START_CAMPAIGN', now()),
	('00000000-0000-7000-8000-00000000d022', '00000000-0000-7000-8000-00000000d012', 'REWARD_REMINDER', now());
SELECT is(run_due_timers(), 2::bigint, 'a skipped timer and a reminder are attempted');
SELECT is((SELECT result FROM timer_executions WHERE timer_id = '00000000-0000-7000-8000-00000000d021'), '{"skipped": true, "reason": "too late in state REWARD_CLAIM"}',
	'no handler is called for a timer that is skipped');
SELECT is((SELECT result FROM timer_executions WHERE timer_id = '00000000-0000-7000-8000-00000000d022'), '{"event": "REWARD_REMINDER", "handler": "done"}',
	'a handler is called for a reminder');

-- A cancel request, or what looks like one, is the caller's: it ends the call.
SELECT pg_temp.make('cancelled', '00000000-0000-7000-8000-00000000d005');
SELECT is(left(pg_temp.error_of('SELECT run_due_timers()'), 5), '57014', 'a handler that is cancelled ends the call');
UPDATE campaign_timers SET scheduled_at = now() + interval '1 hour' WHERE payload ->> 'do' = 'cancelled';

-- Between registration and call, and in it.
CREATE FUNCTION pg_temp.after(change text, what text DEFAULT 'nothing') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	campaign constant uuid := gen_random_uuid();
	message text;
BEGIN
	BEGIN
		EXECUTE change;
		PERFORM pg_temp.make(what, campaign), public.run_due_timers();
		SELECT coalesce(x.error_message, x.result ->> 'handler', 'no handler') INTO message
		FROM public.timer_executions AS x JOIN public.campaign_timers AS t ON t.id = x.timer_id WHERE t.campaign_id = campaign;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO1';
	EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
		RETURN message;
	END;
END
$$;
SELECT is(pg_temp.after('SELECT', w.what), '{"ok": true}', format('a handler may %s itself', w.what)) FROM unnest('{unregister,drop,pause}'::text[]) AS w (what);
SELECT is(pg_temp.after('ALTER ROLE handler_owner RENAME TO handler_renamed', 'pause'), '{"ok": true}', 'a role that is renamed keeps its handler');
SELECT is(pg_temp.after(c.change), c.message, c.change)
FROM (VALUES
	('DROP FUNCTION handler_app.act(uuid, uuid, jsonb)', '42883: handler does not exist: handler_app.act(uuid,uuid,jsonb)'),
	('DROP SCHEMA handler_app CASCADE', '42883: handler does not exist: handler_app.act(uuid,uuid,jsonb)'),
	('ALTER FUNCTION handler_app.act(uuid, uuid, jsonb) RENAME TO acted', '42883: handler does not exist: handler_app.act(uuid,uuid,jsonb)'),
	('ALTER SCHEMA handler_app RENAME TO elsewhere', '42883: handler does not exist: handler_app.act(uuid,uuid,jsonb)'),
	('ALTER FUNCTION handler_app.act(uuid, uuid, jsonb) OWNER TO CURRENT_USER',
		format('42501: function handler_app.act(uuid,uuid,jsonb) belongs to %I, not to handler_owner', current_user)),
	('REVOKE ALL ON FUNCTION handler_app.act(uuid, uuid, jsonb) FROM PUBLIC, handler_owner', '42501: permission denied for handler handler_app.act(uuid,uuid,jsonb)'),
	('ALTER SCHEMA handler_app OWNER TO CURRENT_USER; REVOKE ALL ON SCHEMA handler_app FROM handler_owner', '42501: permission denied for handler handler_app.act(uuid,uuid,jsonb)'),
	('DROP FUNCTION handler_app.act(uuid, uuid, jsonb); CREATE FUNCTION handler_app.act(uuid, uuid, jsonb) RETURNS text LANGUAGE sql AS ''SELECT 1::text''; ALTER FUNCTION handler_app.act(uuid, uuid, jsonb) OWNER TO handler_owner',
		'42P13: function handler_app.act(uuid,uuid,jsonb) is no handler'),
	('DROP OWNED BY handler_owner CASCADE', '42883: handler does not exist: handler_app.act(uuid,uuid,jsonb)'),
	('DELETE FROM campaign_timer_handlers', 'no handler')) AS c (change, message);

SELECT * FROM finish();
ROLLBACK;

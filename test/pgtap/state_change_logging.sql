-- The log has a row for every change of status and for the creation (docs/specification.md, "State Change Logging"),
-- with the time of the row, the event (a setting, else the statement's own metadata keys, else UNKNOWN) and the role.
-- No text of a user makes a move fail.

BEGIN;
SELECT plan(53);
\ir lib/errors.psql

SELECT has_function('log_campaign_state_change', ARRAY[]::name[]);
SELECT function_returns('log_campaign_state_change', ARRAY[]::name[], 'trigger');
SELECT is((SELECT tgfoid::regproc::text || ' ' || tgenabled::text FROM pg_trigger WHERE tgrelid = 'campaigns'::regclass AND tgname = 'log_campaign_state_changes'),
	'log_campaign_state_change O', 'the specification''s trigger log_campaign_state_changes calls it');

-- The story of one campaign by plain DML, all in one transaction.
INSERT INTO campaigns (id, status, duration_hours) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 24);
SELECT results_eq(
	$$SELECT campaign_id::text, from_state::text, to_state::text, trigger_event::text FROM campaign_state_log$$,
	$$VALUES ('11111111-1111-4111-8111-111111111111', NULL, 'CREATED', 'CREATED')$$, 'creation is logged, from nothing to the first state');
SELECT ok(created_at BETWEEN now() AND clock_timestamp(),
	'the log row of the creation has its time') FROM campaign_state_log;
UPDATE campaigns SET status = 'RUNNING';
UPDATE campaigns SET status = 'CLOSED';
UPDATE campaigns SET status = 'REWARD_CLAIM';
UPDATE campaigns SET status = 'EXPIRED';
SELECT results_eq(
	$$SELECT from_state::text, to_state::text, trigger_event::text FROM campaign_state_log ORDER BY created_at, id$$,
	$$VALUES (NULL, 'CREATED', 'CREATED'), ('CREATED', 'RUNNING', 'UNKNOWN'), ('RUNNING', 'CLOSED', 'UNKNOWN'), ('CLOSED', 'REWARD_CLAIM', 'UNKNOWN'),
		('REWARD_CLAIM', 'EXPIRED', 'UNKNOWN')$$, 'moves of one transaction are logged in the order (created_at, id)');
SELECT is((SELECT max(l.created_at) FROM campaign_state_log AS l), c.updated_at,
	'a log row takes the stamp of the campaign''s row') FROM campaigns AS c;
SELECT is((SELECT count(DISTINCT created_at) FROM campaign_state_log), 5::bigint, 'no two moves have the same time');
SELECT is((SELECT bool_and(substr(id::text, 15, 1) = '7') FROM campaign_state_log), true, 'log ids are of version 7');

-- The metadata of a log row.
SELECT is((metadata ->> 'new_updated_at')::timestamptz, created_at, 'new_updated_at of ' || to_state) FROM campaign_state_log WHERE from_state IS NOT NULL;
SELECT is((SELECT count(*) FROM campaign_state_log AS l JOIN campaign_state_log AS b ON b.created_at = (l.metadata ->> 'previous_updated_at')::timestamptz
		AND b.to_state = l.from_state), 4::bigint, 'previous_updated_at is the time of the move before');
SELECT is((SELECT metadata -> 'previous_updated_at' FROM campaign_state_log WHERE from_state IS NULL), 'null',
	'a creation has no time before');
SELECT is((SELECT array_agg(DISTINCT metadata ->> 'changed_by') FROM campaign_state_log), ARRAY[session_user::text],
	'changed_by is the session''s user unless said otherwise');
SELECT is((SELECT array_agg(DISTINCT metadata ->> 'session_user') FROM campaign_state_log), ARRAY[session_user::text],
	'the session user stands there always');

-- Only a changed status is logged.
DELETE FROM campaign_state_log;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('22222222-2222-4222-8222-222222222222', 'CREATED', 24);
DELETE FROM campaign_state_log;
UPDATE campaigns SET metadata = '{"name": "spring"}';
UPDATE campaigns SET status = status, duration_hours = 48;
SELECT is((SELECT count(*) FROM campaign_state_log), 0::bigint, 'an update that leaves the status alone is not logged');

-- One statement, many campaigns.
INSERT INTO campaigns (status, duration_hours) SELECT 'CREATED', 1 FROM generate_series(1, 100);
SELECT is((SELECT count(*) FROM campaign_state_log WHERE from_state IS NULL), 100::bigint,
	'a hundred creations in one statement');
UPDATE campaigns SET status = 'RUNNING' WHERE status = 'CREATED';
SELECT is((SELECT count(DISTINCT campaign_id) FROM campaign_state_log WHERE from_state = 'CREATED' AND to_state = 'RUNNING'), 101::bigint,
	'a hundred and one moves in one statement');
DELETE FROM campaigns WHERE id <> '22222222-2222-4222-8222-222222222222';
DELETE FROM campaign_state_log;

-- Why: the transaction's setting first.
CREATE FUNCTION pg_temp.move(to_state text, metadata jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	latest campaign_state_log;
BEGIN
	UPDATE campaigns AS c SET status = to_state, metadata = coalesce(move.metadata, c.metadata);
	SELECT * INTO STRICT latest FROM campaign_state_log AS l ORDER BY l.created_at DESC LIMIT 1;
	-- Back to RUNNING, so that the next move can be made; the machine is tested elsewhere.
	SET LOCAL session_replication_role = replica;
	UPDATE campaigns SET status = 'RUNNING';
	SET LOCAL session_replication_role = origin;
	RETURN latest.trigger_event || ' by ' || coalesce(latest.metadata ->> 'changed_by', 'NULL') || coalesce(', whole: ' || length(latest.metadata ->> 'trigger_event'), '');
END
$$;
SELECT is(pg_temp.move('CLOSED', '{}'), 'UNKNOWN by ' || session_user,
	'a move without a word about its event is UNKNOWN, by the session''s user');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": "MANUAL", "changed_by": "anna"}'), 'MANUAL by anna',
	'the keys of metadata that this statement sets');
SELECT is(pg_temp.move('CLOSED'), 'UNKNOWN by ' || session_user, 'keys of an earlier statement do not count');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": "MANUAL", "changed_by": "anna", "more": 1}'), 'UNKNOWN by ' || session_user,
	'keys of an earlier statement do not count when other keys change');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": "AGAIN", "changed_by": "anna"}'), 'AGAIN by ' || session_user,
	'a changed trigger_event counts, an unchanged changed_by does not');
SET LOCAL campaign_lifecycle.trigger_event = 'IMPORT';
SET LOCAL campaign_lifecycle.changed_by = 'importer';
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": "MANUAL", "changed_by": "bert"}'), 'IMPORT by importer',
	'the settings of the transaction go before the metadata');
SELECT is((SELECT metadata ->> 'session_user' FROM campaign_state_log ORDER BY created_at DESC LIMIT 1), session_user::text,
	'the session user stands there all the same');
SET LOCAL campaign_lifecycle.trigger_event = '';
SET LOCAL campaign_lifecycle.changed_by = '';
SELECT is(pg_temp.move('CLOSED', '{}'), 'UNKNOWN by ' || session_user, 'an empty setting does not count');

-- Whatever the metadata hold, the move goes on. Cut to 50 characters, the whole text in the log's metadata.
SELECT is(pg_temp.move('CLOSED', jsonb_build_object('trigger_event', repeat('x', 50))), repeat('x', 50) || ' by ' || session_user,
	'50 characters fit');
SELECT is(pg_temp.move('CLOSED', jsonb_build_object('trigger_event', repeat('y', 51))), repeat('y', 50) || ' by ' || session_user || ', whole: 51',
	'a trigger_event of 51 characters is cut to 50');
SELECT is(pg_temp.move('CLOSED', jsonb_build_object('trigger_event', repeat('é', 10000))), repeat('é', 50) || ' by ' || session_user || ', whole: 10000',
	'by characters, not bytes');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": {"a": [1, 2]}}'), '{"a": [1, 2]} by ' || session_user,
	'an object becomes its text');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": 12.50}'), '12.50 by ' || session_user, 'a number becomes its text');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": true}'), 'true by ' || session_user, 'a boolean becomes its text');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": null, "changed_by": null}'), 'UNKNOWN by ' || session_user,
	'JSON null does not count');
SELECT is(pg_temp.move('CLOSED', '{"trigger_event": "", "changed_by": ""}'), 'UNKNOWN by ' || session_user,
	'an empty text does not count');
SELECT is(pg_temp.move('CLOSED', '[1, 2]'), 'UNKNOWN by ' || session_user,
	'a move with an array as metadata is UNKNOWN');
SELECT is(pg_temp.move('CLOSED', '"text"'), 'UNKNOWN by ' || session_user, 'a move with a text as metadata is UNKNOWN');
SELECT is(pg_temp.move('CLOSED', '17'), 'UNKNOWN by ' || session_user, 'a move with a number as metadata is UNKNOWN');
SELECT is(pg_temp.move('CLOSED', jsonb_build_object('changed_by', repeat('z', 300))), 'UNKNOWN by ' || repeat('z', 300),
	'a changed_by of 300 characters is kept whole');
UPDATE campaigns SET metadata = '{}';

-- A move that is rolled back leaves no trace, one before and one after it do.
DELETE FROM campaign_state_log;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('33333333-3333-4333-8333-333333333333', 'CREATED', 24);
SAVEPOINT before;
UPDATE campaigns SET status = 'RUNNING' WHERE id = '33333333-3333-4333-8333-333333333333';
UPDATE campaigns SET status = 'CLOSED' WHERE id = '33333333-3333-4333-8333-333333333333';
ROLLBACK TO before;
UPDATE campaigns SET status = 'RUNNING' WHERE id = '33333333-3333-4333-8333-333333333333';
SELECT results_eq(
	$$SELECT from_state::text, to_state::text FROM campaign_state_log WHERE campaign_id = '33333333-3333-4333-8333-333333333333' ORDER BY created_at, id$$,
	$$VALUES (NULL, 'CREATED'), ('CREATED', 'RUNNING')$$, 'a move that was rolled back to a savepoint is not in the log');

-- A statement that fails half-way logs nothing, and the next one is unharmed.
DO $$
BEGIN
	UPDATE campaigns SET status = 'CLOSED', duration_hours = CASE WHEN id = '33333333-3333-4333-8333-333333333333' THEN 0 ELSE duration_hours END;
EXCEPTION WHEN check_violation THEN
	NULL;
END
$$;
SELECT is((SELECT count(*) FROM campaign_state_log), 2::bigint, 'a statement that failed has logged nothing');

-- A user's own trigger that moves the campaign on: both moves, in the order in which they happened.
DELETE FROM campaigns;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('44444444-4444-4444-8444-444444444444', 'CREATED', 24), ('55555555-5555-4555-8555-555555555555', 'CREATED', 24);
DELETE FROM campaign_state_log;
CREATE FUNCTION move_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.status = 'RUNNING' THEN
		UPDATE campaigns SET status = 'CLOSED' WHERE id = NEW.id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER a_user_trigger AFTER UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION move_on();
UPDATE campaigns SET status = 'RUNNING';
SELECT results_eq(
	$$SELECT from_state::text, to_state::text FROM campaign_state_log WHERE campaign_id = '44444444-4444-4444-8444-444444444444' ORDER BY created_at, id$$,
	$$VALUES ('CREATED', 'RUNNING'), ('RUNNING', 'CLOSED')$$, 'a trigger''s own move comes after the one that caused it');
SELECT is((SELECT count(*) FROM campaign_state_log), 4::bigint, 'each campaign of one statement is logged once');
DROP TRIGGER a_user_trigger ON campaigns;
CREATE TRIGGER zz_user_trigger AFTER UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION move_on();
DELETE FROM campaigns;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('44444444-4444-4444-8444-444444444444', 'CREATED', 24), ('55555555-5555-4555-8555-555555555555', 'CREATED', 24);
UPDATE campaigns SET status = 'RUNNING';
SELECT results_eq(
	$$SELECT from_state::text, to_state::text FROM campaign_state_log WHERE campaign_id = '55555555-5555-4555-8555-555555555555' ORDER BY created_at, id$$,
	$$VALUES (NULL, 'CREATED'), ('CREATED', 'RUNNING'), ('RUNNING', 'CLOSED')$$, 'wherever that trigger stands among ours');
DROP TRIGGER zz_user_trigger ON campaigns;

-- A user's BEFORE trigger that changes the status after it was checked does not get an illegal move in.
CREATE FUNCTION jump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := 'REWARD_CLAIM'; RETURN NEW; END $$;
CREATE TRIGGER zz_jump BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION jump();
DELETE FROM campaigns;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('44444444-4444-4444-8444-444444444444', 'CREATED', 24);
SELECT is(pg_temp.error_of($$UPDATE campaigns SET status = 'RUNNING'$$), 'P0001: Invalid state transition from CREATED to REWARD_CLAIM',
	'a trigger after the check is checked as well');
SELECT is(status, 'CREATED', 'a move whose log row is refused changes nothing') FROM campaigns;
DROP TRIGGER zz_jump ON campaigns;

-- INSERT ... ON CONFLICT and MERGE end in the same triggers.
DELETE FROM campaign_state_log;
INSERT INTO campaigns (id, status, duration_hours) VALUES ('44444444-4444-4444-8444-444444444444', 'CREATED', 24), ('66666666-6666-4666-8666-666666666666', 'CREATED', 24)
	ON CONFLICT (id) DO UPDATE SET status = 'RUNNING';
MERGE INTO campaigns AS c USING (VALUES ('44444444-4444-4444-8444-444444444444'::uuid), ('77777777-7777-4777-8777-777777777777')) AS v (id) ON c.id = v.id
	WHEN MATCHED THEN UPDATE SET status = 'CLOSED'
	WHEN NOT MATCHED THEN INSERT (id, status, duration_hours) VALUES (v.id, 'CREATED', 1);
SELECT results_eq(
	$$SELECT left(campaign_id::text, 1), from_state::text, to_state::text FROM campaign_state_log ORDER BY 1, created_at, id$$,
	$$VALUES ('4', 'CREATED', 'RUNNING'), ('4', 'RUNNING', 'CLOSED'), ('6', NULL, 'CREATED'), ('7', NULL, 'CREATED')$$, 'ON CONFLICT and MERGE are logged');

-- Column order does not matter, nor what else a user has added.
ALTER TABLE campaigns ADD COLUMN new_feature_flag boolean DEFAULT false;
UPDATE campaigns SET status = 'RUNNING', new_feature_flag = true WHERE id = '66666666-6666-4666-8666-666666666666';
ALTER TABLE campaigns DROP COLUMN new_feature_flag;
UPDATE campaigns SET status = 'CLOSED' WHERE id = '66666666-6666-4666-8666-666666666666';
SELECT is((SELECT count(*) FROM campaign_state_log WHERE campaign_id = '66666666-6666-4666-8666-666666666666'), 3::bigint,
	'a user''s column, come and gone, disturbs nothing');

-- Written with the rights of the log's owner, so that a writer needs none on the log.
CREATE ROLE mover;
GRANT SELECT, UPDATE (status) ON campaigns TO mover;
GRANT SELECT ON campaign_state_transitions TO mover;
SET LOCAL ROLE mover;
UPDATE campaigns SET status = 'RUNNING' WHERE id = '77777777-7777-4777-8777-777777777777';
RESET ROLE;
SELECT is((SELECT count(*) FROM campaign_state_log WHERE campaign_id = '77777777-7777-4777-8777-777777777777'), 2::bigint,
	'whoever may move a campaign is logged');

-- Misuse
SELECT is((pg_temp.diagnostics('SELECT log_campaign_state_change()')).code, '39P01',
	'log_campaign_state_change() refuses a direct call');
SELECT is((pg_temp.diagnostics($$CREATE TRIGGER misuse BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION log_campaign_state_change();
	UPDATE campaigns SET duration_hours = duration_hours$$)).code, '39P01', 'not as a BEFORE trigger');
SELECT is((pg_temp.diagnostics($$CREATE TRIGGER misuse AFTER DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION log_campaign_state_change();
	DELETE FROM campaigns$$)).code, '39P01', 'not for DELETE');

SELECT * FROM finish();
ROLLBACK;

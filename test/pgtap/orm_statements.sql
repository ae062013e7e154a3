-- What object-relational mappers send: statements that name every column. A writer may send them. Triggers keep what
-- the server decides, and refuse a changed identity. A role with the privilege on the whole table imports history.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql
\ir lib/campaigns.psql

CREATE ROLE orm_owner NOLOGIN;
CREATE ROLE orm_writer NOLOGIN;
CREATE ROLE orm_importer NOLOGIN;
SELECT set_campaign_owner('orm_owner');
SELECT grant_campaign_access('orm_writer', 'writer');
GRANT USAGE ON SCHEMA public TO orm_importer;
GRANT SELECT, INSERT, UPDATE ON campaigns, campaign_timers TO orm_importer;
-- As the writer, and back.
CREATE FUNCTION pg_temp.as_role(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	raised text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	raised := pg_temp.error_of(statement);
	RESET ROLE;
	RETURN raised;
END
$$;
CREATE FUNCTION pg_temp.as_writer(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.as_role('orm_writer', statement)
$$;
SELECT '11111111-1111-4111-8111-111111111111' AS c, '22222222-2222-4222-8222-222222222222' AS t \gset

---- Django 3.2 and later: save() of a new object, bulk_create(), save() of one that was read

SELECT is(pg_temp.as_writer($$INSERT INTO "campaigns" ("id", "status", "metadata", "created_at", "updated_at", "start_time", "end_time", "duration_hours", "auto_close", "rewards_enabled")
	VALUES ('11111111-1111-4111-8111-111111111111'::uuid, 'CREATED', '{}', '2020-01-01 00:00:00.123456+00:00'::timestamptz, '2099-01-01 00:00:00+00:00'::timestamptz,
		'2100-01-01 10:00:00+00:00'::timestamptz, NULL, 24, true, true)$$), NULL, 'Django: save() of a new campaign');
SELECT is((created_at, updated_at)::text, (now(), now())::text, 'its created_at and updated_at are the server''s') FROM campaigns WHERE id = :'c';
SELECT cmp_ok(created_at, '>=', now(), 'its creation is logged at the server''s time') FROM campaign_state_log WHERE campaign_id = :'c';
SELECT is(pg_temp.as_writer(format($$INSERT INTO "campaign_timers" ("id", "campaign_id", "timer_type", "status", "scheduled_at", "executed_at", "payload", "retry_count", "created_at", "updated_at")
	VALUES ('22222222-2222-4222-8222-222222222222'::uuid, %1$L::uuid, 'START_CAMPAIGN', 'PENDING', '2100-01-01 10:00+00', NULL, '{}', 0, '2020-01-01', '2020-01-01'),
		('33333333-3333-4333-8333-333333333333'::uuid, %1$L::uuid, 'CLOSE_CAMPAIGN', 'PENDING', '2100-01-02 10:00+00', NULL, '{}', 0, '2020-01-01', '2020-01-01')$$, :'c')), NULL, 'Django: bulk_create() of timers');
SELECT is(array_agg(DISTINCT (created_at, updated_at)::text), ARRAY[(now(), now())::text], 'their created_at and updated_at are the server''s') FROM campaign_timers;
SELECT is(pg_temp.as_writer($$UPDATE "campaigns" SET "status" = 'CREATED', "metadata" = '{"a": 1}', "created_at" = '2020-01-01 00:00:00.123456+00:00'::timestamptz, "updated_at" = '2020-01-01 00:00:00+00:00'::timestamptz,
	"start_time" = '2100-01-01 10:00:00+00:00'::timestamptz, "end_time" = '2100-01-02 10:00:00+00:00'::timestamptz, "duration_hours" = 24, "auto_close" = true, "rewards_enabled" = true
	WHERE "campaigns"."id" = '11111111-1111-4111-8111-111111111111'::uuid$$), NULL, 'Django: save() of a campaign that was read');
SELECT is((metadata, created_at)::text, ('{"a": 1}'::jsonb, now())::text, 'it changes the metadata and keeps created_at') FROM campaigns WHERE id = :'c';
SELECT ok(updated_at > now(), 'and updated_at is the clock''s') FROM campaigns WHERE id = :'c';

---- Hibernate: INSERT and whole-row UPDATE, with NULL where nothing is set

SELECT is(pg_temp.as_writer($$insert into campaigns (auto_close, created_at, duration_hours, end_time, metadata, rewards_enabled, start_time, status, updated_at, id)
	values (true, NULL, 48, NULL, '{}', true, NULL, NULL, NULL, '11111111-1111-4111-8111-111111111112')$$), NULL, 'Hibernate: insert with NULL for times and status');
SELECT is((status, created_at, updated_at)::text, ('CREATED', now(), now())::text, 'it gets the first state and the server''s times') FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111112';
SELECT is(pg_temp.as_writer($$update campaign_timers set campaign_id='11111111-1111-4111-8111-111111111111', created_at='2020-01-01', executed_at=NULL, payload='{"b": 2}', retry_count=0, scheduled_at='2100-01-01 11:00+00',
	status='PENDING', timer_type='START_CAMPAIGN', updated_at='2020-01-01' where id='22222222-2222-4222-8222-222222222222'$$), NULL, 'Hibernate: update of a whole timer');
SELECT is((scheduled_at, payload, created_at)::text, ('2100-01-01 11:00+00'::timestamptz, '{"b": 2}'::jsonb, now())::text, 'it changes the time and the payload') FROM campaign_timers WHERE id = :'t';

---- Sequelize: create, save, upsert; TypeORM: save; Prisma: create, update, upsert

SELECT is(pg_temp.as_writer($$INSERT INTO "campaigns" ("id","status","metadata","start_time","end_time","duration_hours","auto_close","rewards_enabled","created_at","updated_at")
	VALUES ('11111111-1111-4111-8111-111111111113','CREATED','{}','2100-01-01 10:00:00.123 +00:00','2100-01-02 10:00:00.123 +00:00',24,true,true,'2020-01-01 10:00:00.123 +00:00','2020-01-01 10:00:00.123 +00:00')
	ON CONFLICT ("id") DO UPDATE SET "id"=EXCLUDED."id","status"=EXCLUDED."status","metadata"=EXCLUDED."metadata","start_time"=EXCLUDED."start_time","end_time"=EXCLUDED."end_time","duration_hours"=EXCLUDED."duration_hours",
		"auto_close"=EXCLUDED."auto_close","rewards_enabled"=EXCLUDED."rewards_enabled","updated_at"=EXCLUDED."updated_at"
	RETURNING "id","status","metadata","start_time","end_time","duration_hours","auto_close","rewards_enabled","created_at","updated_at"$$), NULL, format('Sequelize: upsert of a %s campaign', w))
FROM unnest(ARRAY['new', 'present']) AS w;
SELECT is(pg_temp.as_writer($$UPDATE "campaigns" SET "metadata"='{"c": 3}',"updated_at"='2020-01-01 10:00:00.123 +00:00' WHERE "id" = '11111111-1111-4111-8111-111111111113'$$), NULL, 'Sequelize: save');
SELECT is(pg_temp.as_writer($$INSERT INTO "campaigns"("id", "status", "metadata", "created_at", "updated_at", "start_time", "end_time", "duration_hours", "auto_close", "rewards_enabled")
	VALUES (DEFAULT, DEFAULT, '{}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, 24, DEFAULT, DEFAULT) RETURNING "id", "created_at", "updated_at"$$), NULL, 'TypeORM: save of a new entity');
SELECT is(pg_temp.as_writer($$UPDATE "campaigns" SET "duration_hours" = 36, "updated_at" = CURRENT_TIMESTAMP WHERE "id" IN ('11111111-1111-4111-8111-111111111113')$$), NULL, 'TypeORM: save of an entity that was loaded');
SELECT is(pg_temp.as_writer($$UPDATE "public"."campaigns" SET "id" = '11111111-1111-4111-8111-111111111113', "updated_at" = '2026-01-01 10:00:00.123 UTC', "start_time" = '2100-01-01 10:00:00.123 UTC'
	WHERE ("public"."campaigns"."id" = '11111111-1111-4111-8111-111111111113' AND 1=1)$$), NULL, 'Prisma: update');

---- ActiveRecord: touch, upsert

SELECT is(pg_temp.as_writer($$UPDATE "campaigns" SET "updated_at" = '2020-01-01 10:00:00.123456' WHERE "campaigns"."id" = '11111111-1111-4111-8111-111111111113'$$), NULL, 'ActiveRecord: touch');
SELECT ok(updated_at > now(), 'touch stamps the clock''s time') FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111113';
SELECT is(pg_temp.as_writer($$INSERT INTO "campaigns" ("id","duration_hours","status","created_at","updated_at") VALUES ('11111111-1111-4111-8111-111111111114', 24, 'CREATED', '2020-01-01', '2020-01-01')
	ON CONFLICT ("id") DO UPDATE SET "duration_hours"=excluded."duration_hours","status"=excluded."status","created_at"=excluded."created_at","updated_at"=excluded."updated_at" RETURNING "id"$$), NULL, format('ActiveRecord: upsert of a %s campaign', w))
FROM unnest(ARRAY['new', 'present']) AS w;
SELECT is(created_at, now(), 'upsert keeps created_at') FROM campaigns WHERE id = '11111111-1111-4111-8111-111111111114';

---- A timer that was executed, read in milliseconds or before, and saved with its old status

SELECT create_campaign(24) AS done \gset
SELECT run_due_timers() AS ran \gset
SELECT id AS done_timer, executed_at AS done_at FROM campaign_timers WHERE campaign_id = :'done' AND status = 'COMPLETED' \gset
SELECT is(pg_temp.as_writer(format($$UPDATE campaign_timers SET payload = '{"d": 4}', executed_at = %s WHERE id = '%s'$$, e, :'done_timer')), NULL, 'executed_at = ' || e || ' may be named')
FROM unnest(ARRAY['executed_at', 'date_trunc(''milliseconds'', executed_at)', 'date_trunc(''second'', executed_at)', 'NULL']) AS e;
SELECT is(executed_at, :'done_at', 'and keeps its value') FROM campaign_timers WHERE id = :'done_timer';

---- No way around the rules: what is refused, by whom, and by which message

SELECT is(pg_temp.diagnostics(format('SET LOCAL ROLE orm_writer; %s', s))::text, ('42501', format('permission denied to set column "%s" of table "%s"', c, r), '', h)::text, s)
FROM (VALUES
	('id', 'campaigns', $$UPDATE campaigns SET id = '11111111-1111-4111-8111-11111111111f' WHERE id = '11111111-1111-4111-8111-111111111111'$$, 'Insert another row instead. An UPDATE may name the column with its old value.'),
	('id', 'campaign_timers', $$UPDATE campaign_timers SET id = gen_random_uuid() WHERE id = '22222222-2222-4222-8222-222222222222'$$, 'Insert another row instead. An UPDATE may name the column with its old value.'),
	('campaign_id', 'campaign_timers', $$UPDATE campaign_timers SET campaign_id = '11111111-1111-4111-8111-111111111112' WHERE id = '22222222-2222-4222-8222-222222222222'$$, 'Insert another row instead. An UPDATE may name the column with its old value.'),
	('timer_type', 'campaign_timers', $$UPDATE campaign_timers SET timer_type = 'EXPIRE_CAMPAIGN' WHERE id = '22222222-2222-4222-8222-222222222222'$$, 'Insert another row instead. An UPDATE may name the column with its old value.'),
	('executed_at', 'campaign_timers', $$UPDATE campaign_timers SET executed_at = '2020-01-01' WHERE status = 'COMPLETED'$$, 'The server sets it when the timer is executed.'),
	('executed_at', 'campaign_timers', $$UPDATE campaign_timers SET executed_at = now() WHERE id = '22222222-2222-4222-8222-222222222222'$$, 'The server sets it when the timer is executed.'),
	('executed_at', 'campaign_timers', $$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, executed_at) VALUES ('11111111-1111-4111-8111-111111111111', 'REWARD_REMINDER', now(), now())$$,
		'The server sets it when the timer is executed. NULL may be given.')) AS v (c, r, s, h);
RESET ROLE;
SELECT is(pg_temp.as_writer($$INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, created_at) VALUES ('11111111-1111-4111-8111-111111111111', 'REWARD_REMINDER', '2001-01-01', '2000-01-01')$$),
	'P0001: Cannot schedule timer in the past: ' || '2001-01-01'::timestamptz, 'an old created_at lets no timer of the past in');
SELECT is(pg_temp.as_writer('INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event) VALUES (''11111111-1111-4111-8111-111111111111'', ''EXPIRED'', ''FORGED'')'),
	'42501: permission denied for table campaign_state_log', 'the log stays the server''s');
SELECT is(pg_temp.as_writer($$UPDATE campaigns SET status = 'CLOSED' WHERE id = '11111111-1111-4111-8111-111111111111'$$), 'P0001: Invalid state transition from CREATED to CLOSED', 'a state change needs its transition');
SELECT is(pg_temp.as_writer('DELETE FROM campaigns'), '42501: permission denied for table campaigns', 'a writer deletes nothing');

---- A role with the privilege on the whole table imports history, as before.

SELECT is(pg_temp.as_role('orm_importer', $$INSERT INTO campaigns (id, status, duration_hours, created_at, updated_at) VALUES ('11111111-1111-4111-8111-11111111111a', 'EXPIRED', 1, '2020-01-01', '2020-01-02')$$), NULL,
	'a campaign of the past is imported');
SELECT is((created_at, updated_at)::text, ('2020-01-01'::timestamptz, '2020-01-02'::timestamptz)::text, 'with its times') FROM campaigns WHERE id = '11111111-1111-4111-8111-11111111111a';
SELECT is(pg_temp.as_role('orm_owner', $$UPDATE campaigns SET id = '11111111-1111-4111-8111-11111111111b', created_at = '2019-01-01' WHERE id = '11111111-1111-4111-8111-11111111111a'$$), '23503: update or delete on table "campaigns" violates foreign key constraint "campaign_state_log_campaign_id_fkey" on table "campaign_state_log"',
	'the owner is held by the foreign keys alone');

SELECT * FROM finish();
ROLLBACK;

-- A month that is made later is as accessible as its parent: by hand, by an operator, by a step of the worker, and in the
-- archive, whole or by rows. Grants on columns, to PUBLIC and with grant option are among them. A month that moves into
-- the archive gets the archive's grants and loses those that only the log has. Sequences of columns that the owner adds
-- are granted with the tables.

BEGIN;
SELECT plan(31);

CREATE ROLE grants_owner NOLOGIN;
CREATE ROLE grants_reader NOLOGIN;
CREATE ROLE grants_writer NOLOGIN;
CREATE ROLE grants_operator NOLOGIN;
CREATE ROLE grants_auditor NOLOGIN;
CREATE ROLE "grants Auditor" NOLOGIN;

CREATE FUNCTION pg_temp.unreadable(reader name) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(p.relid::text, ', ' ORDER BY 1)
	FROM (VALUES ('campaign_state_log'::regclass), ('campaign_state_log_archive')) AS t (parent)
	CROSS JOIN LATERAL pg_partition_tree(t.parent) AS p
	WHERE NOT has_table_privilege(reader, p.relid, 'SELECT')
$$;
-- Who but the owner may do what with a table and its columns.
CREATE FUNCTION pg_temp.grants(relation regclass) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(g.line ORDER BY g.line COLLATE "C")
	FROM (
		SELECT format('%s %s%s%s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, q.col, CASE WHEN a.is_grantable THEN '*' END) AS line
		FROM (
			SELECT c.relowner, c.relacl AS acl, '' AS col FROM pg_class AS c WHERE c.oid = relation
			UNION ALL
			SELECT c.relowner, t.attacl, format(' (%s)', t.attname) FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid WHERE c.oid = relation) AS q
		CROSS JOIN LATERAL aclexplode(q.acl) AS a
		WHERE a.grantee <> q.relowner) AS g
$$;

SELECT set_campaign_owner('grants_owner');
SELECT grant_campaign_access('grants_reader', 'reader');
SELECT grant_campaign_access('grants_operator', 'operator');
GRANT SELECT (campaign_id, to_state), REFERENCES (id) ON campaign_state_log TO grants_auditor;
GRANT SELECT ON campaign_state_log TO "grants Auditor" WITH GRANT OPTION;
GRANT SELECT (created_at) ON campaign_state_log TO PUBLIC;
SELECT is(pg_temp.unreadable('grants_reader'), NULL, 'a reader may read every month that is there');

---- made later

SELECT is(create_monthly_partitions(0, '2041-01-10'), 1, 'a superuser makes a month');
SELECT is(pg_temp.unreadable('grants_reader'), NULL, 'a reader may read the month that a superuser makes');
SELECT is(pg_temp.grants('campaign_state_log_y2041m01'), pg_temp.grants('campaign_state_log'), 'it has the grants of the log');
SELECT ok(pg_temp.grants('campaign_state_log_y2041m01') @> ARRAY['PUBLIC SELECT (created_at)', 'grants Auditor SELECT*', 'grants_auditor REFERENCES (id)', 'grants_auditor SELECT (to_state)'],
	'grants on columns, to PUBLIC and with grant option are among them');
SELECT is((SELECT relowner::regrole::text FROM pg_class WHERE relname = 'campaign_state_log_y2041m01'), 'grants_owner', 'its owner is that of the log');
SET LOCAL ROLE grants_operator;
SELECT create_monthly_partitions(0, '2041-02-10');
RESET ROLE;
SELECT is(pg_temp.grants('campaign_state_log_y2041m02'), pg_temp.grants('campaign_state_log'), 'so has a month that an operator makes');
SET LOCAL ROLE grants_owner;
SELECT campaign_lifecycle_internal._run_maintenance_step('create-monthly-partitions', '2041-03-10');
RESET ROLE;
SELECT has_table('campaign_state_log_y2041m03'::name, 'a step of the worker makes a month');
SELECT is(pg_temp.grants('campaign_state_log_y2041m03'), pg_temp.grants('campaign_state_log'), 'so has a month that the worker makes');
SELECT is(pg_temp.unreadable('grants_reader'), NULL, 'a reader may read all of them');

---- the archive

SELECT create_monthly_partitions(0, '2019-03-10');
INSERT INTO campaigns (id, status, duration_hours) VALUES ('00000000-0000-7000-8000-00000000c001', 'CREATED', 1);
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) VALUES
	('00000000-0000-7000-8000-00000000c001', 'CREATED', 'X', '2019-03-10'), ('00000000-0000-7000-8000-00000000c001', 'CREATED', 'X', '2018-03-10');
SELECT ok(pg_temp.grants('campaign_state_log_y2019m03') @> ARRAY['grants Auditor SELECT*'], 'a month of the log has the grants of the log');
GRANT SELECT ON campaign_state_log_archive TO grants_auditor;
GRANT SELECT (to_state) ON campaign_state_log_archive TO grants_writer;
SELECT is(archive_old_state_logs(as_of => '2020-06-01'), 2::bigint, 'a month and a row without a month are archived');
SELECT is(pg_temp.grants('campaign_state_log_archive_y2019m03'), pg_temp.grants('campaign_state_log_archive'), 'a month that moves has the grants of the archive');
SELECT is(pg_temp.grants('campaign_state_log_archive_y2018m03'), pg_temp.grants('campaign_state_log_archive'), 'so has a month that is made in the archive');
SELECT ok(pg_temp.grants('campaign_state_log_archive_y2019m03') @> ARRAY['grants_auditor SELECT', 'grants_reader SELECT', 'grants_writer SELECT (to_state)'], 'these are its grants');
SELECT is(pg_temp.unreadable('grants_reader'), NULL, 'a reader may read the archive''s months');

---- row-level security of the parent

ALTER TABLE campaign_state_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON campaign_state_log TO grants_reader USING (to_state = 'EXPIRED');
SELECT create_monthly_partitions(0, '2041-04-10');
INSERT INTO campaign_state_log (campaign_id, to_state, trigger_event, created_at) VALUES ('00000000-0000-7000-8000-00000000c001', 'CREATED', 'X', '2041-04-10');
GRANT USAGE ON SCHEMA tap TO PUBLIC;
SET LOCAL ROLE grants_reader;
SELECT is((SELECT count(*) FROM campaign_state_log WHERE created_at >= '2041-04-01'), 0::bigint, 'a policy of the log hides a row');
SELECT is((SELECT count(*) FROM campaign_state_log_y2041m04), 0::bigint, 'the new month does not show what the policy hides');
RESET ROLE;

---- sequences

SET LOCAL ROLE grants_owner;
ALTER TABLE campaigns ADD COLUMN number serial, ADD COLUMN position bigint GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE campaign_timers ADD COLUMN number bigserial;
ALTER TABLE campaign_metrics ADD COLUMN number bigserial;
ALTER TABLE timer_executions ADD COLUMN number bigserial;
ALTER TABLE campaign_timer_handlers ADD COLUMN number bigserial;
RESET ROLE;
SELECT grant_campaign_access('grants_reader', 'reader');
SELECT grant_campaign_access('grants_writer', 'writer');
SELECT grant_campaign_access('grants_operator', 'operator');
CREATE FUNCTION pg_temp.sequences(reader name, wanted text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class AS c
	WHERE CASE WHEN c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace THEN has_sequence_privilege(reader, c.oid, wanted) END
$$;
SELECT is(pg_temp.sequences(r.role, 'SELECT'), 'campaign_metrics_number_seq, campaign_timer_handlers_number_seq, campaign_timers_number_seq, campaigns_number_seq, campaigns_position_seq, timer_executions_number_seq',
	r.role || ' may read every sequence') FROM unnest('{grants_reader,grants_writer,grants_operator}'::name[]) AS r (role);
SELECT is(pg_temp.sequences('grants_reader', 'USAGE'), NULL, 'a reader takes no number');
SELECT is(pg_temp.sequences('grants_writer', 'USAGE'), 'campaign_metrics_number_seq, campaign_timers_number_seq, campaigns_number_seq, campaigns_position_seq',
	'a writer takes numbers where it may insert');
SELECT is(pg_temp.sequences('grants_operator', 'USAGE'), 'campaign_timer_handlers_number_seq', 'an operator takes numbers where it may insert');
SELECT is(pg_temp.sequences('grants_writer', 'UPDATE'), NULL, 'nobody may set a sequence');
SET LOCAL ROLE grants_writer;
SELECT lives_ok($$ SELECT create_campaign(24) $$, 'a writer creates a campaign');
SELECT lives_ok($$ INSERT INTO campaigns (status, duration_hours) VALUES ('CREATED', 1) $$, 'a writer inserts a campaign');
SELECT lives_ok($$ SELECT record_metric('00000000-0000-7000-8000-00000000c001', 'PARTICIPANT_COUNT', 1) $$, 'a writer records a metric');
RESET ROLE;
SELECT revoke_campaign_access('grants_writer');
SELECT is(pg_temp.sequences('grants_writer', 'SELECT, USAGE'), NULL, 'revoke_campaign_access() takes the sequences');
SELECT is((SELECT count(*) FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a WHERE a.grantee = 'grants_writer'::regrole), 0::bigint,
	'and leaves no grant on any relation');
SELECT set_campaign_owner('grants_writer');
SELECT is((SELECT count(*) FROM pg_class AS c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace AND c.relowner <> 'grants_writer'::regrole), 0::bigint,
	'set_campaign_owner() gives the sequences to the new owner');

SELECT * FROM finish();
ROLLBACK;

-- People type states in lower case, delays in days, and names that do not exist. Each is taken as it is meant, or
-- refused when it is written, with a hint.

BEGIN;
SELECT * FROM no_plan();
\ir lib/errors.psql
\ir lib/campaigns.psql

---- A delay in days

UPDATE campaign_timer_policies SET delay = '3 days' WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT is(delay::text, '72:00:00', '3 days are kept as 72 hours') FROM campaign_timer_policies WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
UPDATE campaign_timer_policies SET delay = '1 week 1 day -30 minutes' WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT is(delay::text, '191:30:00', 'weeks are taken as seven days each') FROM campaign_timer_policies WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('CREATED', 'REWARD_REMINDER', 'start_time', '-1 day');
SELECT is(delay::text, '-24:00:00', 'a day before start_time is taken') FROM campaign_timer_policies WHERE state = 'CREATED' AND timer_type = 'REWARD_REMINDER';
SELECT is(pg_temp.diagnostics(format('UPDATE campaign_timer_policies SET delay = %L', d))::text,
	('23514', 'delay of a timer policy has months or years: ' || t, 'valid_delay', 'Months and years have no fixed length. Give hours or days: a day is taken as 24 hours.')::text, d || ' is refused')
FROM (VALUES ('1 month', '1 mon'), ('2 years', '2 years'), ('1 year 1 month 3 days', '1 year 1 mon 3 days')) AS v (d, t);
SELECT is(pg_temp.diagnostics($$UPDATE campaign_timer_policies SET delay = '-1 second' WHERE anchor = 'entered'$$)::text,
	('23514', 'delay of a timer policy is negative: -00:00:01', 'valid_delay', 'A timer cannot come before the state is entered. Only a delay from start_time or end_time may be negative.')::text,
	'a negative delay after entered is refused');
SELECT is(pg_temp.violation_of($$UPDATE campaign_timer_policies SET anchor = 'entered' WHERE delay < '0'$$), '23514 valid_delay', 'so is entered for a negative delay');
SELECT is(pg_temp.violation_of($$UPDATE campaign_timer_policies SET delay = '36526 days' WHERE anchor = 'end_time'$$), '23514 valid_delay', 'days over 100 years are refused');

---- A campaign without a status

SELECT create_campaign(24) AS made \gset
INSERT INTO campaigns (duration_hours) VALUES (24);
SELECT is(status, 'CREATED', 'a plain INSERT without a status gets the first state') FROM campaigns WHERE id <> :'made';
INSERT INTO campaigns (status, duration_hours, metadata) VALUES (NULL, 24, '"null"');
SELECT is(status, 'CREATED', 'so does one with NULL') FROM campaigns WHERE metadata = '"null"';
SELECT is((SELECT count(*) FROM campaign_state_log WHERE to_state = 'CREATED'), 3::bigint, 'its log has the state');
SAVEPOINT other;
INSERT INTO campaign_state_transitions (from_state, to_state, priority) VALUES ('EXPIRED', 'CREATED', 5), ('CLOSED', 'RUNNING', 5);
DELETE FROM campaign_timer_policies WHERE anchor = 'start_time';
SELECT is((pg_temp.diagnostics('INSERT INTO campaigns (duration_hours) VALUES (1)')).code, '55000', 'without a first state the INSERT says so');
ROLLBACK TO other;

---- Every CHECK that a user can hit has a hint, and the server's message.

CREATE TEMPORARY TABLE typed AS SELECT * FROM (VALUES
	('campaigns', 'valid_status', $$INSERT INTO campaigns (status, duration_hours) VALUES ('running', 1)$$),
	('campaigns', 'valid_duration', $$INSERT INTO campaigns (duration_hours) VALUES (0)$$),
	('campaigns', 'valid_duration', $$UPDATE campaigns SET duration_hours = -1, start_time = now()$$),
	('campaigns', 'valid_duration_limit', $$INSERT INTO campaigns (duration_hours, start_time) VALUES (2147483647, now())$$),
	('campaigns', 'calculated_end_time', $$INSERT INTO campaigns (duration_hours, start_time, end_time) VALUES (1, now(), now() + interval '2 hours')$$),
	('campaigns', 'end_time_needs_start_time', $$INSERT INTO campaigns (duration_hours, end_time) VALUES (1, now())$$),
	('campaign_timers', 'valid_timer_type', format('INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (%L, ''start_campaign'', now())', :'made')),
	('campaign_timers', 'valid_timer_status', format('INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status) VALUES (%L, ''REWARD_REMINDER'', now(), ''pending'')', :'made')),
	('campaign_timers', 'valid_timer_status', $$UPDATE campaign_timers SET status = 'DONE'$$),
	('campaign_timers', 'valid_retry_count', $$UPDATE campaign_timers SET retry_count = 6$$),
	('campaign_metrics', 'valid_metric_type', format('INSERT INTO campaign_metrics (campaign_id, metric_type, value) VALUES (%L, ''clicks'', 1)', :'made')),
	('campaign_state_transitions', 'valid_from_state', $$INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('created', 'EXPIRED')$$),
	('campaign_state_transitions', 'valid_to_state', $$INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'DONE')$$),
	('campaign_state_transitions', 'valid_timer_type', $$UPDATE campaign_state_transitions SET timer_type = 'close'$$),
	('campaign_state_transitions', 'valid_state_change', $$INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'CREATED')$$),
	('campaign_timer_policies', 'valid_state', $$UPDATE campaign_timer_policies SET state = 'running' WHERE state = 'RUNNING'$$),
	('campaign_timer_policies', 'valid_timer_type', $$UPDATE campaign_timer_policies SET timer_type = 'CLOSE' WHERE timer_type = 'CLOSE_CAMPAIGN'$$),
	('campaign_timer_policies', 'valid_anchor', $$UPDATE campaign_timer_policies SET anchor = 'start'$$),
	('campaign_timer_policies', 'valid_delay', $$UPDATE campaign_timer_policies SET delay = '900000 hours'$$),
	('campaign_timer_handlers', 'valid_timer_type', $$INSERT INTO campaign_timer_handlers (timer_type, handler, handler_owner) VALUES ('start', 'f', current_user)$$),
	('campaign_timer_handlers', 'valid_timeout', $$INSERT INTO campaign_timer_handlers (timer_type, handler, handler_owner, timeout) VALUES ('START_CAMPAIGN', 'f', current_user, '0')$$),
	('campaign_maintenance_jobs', 'valid_job', $$UPDATE campaign_maintenance_jobs SET job = 'cleanup' WHERE job = 'cleanup-metrics'$$),
	('campaign_maintenance_jobs', 'valid_schedule', $$UPDATE campaign_maintenance_jobs SET schedule = 'daily'$$),
	('campaign_maintenance_jobs', 'valid_retention', $$UPDATE campaign_maintenance_jobs SET retention = NULL$$),
	('campaign_maintenance_jobs', 'valid_months_ahead', $$UPDATE campaign_maintenance_jobs SET months_ahead = 121 WHERE months_ahead IS NOT NULL$$)) AS v (relation, name, statement);
SELECT is(d.code || ' ' || d.constraint_name || ': ' || d.message || ' HINT: ' || nullif(d.hint, ''),
	format('23514 %s: new row for relation "%s" violates check constraint "%s" HINT: %s', t.name, t.relation, t.name,
		(SELECT obj_description(k.oid, 'pg_constraint') FROM pg_constraint AS k WHERE k.conrelid = t.relation::regclass AND k.conname = t.name)),
	format('%s of %s has a hint', t.name, t.relation))
FROM typed AS t CROSS JOIN LATERAL pg_temp.diagnostics(t.statement) AS d;
-- The checks that only the server's own rows could violate are those of the log and the executions, and last_outcome.
SELECT is((SELECT array_agg(k.conrelid::regclass || '.' || k.conname ORDER BY k.conrelid::regclass::text COLLATE "C", k.conname) FROM pg_constraint AS k
	WHERE k.contype = 'c' AND k.connamespace = 'public'::regnamespace AND k.conrelid <> 0 AND k.conrelid::regclass::text NOT SIMILAR TO '(campaign_state_log|timer_executions)%'
		AND NOT EXISTS (SELECT FROM typed AS t WHERE t.relation::regclass = k.conrelid AND t.name = k.conname)),
	ARRAY['campaign_maintenance_jobs.valid_last_outcome', 'campaigns.valid_time_range'], 'each CHECK was tried, or cannot be hit alone');
-- A constraint that the user has dropped, changed or left without a comment says what the server says.
SAVEPOINT changed;
ALTER TABLE campaigns DROP CONSTRAINT valid_status, ADD CONSTRAINT valid_status CHECK (status IN ('CREATED', 'DRAFT'));
ALTER TABLE campaign_state_log DROP CONSTRAINT valid_to_state;
SELECT lives_ok($$INSERT INTO campaigns (status, duration_hours) VALUES ('DRAFT', 1)$$, 'a state that a changed CHECK allows is taken');
SELECT is(pg_temp.violation_of($$INSERT INTO campaigns (status, duration_hours) VALUES ('draft', 1)$$), '23514 valid_status', 'a CHECK without a comment refuses as ever');
ROLLBACK TO changed;

SELECT is(pg_temp.hint_of('UPDATE campaigns SET status = ''running'''), 'From CREATED a campaign can change to RUNNING.', 'an UPDATE to a state in lower case has a hint');

---- transition_campaign() names the row to add, and the row works.

SELECT is(pg_temp.diagnostics(format('SELECT transition_campaign(%L, ''CLOSED'')', :'made'))::text, ('P0001', 'Invalid state transition from CREATED to CLOSED', 'valid_state_transition',
	'From CREATED a campaign can change to RUNNING. To allow it by hand: INSERT INTO public.campaign_state_transitions (from_state, to_state) VALUES (''CREATED'', ''CLOSED'');')::text,
	'the hint is the row to add');
SELECT substring(pg_temp.hint_of(format('SELECT transition_campaign(%L, ''CLOSED'')', :'made')) FROM 'INSERT.*$') AS row_to_add \gset
:row_to_add
SELECT is(transition_campaign(:'made', 'CLOSED'), 'CREATED', 'with that row the change succeeds');
SELECT matches(pg_temp.hint_of(format('SELECT transition_campaign(%L, ''RUNNING'')', :'made')), 'VALUES \(''CLOSED'', ''RUNNING''\);$', 'a way back has its row');
SELECT transition_campaign(:'made', 'EXPIRED');
SELECT is(pg_temp.hint_of(format('SELECT transition_campaign(%L, ''RUNNING'')', :'made')), 'EXPIRED is a terminal state.', 'no row is offered that leads out of a terminal state');

---- reschedule_campaign() names the timers that stay.

SELECT create_campaign(24, '2100-01-01 10:00+00') AS c \gset
SELECT reschedule_timer(pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN'), '2100-01-05 10:00+00');
SELECT lives_ok(format('SELECT reschedule_campaign(%L, duration_hours => 48)', :'c'), 'a campaign with a timer set by hand is rescheduled');
SELECT is(scheduled_at, '2100-01-05 10:00+00', 'its timer stays') FROM campaign_timers WHERE id = pg_temp.timer_of(:'c', 'CLOSE_CAMPAIGN');

SELECT * FROM finish();
ROLLBACK;

-- The lifecycle is in two tables, campaign_state_transitions and campaign_timer_policies (docs/reference.md). They are
-- compared row by row. Their rows alone decide which timers a campaign gets, keeps, moves and loses when it enters a
-- state. Timers set by hand stay where the user put them, and an edited row changes what happens.

BEGIN;
SELECT plan(86);
\ir lib/errors.psql
\ir lib/campaigns.psql

---- campaign_state_transitions

SELECT results_eq(
	'SELECT from_state::text, to_state::text, timer_type::text FROM campaign_state_transitions ORDER BY 1, 2',
	$$VALUES ('CLOSED', 'EXPIRED', 'EXPIRE_CAMPAIGN'), ('CLOSED', 'REWARD_CLAIM', 'REWARD_REMINDER'), ('CREATED', 'RUNNING', 'START_CAMPAIGN'),
		('REWARD_CLAIM', 'EXPIRED', 'EXPIRE_CAMPAIGN'), ('RUNNING', 'CLOSED', 'CLOSE_CAMPAIGN'), ('RUNNING', 'EXPIRED', 'EXPIRE_CAMPAIGN')$$,
	'campaign_state_transitions has exactly the specification''s six transitions');
SELECT columns_are('campaign_state_transitions', ARRAY['from_state', 'to_state', 'timer_type', 'priority']);
SELECT col_not_null('campaign_state_transitions', 'priority');
SELECT col_has_default('campaign_state_transitions', 'priority');
SELECT col_is_null('campaign_state_transitions', 'timer_type');
SELECT is(pg_temp.violation_of($$INSERT INTO campaign_state_transitions VALUES ('CREATED', 'RUNNING', 'EXPIRE_CAMPAIGN')$$), '23505 campaign_state_transitions_pkey',
	'one row a pair of states');
SELECT is((pg_temp.diagnostics($$INSERT INTO campaign_state_transitions VALUES ('CREATED', 'CLOSED', 'START_CAMPAIGN')$$)).code, '23505',
	'one row a state and timer type');
SELECT is(pg_temp.error_of($$INSERT INTO campaign_state_transitions (from_state, to_state) VALUES ('CREATED', 'CLOSED'), ('CREATED',
	'REWARD_CLAIM');
	DELETE FROM campaign_state_transitions WHERE timer_type IS NULL$$), NULL, 'any number by hand only');
SELECT is((pg_temp.diagnostics(format('INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES (%L, %L, %L)', a, b, t))).code, '23514',
	format('%s to %s by %s is refused', a, b, t))
FROM (VALUES ('DRAFT', 'RUNNING', NULL), ('CREATED', 'DRAFT', NULL), ('CREATED', 'EXPIRED', 'PAUSE_CAMPAIGN'), ('CREATED', 'CREATED', NULL)) AS v (a, b, t);
SELECT is((SELECT count(*) FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid
		WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND c.relname IN ('campaign_state_transitions', 'campaign_timer_policies')), 0::bigint,
	'both are the user''s tables, so that a dump carries added rows');

---- campaign_timer_policies

SELECT results_eq(
	'SELECT state::text, timer_type::text, anchor::text, delay, only_when::text COLLATE "default" FROM campaign_timer_policies ORDER BY 1, 2',
	$$VALUES ('CLOSED', 'EXPIRE_CAMPAIGN', 'entered', interval '48 hours', NULL),
		('CLOSED', 'REWARD_REMINDER', 'entered', interval '5 minutes', 'rewards_enabled'),
		('CREATED', 'CLOSE_CAMPAIGN', 'end_time', interval '0', 'auto_close'),
		('CREATED', 'EXPIRE_CAMPAIGN', 'end_time', interval '2 hours', 'auto_close'),
		('CREATED', 'START_CAMPAIGN', 'start_time', interval '0', NULL),
		('REWARD_CLAIM', 'EXPIRE_CAMPAIGN', 'entered', interval '168 hours', NULL),
		('REWARD_CLAIM', 'REWARD_REMINDER', 'entered', interval '144 hours', 'rewards_enabled'),
		('RUNNING', 'CLOSE_CAMPAIGN', 'end_time', interval '0', 'auto_close'),
		('RUNNING', 'EXPIRE_CAMPAIGN', 'end_time', interval '2 hours', 'auto_close')$$, 'campaign_timer_policies has exactly the policies documented');
SELECT columns_are('campaign_timer_policies', ARRAY['state', 'timer_type', 'anchor', 'delay', 'only_when']);
SELECT col_is_pk('campaign_timer_policies', ARRAY['state', 'timer_type']::name[]);
SELECT is((pg_temp.diagnostics(format('UPDATE campaign_timer_policies SET delay = %L WHERE state = ''CLOSED''', d))).code, '23514', 'a delay of ' || d || ' after entered is refused')
FROM unnest(ARRAY['-1 hour', '1 month', '1 year', '1 month 1 hour', '876601 hours']) AS d;
SELECT is((pg_temp.diagnostics(format('UPDATE campaign_timer_policies SET delay = %L WHERE state = ''CLOSED''; UPDATE campaign_timer_policies SET delay = ''48 hours'' WHERE timer_type = ''EXPIRE_CAMPAIGN'' AND state = ''CLOSED''; UPDATE campaign_timer_policies SET delay = ''5 minutes'' WHERE timer_type = ''REWARD_REMINDER'' AND state = ''CLOSED''', d))).code,
	NULL, 'a delay of ' || d || ' is taken')
FROM unnest(ARRAY['1 second', '48 hours', '2 days', '1 day 1 hour', '876600 hours']) AS d;
SELECT is((pg_temp.diagnostics(format('UPDATE campaign_timer_policies SET %s', s))).code, '23514', s || ' is refused')
FROM unnest(ARRAY['anchor = ''created_at''', 'state = ''DRAFT''', 'timer_type = ''NAG''']) AS s;

---- Entering states, row by row.

SELECT date_trunc('hour', now()) + interval '3 hours' AS start \gset

SELECT create_campaign(24, :'start') AS c \gset
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +26:00:00', 'START_CAMPAIGN +00:00:00'],
	'a CREATED campaign has the timers of its policies');
SELECT is(transition_campaign(:'c', 'RUNNING'), 'CREATED', 'transition_campaign() moves the campaign to RUNNING');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +26:00:00'],
	'RUNNING: what was right stays');
SELECT is(status, 'CANCELLED', 'START_CAMPAIGN, for which RUNNING has neither policy nor transition, is cancelled') FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN';
SELECT is(start_time, :'start', 'a start_time that was known stays') FROM campaigns;
SELECT transition_campaign(:'c', 'CLOSED');
SELECT is(pg_temp.waiting(:'c', pg_temp.entered(:'c')), ARRAY['EXPIRE_CAMPAIGN +48:00:00', 'REWARD_REMINDER +00:05:00'],
	'CLOSED: from the time of the move');
SELECT is((SELECT count(*) FROM campaign_timers WHERE timer_type = 'EXPIRE_CAMPAIGN'), 1::bigint,
	'the timer that ends it was moved, not made again');
SELECT transition_campaign(:'c', 'REWARD_CLAIM');
SELECT is(pg_temp.waiting(:'c', pg_temp.entered(:'c')), ARRAY['EXPIRE_CAMPAIGN +168:00:00', 'REWARD_REMINDER +144:00:00'],
	'a campaign in REWARD_CLAIM has the timers of its policies');
SELECT transition_campaign(:'c', 'EXPIRED');
SELECT is(pg_temp.waiting(:'c', now()), NULL, 'an EXPIRED campaign has no timers that wait');
SELECT is((SELECT array_agg(DISTINCT status::text) FROM campaign_timers), ARRAY['CANCELLED'],
	'all timers of an EXPIRED campaign are CANCELLED');
SELECT is((SELECT bool_and(payload = '{"policy": true}') FROM campaign_timers), true,
	'a timer that a policy made says so in its payload');
SELECT is(scheduled_at, :'start', 'a timer that is cancelled keeps the time at which it was due') FROM campaign_timers WHERE timer_type = 'START_CAMPAIGN';
SELECT is((SELECT count(*) FROM timer_executions), 0::bigint, 'no timer was executed on the way');

-- only_when
SELECT create_campaign(24, :'start', auto_close => false, rewards_enabled => false) AS c \gset
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['START_CAMPAIGN +00:00:00'],
	'a CREATED campaign without auto_close has neither CLOSE_CAMPAIGN nor the backstop');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(pg_temp.waiting(:'c', :'start'), NULL,
	'a RUNNING campaign without auto_close has neither CLOSE_CAMPAIGN nor the backstop');
SELECT transition_campaign(:'c', 'CLOSED');
SELECT is(pg_temp.waiting(:'c', pg_temp.entered(:'c')), ARRAY['EXPIRE_CAMPAIGN +48:00:00'],
	'a CLOSED campaign without rewards has no REWARD_REMINDER');
SELECT transition_campaign(:'c', 'REWARD_CLAIM');
SELECT is(pg_temp.waiting(:'c', pg_temp.entered(:'c')), ARRAY['EXPIRE_CAMPAIGN +168:00:00'],
	'a campaign in REWARD_CLAIM without rewards has no REWARD_REMINDER');

-- An unknown anchor makes no timer; START sets start_time to the time of the move, and end_time with it.
SELECT create_campaign(24, NULL) AS c \gset
SELECT is(pg_temp.waiting(:'c', now()), NULL, 'a campaign without start_time has no timer');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT ok(start_time BETWEEN now() AND pg_temp.entered(:'c'), 'the start by hand is its start_time') FROM campaigns WHERE id = :'c';
SELECT is(end_time, start_time + interval '24 hours', 'end_time follows the start_time that START_CAMPAIGN sets') FROM campaigns WHERE id = :'c';
SELECT is(pg_temp.waiting(:'c', c.start_time), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +26:00:00'], 'the timers follow the start_time that START_CAMPAIGN sets') FROM campaigns AS c WHERE id = :'c';
SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'START_CAMPAIGN', now() + interval '1 hour') AS t \gset
SELECT campaign_lifecycle_internal._run_due_timers(now() + interval '1 hour', 10);
SELECT is(start_time, now() + interval '1 hour', 'START_CAMPAIGN by a timer keeps the start_time that is there') FROM campaigns WHERE id = :'c';
SELECT is(end_time, now() + interval '25 hours', 'START_CAMPAIGN by a timer keeps the end_time that is there') FROM campaigns WHERE id = :'c';

-- A policy time in the past is due at once.
SELECT create_campaign(1, now() - interval '10 hours') AS c \gset
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = :'c' AND scheduled_at BETWEEN now() AND clock_timestamp() AND status = 'PENDING'), 3::bigint,
	'a campaign of yesterday: all due at once');

---- Timers set by hand stay where the user put them, and satisfy the policy for their type.

SELECT create_campaign(24, NULL) AS c \gset
SELECT schedule_timer(:'c', 'CLOSE_CAMPAIGN', :'start'::timestamptz + interval '7 hours', '{"mine": 1}');
SELECT schedule_timer(:'c', 'START_CAMPAIGN', :'start'::timestamptz + interval '1 hour');
SELECT reschedule_campaign(:'c', :'start');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +07:00:00 by hand', 'EXPIRE_CAMPAIGN +26:00:00', 'START_CAMPAIGN +01:00:00 by hand'],
	'on new times of the campaign');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +07:00:00 by hand', 'EXPIRE_CAMPAIGN +26:00:00', 'START_CAMPAIGN +01:00:00 by hand'],
	'on entering RUNNING, useless ones too');
SELECT is(payload, '{"mine": 1}', 'timers set by hand keep their payload over a move') FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'CLOSE_CAMPAIGN';
UPDATE campaign_timers SET status = 'CANCELLED' WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN';
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at) VALUES (:'c', 'EXPIRE_CAMPAIGN', :'start'::timestamptz + interval '9 hours');
SELECT transition_campaign(:'c', 'CLOSED');
SELECT is(pg_temp.waiting(:'c', :'start') @> ARRAY['EXPIRE_CAMPAIGN +09:00:00 by hand'], true,
	'a plain INSERT is a timer by hand');
SELECT transition_campaign(:'c', 'EXPIRED');
SELECT is(pg_temp.waiting(:'c', now()), NULL, 'timers set by hand are cancelled in a terminal state');

-- A policy timer that the user moves by reschedule_timer() is theirs from then on.
SELECT create_campaign(24, :'start') AS c \gset
SELECT reschedule_timer(id, :'start'::timestamptz + interval '30 hours') FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +30:00:00 by hand'],
	'a timer moved by hand keeps its time over a move');

---- Policies move their own timers, even one that is already due, and rewrite none that is right.

SELECT create_campaign(24, :'start') AS c \gset
SELECT reschedule_campaign(:'c', :'start'::timestamptz + interval '1 hour', 48);
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +49:00:00', 'EXPIRE_CAMPAIGN +51:00:00', 'START_CAMPAIGN +01:00:00'],
	'new times of the campaign move them');
CREATE TEMPORARY TABLE versions AS SELECT t.id, t.ctid AS version FROM campaign_timers AS t WHERE t.campaign_id = :'c';
SELECT is((SELECT count(*) FROM schedule_campaign_timers(:'c')), 3::bigint, 'schedule_campaign_timers() shows them');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is((SELECT count(*) FROM versions AS v JOIN campaign_timers AS t ON t.id = v.id AND t.ctid = v.version WHERE t.status = 'PENDING'), 2::bigint,
	'those at the right time are not rewritten');
UPDATE campaign_timers SET scheduled_at = now() - interval '10 hours' WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN';
SELECT transition_campaign(:'c', 'CLOSED');
SELECT is(pg_temp.waiting(:'c', pg_temp.entered(:'c')), ARRAY['EXPIRE_CAMPAIGN +48:00:00', 'REWARD_REMINDER +00:05:00'],
	'one that is long due is moved as well');
TRUNCATE versions;
INSERT INTO versions SELECT t.id, t.ctid FROM campaign_timers AS t WHERE t.campaign_id = :'c' AND t.status = 'PENDING';
SELECT count(*) FROM schedule_campaign_timers(:'c');
SELECT is((SELECT count(*) FROM versions AS v JOIN campaign_timers AS t ON t.id = v.id AND t.ctid = v.version), 2::bigint,
	'schedule_campaign_timers() rewrites none that counts from the move either');
-- One that waits for its next attempt is moved, with all its attempts.
UPDATE campaign_timers SET status = 'FAILED', retry_count = 2 WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING';
SELECT transition_campaign(:'c', 'REWARD_CLAIM');
SELECT is((SELECT array_agg(status || ' ' || retry_count) FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN' AND status <> 'CANCELLED'),
	ARRAY['PENDING 0'], 'one that waits for its next attempt begins anew in a new state');

-- Where the new state has no row for the type, but a transition by it, the timer stays.
SAVEPOINT edited;
DELETE FROM campaign_timer_policies WHERE state = 'RUNNING';
SELECT create_campaign(24, :'start') AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +26:00:00'],
	'no policy, but a transition: it stays');
ROLLBACK TO edited;

-- On entering a terminal state: FAILED ones with attempts left are cancelled, dead ones and finished ones stay as they
-- are.
SELECT create_campaign(24, NULL) AS c \gset
SELECT transition_campaign(:'c', 'RUNNING');
UPDATE campaign_timers SET status = 'CANCELLED' WHERE campaign_id = :'c';
INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, status, retry_count) VALUES
	(:'c', 'START_CAMPAIGN', now(), 'COMPLETED', 0), (:'c', 'CLOSE_CAMPAIGN', now(), 'FAILED', 5), (:'c', 'EXPIRE_CAMPAIGN', now(), 'FAILED', 4),
	(:'c', 'REWARD_REMINDER', now() + interval '1 hour', 'PENDING', 0);
SELECT transition_campaign(:'c', 'EXPIRED');
SELECT results_eq(format('SELECT timer_type::text, status::text, retry_count FROM campaign_timers WHERE campaign_id = %L AND (status <> ''CANCELLED'' OR timer_type IN (''REWARD_REMINDER'') OR retry_count > 0) ORDER BY 1', :'c'),
	$$VALUES ('CLOSE_CAMPAIGN', 'FAILED', 5), ('EXPIRE_CAMPAIGN', 'CANCELLED', 4), ('REWARD_REMINDER', 'CANCELLED', 0), ('START_CAMPAIGN', 'COMPLETED', 0)$$, 'terminal');

---- Users edit the rows.

UPDATE campaign_timer_policies SET delay = '1 second' WHERE state = 'CLOSED' AND timer_type = 'REWARD_REMINDER';
DELETE FROM campaign_timer_policies WHERE state = 'CLOSED' AND timer_type = 'EXPIRE_CAMPAIGN';
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay) VALUES ('CREATED', 'REWARD_REMINDER', 'start_time', '-1 hour');
SELECT create_campaign(24, :'start') AS c \gset
SELECT is(pg_temp.waiting(:'c', :'start'), ARRAY['CLOSE_CAMPAIGN +24:00:00', 'EXPIRE_CAMPAIGN +26:00:00', 'REWARD_REMINDER +-01:00:00', 'START_CAMPAIGN +00:00:00'],
	'an added row adds a timer');
SELECT transition_campaign(:'c', 'RUNNING');
SELECT transition_campaign(:'c', 'CLOSED');
SELECT is((SELECT scheduled_at FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'REWARD_REMINDER' AND status = 'PENDING'), pg_temp.entered(:'c') + interval '1 second',
	'a changed delay changes the time');
SELECT is((SELECT scheduled_at FROM campaign_timers WHERE campaign_id = :'c' AND timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING'), :'start'::timestamptz + interval '26 hours',
	'a deleted row leaves the timer of the state before, which CLOSED can still use');
-- A boolean column of the user's own.
ALTER TABLE campaigns ADD COLUMN vip boolean;
INSERT INTO campaign_timer_policies (state, timer_type, anchor, delay, only_when) VALUES ('RUNNING', 'REWARD_REMINDER', 'start_time', '1 hour', 'vip');
SELECT create_campaign(24, :'start') AS c1, create_campaign(24, :'start') AS c2, create_campaign(24, :'start') AS c3 \gset
UPDATE campaigns SET vip = (id = :'c1') WHERE id IN (:'c1', :'c2');
SELECT transition_campaign(id, 'RUNNING') FROM campaigns WHERE id IN (:'c1', :'c2', :'c3');
SELECT is((SELECT array_agg(campaign_id) FROM campaign_timers WHERE timer_type = 'REWARD_REMINDER' AND status = 'PENDING' AND scheduled_at = :'start'::timestamptz + interval '1 hour'),
	ARRAY[:'c1'::uuid], 'only_when may name a column of the user''s, where NULL is not true');
-- An only_when that is no boolean column is refused when it is written, not when a campaign enters the state. A dump
-- makes the trigger after the data.
CREATE TEMPORARY TABLE policies_before AS SELECT * FROM campaign_timer_policies;
ALTER TABLE campaigns ADD COLUMN gone boolean;
ALTER TABLE campaigns DROP COLUMN gone;
CREATE DOMAIN flag AS boolean;
ALTER TABLE campaigns ADD COLUMN "Flag" flag;
SELECT is((d.code, d.message, d.hint)::text, (e.code, e.message,
	'only_when names a boolean column of campaigns that must be true for the timer to be made, or is NULL. Add the column first.')::text, format('only_when %L is refused', e.only_when))
FROM (VALUES ('vipp', '42703', 'campaigns has no column vipp'), ('gone', '42703', 'campaigns has no column gone'), ('........pg.dropped.11........', '42703', 'campaigns has no column "........pg.dropped.11........"'),
	('', '42703', 'campaigns has no column ""'), ('ctid', '42703', 'campaigns has no column ctid'),
	('status', '22023', 'column status of campaigns is not boolean'), ('metadata', '22023', 'column metadata of campaigns is not boolean')) AS e (only_when, code, message)
CROSS JOIN LATERAL pg_temp.diagnostics(format('UPDATE campaign_timer_policies SET only_when = %L WHERE state = ''RUNNING'' AND timer_type = ''CLOSE_CAMPAIGN''', e.only_when)) AS d;
SELECT is((pg_temp.diagnostics('INSERT INTO campaign_timer_policies (state, timer_type, anchor, only_when) VALUES (''EXPIRED'', ''START_CAMPAIGN'', ''entered'', ''vipp'')')).code, '42703',
	'only_when of an unknown column is refused in a new policy');
SELECT lives_ok('UPDATE campaign_timer_policies SET only_when = ''Flag'' WHERE state = ''RUNNING'' AND timer_type = ''CLOSE_CAMPAIGN''',
	'a domain over boolean will do');
SELECT lives_ok('UPDATE campaign_timer_policies SET only_when = NULL', 'NULL is a valid only_when');
UPDATE campaign_timer_policies AS p SET only_when = b.only_when FROM policies_before AS b WHERE (b.state, b.timer_type) = (p.state, p.timer_type);

-- CREATED to EXPIRED, so that a campaign can be cancelled before it starts.
SELECT create_campaign(24, :'start') AS c \gset
SELECT is((pg_temp.diagnostics(format('SELECT cancel_campaign(%L)', :'c'))).code, '55000',
	'cancel_campaign() refuses a CREATED campaign without a transition to EXPIRED');
INSERT INTO campaign_state_transitions (from_state, to_state, timer_type) VALUES ('CREATED', 'EXPIRED', 'EXPIRE_CAMPAIGN');
SELECT cancel_campaign(:'c');
SELECT is(status, 'EXPIRED', 'cancel_campaign() expires a CREATED campaign with a transition to EXPIRED') FROM campaigns WHERE id = :'c';

---- Plain INSERT and UPDATE stay plain.

INSERT INTO campaigns (id, status, duration_hours, start_time) VALUES ('11111111-1111-4111-8111-111111111111', 'CREATED', 24, :'start');
UPDATE campaigns SET status = 'RUNNING' WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = '11111111-1111-4111-8111-111111111111'), 0::bigint,
	'a plain INSERT and UPDATE schedule no timer');
SELECT is((SELECT array_agg(timer_type ORDER BY timer_type) FROM schedule_campaign_timers('11111111-1111-4111-8111-111111111111')),
	ARRAY['CLOSE_CAMPAIGN', 'EXPIRE_CAMPAIGN'], 'schedule_campaign_timers() makes the timers after plain DML');
UPDATE campaigns SET status = 'EXPIRED' WHERE id = '11111111-1111-4111-8111-111111111111';
SELECT is((SELECT count(*) FROM campaign_timers WHERE campaign_id = '11111111-1111-4111-8111-111111111111' AND status = 'PENDING'), 2::bigint,
	'a plain UPDATE to EXPIRED cancels no timer');

SELECT * FROM finish();
ROLLBACK;

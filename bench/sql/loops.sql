-- The ways of working by hand, in a database with the specification's schema, as procedures that commit batch by batch until nothing is due or the
-- seconds are over. They write what the extension's worker writes for the same moves: the campaign, its log row (by the specification's trigger),
-- the timer, an execution, both metrics; and on closing the reminder and the new time of the expiry.

-- One statement for a batch.
CREATE PROCEDURE set_loop_start(batch integer, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	n bigint;
BEGIN
	LOOP
		WITH claim AS MATERIALIZED (
			SELECT id, campaign_id, scheduled_at FROM campaign_timers
			WHERE status = 'PENDING' AND scheduled_at <= now() ORDER BY scheduled_at LIMIT batch FOR UPDATE SKIP LOCKED
		), c AS (
			UPDATE campaigns AS c SET status = 'RUNNING', metadata = c.metadata || '{"trigger_event": "START_CAMPAIGN"}'
			FROM claim WHERE c.id = claim.campaign_id
		), t AS (
			UPDATE campaign_timers AS t SET status = 'COMPLETED', executed_at = clock_timestamp()
			FROM claim WHERE t.id = claim.id
		), e AS (
			INSERT INTO timer_executions (timer_id, status, result, started_at, completed_at, execution_time_ms)
			SELECT id, 'COMPLETED', '{"from": "CREATED", "to": "RUNNING"}', now(), clock_timestamp(), 0 FROM claim
		), m AS (
			INSERT INTO campaign_metrics (campaign_id, metric_type, value)
			SELECT claim.campaign_id, v.type, v.value
			FROM claim CROSS JOIN LATERAL (VALUES
				('TIMER_EXECUTION_TIME', 0.1),
				('STATE_TRANSITION_TIME', extract(epoch FROM clock_timestamp() - claim.scheduled_at) * 1000)) AS v (type, value)
		)
		SELECT count(*) INTO n FROM claim;
		COMMIT;
		EXIT WHEN n = 0 OR clock_timestamp() > began + seconds * interval '1 second';
	END LOOP;
END $$;

CREATE PROCEDURE set_loop_close(batch integer, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	n bigint;
BEGIN
	LOOP
		WITH claim AS MATERIALIZED (
			SELECT id, campaign_id, scheduled_at FROM campaign_timers
			WHERE status = 'PENDING' AND scheduled_at <= now() ORDER BY scheduled_at LIMIT batch FOR UPDATE SKIP LOCKED
		), c AS (
			UPDATE campaigns AS c SET status = 'CLOSED', metadata = c.metadata || '{"trigger_event": "CLOSE_CAMPAIGN"}'
			FROM claim WHERE c.id = claim.campaign_id
		), t AS (
			UPDATE campaign_timers AS t SET status = 'COMPLETED', executed_at = clock_timestamp()
			FROM claim WHERE t.id = claim.id
		), later AS (
			UPDATE campaign_timers AS t SET scheduled_at = now() + interval '48 hours'
			FROM claim WHERE t.campaign_id = claim.campaign_id AND t.timer_type = 'EXPIRE_CAMPAIGN' AND t.status = 'PENDING'
		), follows AS (
			INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload)
			SELECT campaign_id, 'REWARD_REMINDER', now() + interval '5 minutes', '{"policy": true}' FROM claim
		), e AS (
			INSERT INTO timer_executions (timer_id, status, result, started_at, completed_at, execution_time_ms)
			SELECT id, 'COMPLETED', '{"from": "RUNNING", "to": "CLOSED"}', now(), clock_timestamp(), 0 FROM claim
		), m AS (
			INSERT INTO campaign_metrics (campaign_id, metric_type, value)
			SELECT claim.campaign_id, v.type, v.value
			FROM claim CROSS JOIN LATERAL (VALUES
				('TIMER_EXECUTION_TIME', 0.1),
				('STATE_TRANSITION_TIME', extract(epoch FROM clock_timestamp() - claim.scheduled_at) * 1000)) AS v (type, value)
		)
		SELECT count(*) INTO n FROM claim;
		COMMIT;
		EXIT WHEN n = 0 OR clock_timestamp() > began + seconds * interval '1 second';
	END LOOP;
END $$;

-- One timer after another, each in a savepoint of its own, so that one that fails is recorded and harms no other.
CREATE PROCEDURE row_loop(batch integer, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	n bigint;
	r record;
	started timestamptz;
	target text;
BEGIN
	LOOP
		n := 0;
		FOR r IN SELECT id, campaign_id, timer_type, scheduled_at FROM campaign_timers
			WHERE status = 'PENDING' AND scheduled_at <= now() ORDER BY scheduled_at LIMIT batch FOR UPDATE SKIP LOCKED
		LOOP
			n := n + 1;
			started := clock_timestamp();
			BEGIN
				target := CASE r.timer_type WHEN 'START_CAMPAIGN' THEN 'RUNNING' ELSE 'CLOSED' END;
				UPDATE campaigns SET status = target, metadata = metadata || jsonb_build_object('trigger_event', r.timer_type) WHERE id = r.campaign_id;
				UPDATE campaign_timers SET status = 'COMPLETED', executed_at = clock_timestamp() WHERE id = r.id;
				IF target = 'CLOSED' THEN
					UPDATE campaign_timers SET scheduled_at = now() + interval '48 hours'
					WHERE campaign_id = r.campaign_id AND timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING';
					INSERT INTO campaign_timers (campaign_id, timer_type, scheduled_at, payload)
					VALUES (r.campaign_id, 'REWARD_REMINDER', now() + interval '5 minutes', '{"policy": true}');
				END IF;
				INSERT INTO timer_executions (timer_id, status, result, started_at, completed_at, execution_time_ms)
				VALUES (r.id, 'COMPLETED', jsonb_build_object('to', target), started, clock_timestamp(), 0);
				INSERT INTO campaign_metrics (campaign_id, metric_type, value)
				VALUES (r.campaign_id, 'TIMER_EXECUTION_TIME', extract(epoch FROM clock_timestamp() - started) * 1000),
					(r.campaign_id, 'STATE_TRANSITION_TIME', extract(epoch FROM clock_timestamp() - r.scheduled_at) * 1000);
			EXCEPTION WHEN OTHERS THEN
				UPDATE campaign_timers SET status = 'FAILED', retry_count = retry_count + 1 WHERE id = r.id;
				INSERT INTO timer_executions (timer_id, status, error_message, started_at, completed_at, execution_time_ms)
				VALUES (r.id, 'FAILED', SQLERRM, started, clock_timestamp(), 0);
			END;
		END LOOP;
		COMMIT;
		EXIT WHEN n = 0 OR clock_timestamp() > began + seconds * interval '1 second';
	END LOOP;
END $$;

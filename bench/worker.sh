# Shared by the benchmarks that let the extension's own worker run: databases made for it, and how long it took.

# Indexes that the extension keeps because the specification has them: others begin with the same columns or hold fewer rows for the same
# questions, or none of its own statements asks them anything.
redundant='idx_campaign_timers_status, idx_campaign_timers_scheduled_at, idx_campaign_timers_timer_type, unique_active_timer_per_type,
	idx_campaign_metrics_campaign_id, idx_campaign_metrics_type, idx_timer_executions_status, idx_campaign_state_log_trigger_event'

# A sealed template with the extension, loaded while paused. More SQL to run before it is sealed may follow.
extension_template() { # database, n, start|close[, psql arguments...]
	local database=$1 n=$2 moves=$3
	shift 3
	sql postgres -c "CREATE DATABASE $database"
	sql "$database" -c "CREATE EXTENSION pg_prewarm" -c "CREATE EXTENSION campaign_lifecycle" -c "SELECT pause_timers()" >/dev/null
	sql "$database" -v n="$n" -v moves="$moves" -f "$bench/sql/load.sql" "$@"
	seal_template "$database"
}

# The competitors' template: the specification's schema, the same rows.
specification_template() { # database, n, start|close
	sql postgres -c "CREATE DATABASE $1"
	sql "$1" -c "CREATE EXTENSION pg_prewarm" -f "$bench/sql/specification.sql" -f "$bench/sql/loops.sql" -v n="$2" -v moves="$3" -f "$bench/sql/load.sql"
	seal_template "$1"
}

# Resume a paused database and return when no due timer waits any more. Prints the time at which it began.
run_worker() { # database[, seconds at most]
	sql "$1" <<-SQL
	SELECT clock_timestamp() AS began \gset
	SELECT FROM resume_timers();
	-- Looks seldom, from where it was, and holds no snapshot for long, so as not to be in the way.
	DO \$\$
	DECLARE
		until timestamptz := clock_timestamp() + interval '${2:-900} seconds';
		due timestamptz := '$(sql "$1" -c "SELECT clock_timestamp()")';
		next timestamptz := '-infinity';
	BEGIN
		LOOP
			next := coalesce(campaign_lifecycle_internal._next_due(next), 'infinity');
			EXIT WHEN next > due;
			IF clock_timestamp() > until THEN
				RAISE EXCEPTION 'the worker has not finished in time: % timers are due', (SELECT count(*) FROM campaign_timers WHERE status = 'PENDING' AND scheduled_at <= due);
			END IF;
			PERFORM pg_sleep(0.2);
		END LOOP;
	END \$\$;
	SELECT :'began';
	SQL
}

# Timers a second from a given time until the commit of the last one that was completed.
rate_since() { # database, time
	sql "$1" -c "SELECT round(count(*) / extract(epoch FROM max(pg_xact_commit_timestamp(xmin)) - '$2'::timestamptz), 1) FROM campaign_timers WHERE status = 'COMPLETED'"
}

# Check that these rows are there once for each completed timer, and no others, whichever way wrote them.
check_rows() { # database, what, start|close[, timers that must be completed]
	local to=RUNNING
	[ "$3" = start ] || to=CLOSED
	check "$1" "$2" "
		WITH done AS (SELECT id, campaign_id FROM campaign_timers WHERE status = 'COMPLETED'),
		counted (what, found, wanted) AS (
			SELECT 'completed timers', (SELECT count(*) FROM done), ${4:-(SELECT count(*) FROM done)}
			UNION ALL SELECT 'moved campaigns', (SELECT count(*) FROM campaigns WHERE status = '$to'
				AND id IN (SELECT campaign_id FROM done)), (SELECT count(*) FROM done)
			UNION ALL SELECT 'log rows', (SELECT count(*) FROM campaign_state_log WHERE to_state = '$to' AND trigger_event = '$(tr a-z A-Z <<<"$3")_CAMPAIGN'),
				(SELECT count(*) FROM done)
			UNION ALL SELECT 'executions', (SELECT count(*) FROM timer_executions WHERE status = 'COMPLETED' AND timer_id IN (SELECT id FROM done)), (SELECT count(*) FROM done)
			UNION ALL SELECT 'all executions', (SELECT count(*) FROM timer_executions), (SELECT count(*) FROM done)
			UNION ALL SELECT 'metrics ' || t, (SELECT count(*) FROM campaign_metrics WHERE metric_type = t), (SELECT count(*) FROM done)
				FROM unnest(ARRAY['TIMER_EXECUTION_TIME', 'STATE_TRANSITION_TIME']) AS t
			UNION ALL SELECT 'follow-up timers', (SELECT count(*) FROM campaign_timers WHERE timer_type = 'REWARD_REMINDER' AND status = 'PENDING'),
				CASE '$3' WHEN 'close' THEN (SELECT count(*) FROM done) ELSE 0 END
			UNION ALL SELECT 'moved expiries', (SELECT count(*) FROM campaign_timers WHERE timer_type = 'EXPIRE_CAMPAIGN' AND status = 'PENDING'
				AND scheduled_at BETWEEN now() + interval '47 hours' AND now() + interval '48 hours'),
				CASE '$3' WHEN 'close' THEN (SELECT count(*) FROM done) ELSE 0 END)
		SELECT format('%s: %s, should be %s', what, found, wanted) FROM counted WHERE found IS DISTINCT FROM wanted"
}

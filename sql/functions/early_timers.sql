-- Timers that come too early: their campaign must change its state before they act. They are postponed, which is no
-- attempt.

CREATE FUNCTION campaign_lifecycle_internal._acting_states(timer_type text) RETURNS text[]
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(array_agg(s.state ORDER BY s.state), '{}')
	FROM (
		SELECT m.from_state::text AS state
		FROM ONLY @extschema@.campaign_state_transitions AS m
		WHERE m.timer_type = $1
		UNION
		-- The timer of a policy is an event, unless it is set ahead for a later state, which has the same anchor then.
		SELECT p.state::text
		FROM ONLY @extschema@.campaign_timer_policies AS p
		WHERE p.timer_type = $1 AND (p.anchor = 'entered' OR NOT EXISTS (
			SELECT FROM ONLY @extschema@.campaign_state_transitions AS m
			LEFT JOIN ONLY @extschema@.campaign_timer_policies AS l ON l.state = m.from_state AND l.timer_type = m.timer_type
			WHERE m.timer_type = $1 AND (l.anchor IS NULL OR l.anchor = p.anchor)))) AS s
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._acting_states(text) IS
	'The states in which a timer of this type changes the state or is an event.';

-- An earlier timer that waits for its next attempt comes first, because it would be blocked. Otherwise it is the next
-- waiting timer of the campaign. One that is due too, and does nothing in this state either, is postponed itself, and
-- two such timers must not wait for each other.
CREATE FUNCTION campaign_lifecycle_internal._postpone_timers(timer_ids uuid[], as_of timestamp with time zone,
	OUT postponed integer, OUT follow_up timestamp with time zone)
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = setting AS $$
DECLARE
	attempts constant integer := coalesce(current_setting('campaign_lifecycle.max_attempts', true), '@attempt_limit@');
	early record;
	next_at timestamptz;
BEGIN
	postponed := 0;
	FOR early IN
		SELECT t.id, t.campaign_id, t.timer_type, c.status AS state
		FROM unnest(timer_ids) AS u (id)
		JOIN ONLY @extschema@.campaign_timers AS t ON t.id = u.id
		JOIN ONLY @extschema@.campaigns AS c ON c.id = t.campaign_id
	LOOP
		SELECT coalesce(min(o.scheduled_at) FILTER (WHERE o.status = 'FAILED'), min(o.scheduled_at))
		INTO next_at
		FROM ONLY @extschema@.campaign_timers AS o
		WHERE o.campaign_id = early.campaign_id AND o.id <> early.id
			AND (o.status IN ('PENDING', 'RUNNING') OR (o.status = 'FAILED' AND o.retry_count < attempts))
			AND (o.scheduled_at > as_of
				OR early.state = ANY (campaign_lifecycle_internal._acting_states(o.timer_type)));
		UPDATE ONLY @extschema@.campaign_timers AS t
		SET status = CASE WHEN t.retry_count > 0 THEN 'FAILED' ELSE 'PENDING' END,
			scheduled_at = coalesce(next_at + interval '1 microsecond', as_of + interval '1 hour'),
			payload = CASE WHEN jsonb_typeof(t.payload) = 'object'
				THEN t.payload || jsonb_build_object('postponed', jsonb_build_object(
					'since', coalesce(t.payload #> '{postponed,since}', to_jsonb(t.scheduled_at)),
					'until', campaign_lifecycle_internal._acting_states(early.timer_type)))
				ELSE t.payload END
		WHERE t.id = early.id;
		postponed := postponed + 1;
		IF next_at <= as_of THEN
			follow_up := least(follow_up, next_at);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._postpone_timers(uuid[], timestamptz) IS
	'Postpones timers that came too early, which is no attempt: until right after the next waiting timer of the campaign, '
	'or an hour where none waits. The key "postponed" of the payload says since when, and until which states. Returns how '
	'many, and the earliest due timer behind which one was postponed.';

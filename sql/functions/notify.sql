-- NOTIFY: events on the channel campaign_lifecycle.

CREATE FUNCTION campaign_lifecycle_internal._notify(event text, campaign_ids uuid[], timer_ids uuid[],
	timer_types text[]) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF event = ANY (string_to_array(replace(coalesce(current_setting('campaign_lifecycle.notify_events', true), ''), ' ',
		''), ',')) THEN
		PERFORM pg_notify('campaign_lifecycle', jsonb_build_object('event', event, 'campaign_id', u.campaign_id, 'timer_id',
			u.timer_id, 'timer_type', u.timer_type)::text)
		FROM unnest(campaign_ids, timer_ids, timer_types) AS u (campaign_id, timer_id, timer_type);
	END IF;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._notify(text, uuid[], uuid[], text[]) IS
	'Sends the event on channel campaign_lifecycle for each timer, if campaign_lifecycle.notify_events names it.';

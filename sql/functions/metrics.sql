-- The function of the API for metrics.

CREATE FUNCTION @extschema@.record_metric(campaign_id uuid, metric_type text, value numeric,
	attributes jsonb DEFAULT '{}', id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET campaign_lifecycle._users_path = caller AS $$
#variable_conflict use_variable
DECLARE
	new_id uuid;
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('campaign_id', campaign_id IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('metric_type', metric_type IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_given('value', value IS NOT NULL);
	PERFORM campaign_lifecycle_internal._check_object('attributes', attributes);
	IF metric_type NOT IN ('ENGAGEMENT_COUNT', 'PARTICIPANT_COUNT', 'REWARD_CLAIMED', 'TIMER_EXECUTION_TIME',
		'STATE_TRANSITION_TIME') THEN
		RAISE EXCEPTION 'unknown metric type: %', left(metric_type, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Metric types are ENGAGEMENT_COUNT, PARTICIPANT_COUNT, REWARD_CLAIMED, TIMER_EXECUTION_TIME and '
					'STATE_TRANSITION_TIME.';
	END IF;
	IF NOT coalesce(abs(round(value, 4)) < 100000000000, false) THEN
		RAISE EXCEPTION 'metric value out of range: %', left(value::text, 100)
			USING ERRCODE = 'numeric_value_out_of_range', HINT = 'A value has at most 11 digits before and 4 after the point.';
	END IF;
	IF NOT EXISTS (SELECT FROM ONLY @extschema@.campaigns AS c WHERE c.id = campaign_id) THEN
		PERFORM campaign_lifecycle_internal._unknown_campaign(campaign_id);
	END IF;
	INSERT INTO @extschema@.campaign_metrics AS m (id, campaign_id, metric_type, value, attributes)
	VALUES (coalesce(id, campaign_lifecycle_internal._uuid_v7()), campaign_id, metric_type, value, attributes)
	ON CONFLICT ON CONSTRAINT campaign_metrics_pkey DO NOTHING
	RETURNING m.id INTO new_id;
	IF new_id IS NULL AND EXISTS (SELECT FROM ONLY @extschema@.campaign_metrics AS m WHERE m.id = record_metric.id) THEN
		RAISE EXCEPTION 'metric already exists: %', id
			USING ERRCODE = 'unique_violation', CONSTRAINT = 'campaign_metrics_pkey',
				HINT = 'Choose another id, or leave it out.';
	END IF;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.record_metric(uuid, text, numeric, jsonb, uuid) IS
	'One metric of a campaign; returns its id. value: up to 11 digits before and 4 after the point. Errors: 22003, '
	'22004, 22023, P0002; 23505 when the id exists. Since 1.0.';

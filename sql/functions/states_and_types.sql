-- Add and drop states and timer types of the user's own.
--
-- The tables' owner changes them, whichever role calls. A longer list needs no look at the rows, and no lock that a
-- writer waits for. Before a name is dropped, the tables are searched while writers go on. Then writers wait for a
-- moment, in which the search is repeated wherever it is quick.

CREATE FUNCTION campaign_lifecycle_internal._begin_name_change() RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'states and timer types cannot change in a % transaction', current_setting('transaction_isolation')
			USING ERRCODE = 'active_sql_transaction', HINT = 'Call it in a READ COMMITTED transaction.';
	END IF;
	PERFORM campaign_lifecycle_internal._lock_access();
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._begin_name_change() IS
	'Keeps other sessions from changing states, timer types, partitions and privileges until the transaction ends. '
	'Raises 25001 unless the transaction is READ COMMITTED.';

CREATE FUNCTION campaign_lifecycle_internal._add_name(kind text, name text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	most constant integer := CASE kind WHEN 'state' THEN 20 ELSE 50 END;
	relation regclass;
BEGIN
	IF name !~ '^[A-Z][A-Z0-9_]*$' OR length(name) > most THEN
		RAISE EXCEPTION 'invalid name of a %: %', kind, left(name, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('It has upper-case letters, digits and underscores, begins with a letter, and has at most %s '
					'characters.', most);
	END IF;
	PERFORM campaign_lifecycle_internal._begin_name_change();
	IF campaign_lifecycle_internal._is_listed_everywhere(kind, name) THEN
		RAISE EXCEPTION '% already exists: %', kind, name
			USING ERRCODE = 'unique_violation', HINT = format('There are %s.',
				array_to_string(campaign_lifecycle_internal._listed_names(kind), ', '));
	END IF;
	-- This lock keeps partitions and constraints as they are. Readers and writers go on.
	FOR relation IN SELECT t.relation FROM campaign_lifecycle_internal._name_list_tables(kind) AS t LOOP
		EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', relation);
	END LOOP;
	PERFORM campaign_lifecycle_internal._change_lists(kind, name, true, '{}');
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._add_name(text, text) IS
	'Adds a state or timer type as the owner of the tables.';

CREATE FUNCTION campaign_lifecycle_internal._is_searched_quickly(root regclass, column_name name) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
			WHERE i.indrelid = root AND i.indisvalid AND i.indpred IS NULL AND a.attname = column_name)
		-- About ten milliseconds.
		OR (SELECT sum(pg_relation_size(p.relid)) FROM (SELECT root UNION SELECT t.relid FROM pg_partition_tree(root) AS t)
			AS p (relid)) <= 16 * 1024 * 1024
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._is_searched_quickly(regclass, name) IS
	'Whether rows with a value of the column are found within milliseconds: by an index, or because the table with its '
	'partitions is small.';

CREATE FUNCTION campaign_lifecycle_internal._check_unused(kind text, name text, only_quickly boolean)
	RETURNS SETOF regclass
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
	is_used boolean;
BEGIN
	FOR item IN
		SELECT to_regclass('@extschema@.' || quote_ident(l.table_name)) AS relation, l.table_name, l.column_name
		FROM campaign_lifecycle_internal._name_lists(kind) AS l
		ORDER BY l.lock_order IN (3, 4), l.lock_order DESC, l.column_name
	LOOP
		CONTINUE WHEN item.relation IS NULL;
		IF only_quickly AND NOT campaign_lifecycle_internal._is_searched_quickly(item.relation, item.column_name) THEN
			RETURN NEXT item.relation;
			CONTINUE;
		END IF;
		EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I::text = $1)', item.relation, item.column_name) INTO is_used
			USING name;
		IF is_used THEN
			RAISE EXCEPTION '% % is used in column % of %', kind, name, item.column_name, item.table_name
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = CASE
					WHEN item.table_name IN ('campaigns', 'campaign_state_log', 'campaign_state_log_archive', 'campaign_timers')
						THEN 'Delete these rows first, if their history may go. A name that nothing leads to can also stay.'
					ELSE 'Delete these rows first.' END;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._check_unused(text, text, boolean) IS
	'Raises 55000 if a row has the state or timer type. only_quickly: returns the tables instead of which a search '
	'takes time.';

CREATE FUNCTION campaign_lifecycle_internal._remove_name(kind text, name text) RETURNS bigint
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
	relation regclass;
	unproven regclass[];
BEGIN
	PERFORM set_config('lock_timeout', campaign_lifecycle_internal._short_lock_timeout(), true);
	FOR relation IN SELECT t.relation FROM campaign_lifecycle_internal._name_list_tables(kind) AS t LOOP
		EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', relation);
	END LOOP;
	SELECT coalesce(array_agg(DISTINCT u.relation), '{}')
	INTO unproven
	FROM campaign_lifecycle_internal._check_unused(kind, name, true) AS u (relation);
	PERFORM campaign_lifecycle_internal._change_lists(kind, name, false, unproven);
	RETURN cardinality(unproven);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._remove_name(text, text) IS
	'Removes a state or timer type from every list while no session can write. Returns the number of tables that are '
	'too large to be searched then, whose constraints become NOT VALID. Errors: 55000; 55P03.';

CREATE FUNCTION campaign_lifecycle_internal._drop_name(kind text, name text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item record;
BEGIN
	PERFORM campaign_lifecycle_internal._begin_name_change();
	IF name = ANY ('{CREATED,RUNNING,CLOSED,REWARD_CLAIM,EXPIRED,START_CAMPAIGN,CLOSE_CAMPAIGN,EXPIRE_CAMPAIGN,
		REWARD_REMINDER}'::text[]) AND name = ANY (campaign_lifecycle_internal._listed_names(kind)) THEN
		RAISE EXCEPTION '% % belongs to the specification', kind, name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'It can stay unused: delete its rows of campaign_state_transitions and campaign_timer_policies.';
	END IF;
	IF name <> ALL (campaign_lifecycle_internal._listed_names(kind)) THEN
		RAISE EXCEPTION 'unknown %: %', kind, left(name, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = format('There are %s.',
				array_to_string(campaign_lifecycle_internal._listed_names(kind), ', '));
	END IF;
	PERFORM campaign_lifecycle_internal._check_unused(kind, name, false);
	IF campaign_lifecycle_internal._run_with_retry(format('SELECT campaign_lifecycle_internal._remove_name(%L, %L)', kind,
		name), 40, format('drop %s %s', kind, name)) = 0 THEN
		RETURN;
	END IF;
	FOR item IN
		SELECT l.constraint_name, k.conrelid::regclass AS relation
		FROM campaign_lifecycle_internal._name_lists(kind) AS l
		JOIN pg_constraint AS k ON k.conrelid = to_regclass('@extschema@.' || quote_ident(l.table_name))
			AND k.contype = 'c' AND k.conname = l.constraint_name AND NOT k.convalidated
	LOOP
		RAISE NOTICE 'constraint % of % is NOT VALID, because the table is large', item.constraint_name, item.relation
			USING HINT = format('It refuses new rows. To check those that are there, while writers go on: ALTER TABLE %s '
				'VALIDATE CONSTRAINT %I;', item.relation, item.constraint_name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._drop_name(text, text) IS
	'Drops a state or timer type as the owner of the tables.';

CREATE FUNCTION campaign_lifecycle_internal._change_names_as_owner(kind text, name text, adds boolean) RETURNS void
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_change_names_as_owner';
COMMENT ON FUNCTION campaign_lifecycle_internal._change_names_as_owner(text, text, boolean) IS
	'Adds or drops a state or timer type as the owner of the tables. Errors: 42501 unless the caller has the rights of '
	'that role.';

CREATE FUNCTION campaign_lifecycle_internal._change_names(kind text, name text, adds boolean) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF to_regclass('@extschema@.campaign_timers') IS NULL THEN
		PERFORM campaign_lifecycle_internal._raise_no_tables();
	END IF;
	PERFORM campaign_lifecycle_internal._check_given('name', name IS NOT NULL);
	PERFORM campaign_lifecycle_internal._change_names_as_owner(kind, name, adds);
END
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._change_names(text, text, boolean) IS
	'Checks what a function of states and timer types was given, and changes the lists.';

CREATE FUNCTION @extschema@.add_campaign_state(name text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._change_names('state', name, true);
END
$$;
COMMENT ON FUNCTION @extschema@.add_campaign_state(text) IS
	'Adds a state. Every CHECK constraint that lists the states has it from then on, in partitions and the archive '
	'too. Rows of campaign_state_transitions then lead to it and from it. A name has upper-case letters, digits and '
	'underscores, and at most 20 characters. Errors: 22004; 22023; 23505; 25001; 42501 unless called with the rights '
	'of the tables'' owner; 55000. Since 1.2.';

CREATE FUNCTION @extschema@.drop_campaign_state(name text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._change_names('state', name, false);
END
$$;
COMMENT ON FUNCTION @extschema@.drop_campaign_state(text) IS
	'Drops a state that add_campaign_state() has added. Refuses (55000) while a row of any table has it, the archive '
	'included. Errors: 22004; 22023 for an unknown one; 25001; 42501 unless called with the rights of the tables'' '
	'owner; 55000 also for a state of the specification; 55P03 when a long transaction writes the tables. Since 1.2.';

CREATE FUNCTION @extschema@.add_timer_type(name text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._change_names('timer type', name, true);
END
$$;
COMMENT ON FUNCTION @extschema@.add_timer_type(text) IS
	'Adds a timer type. Every CHECK constraint that lists the types has it from then on. Rows of '
	'campaign_state_transitions and campaign_timer_policies then give it a meaning. A name has upper-case letters, '
	'digits and underscores, and at most 50 characters. Errors: 22004; 22023; 23505; 25001; 42501 unless called with '
	'the rights of the tables'' owner; 55000. Since 1.2.';

CREATE FUNCTION @extschema@.drop_timer_type(name text) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM campaign_lifecycle_internal._change_names('timer type', name, false);
END
$$;
COMMENT ON FUNCTION @extschema@.drop_timer_type(text) IS
	'Drops a timer type that add_timer_type() has added. Refuses (55000) while a timer, transition, policy or handler '
	'has it. Errors: 22004; 22023 for an unknown one; 25001; 42501 unless called with the rights of the tables'' '
	'owner; 55000 also for a type of the specification; 55P03 when a long transaction writes the tables. Since 1.2.';

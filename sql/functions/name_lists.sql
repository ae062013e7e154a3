-- The lists of states and of timer types. CHECK constraints have them, so dumps carry them, and new partitions get them
-- from their parent. src/name_lists adds a name to a constraint in place, or removes one.

CREATE FUNCTION campaign_lifecycle_internal._name_lists(kind text)
	RETURNS TABLE (lock_order integer, table_name name, column_name name, constraint_name name, triggers name[])
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT l.lock_order, l.table_name, l.column_name, l.constraint_name, l.triggers
	FROM (VALUES
		('timer type', 1, 'campaign_timers'::name, 'timer_type'::name, 'valid_timer_type'::name,
			'{explain_new_timer,explain_changed_timer}'::name[]),
		('state', 2, 'campaigns', 'status', 'valid_status', '{explain_invalid_campaign}'),
		('state', 3, 'campaign_state_log', 'from_state', 'valid_from_state', '{}'),
		('state', 3, 'campaign_state_log', 'to_state', 'valid_to_state', '{}'),
		('state', 4, 'campaign_state_log_archive', 'from_state', 'valid_from_state', '{}'),
		('state', 4, 'campaign_state_log_archive', 'to_state', 'valid_to_state', '{}'),
		('state', 5, 'campaign_state_transitions', 'from_state', 'valid_from_state', '{}'),
		('state', 5, 'campaign_state_transitions', 'to_state', 'valid_to_state', '{}'),
		('timer type', 5, 'campaign_state_transitions', 'timer_type', 'valid_timer_type', '{}'),
		('state', 6, 'campaign_timer_policies', 'state', 'valid_state', '{}'),
		('timer type', 6, 'campaign_timer_policies', 'timer_type', 'valid_timer_type', '{}'),
		('timer type', 7, 'campaign_timer_handlers', 'timer_type', 'valid_timer_type', '{}'))
		AS l (kind, lock_order, table_name, column_name, constraint_name, triggers)
	WHERE l.kind = $1
	ORDER BY l.lock_order
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._name_lists(text) IS
	'The CHECK constraints that list the states, or the timer types, in the order of locking, and the triggers whose '
	'conditions repeat the list.';

CREATE FUNCTION campaign_lifecycle_internal._listed_names(kind text) RETURNS text[]
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT array_agg(n.name ORDER BY n.lock_order, n.place)
	FROM (
		SELECT DISTINCT ON (m.name[1]) m.name[1], l.lock_order, m.place
		FROM campaign_lifecycle_internal._name_lists(kind) AS l
		JOIN pg_constraint AS k ON k.conrelid = to_regclass('@extschema@.' || quote_ident(l.table_name))
			AND k.contype = 'c' AND k.conname = l.constraint_name
		CROSS JOIN LATERAL regexp_matches(pg_get_constraintdef(k.oid), '''((?:[^'']|'''')+)''::', 'g')
			WITH ORDINALITY AS m (name, place)
		ORDER BY m.name[1], l.lock_order, m.place) AS n (name, lock_order, place)
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._listed_names(text) IS
	'The states, or the timer types, that the CHECK constraints of the tables list, in their order.';

CREATE FUNCTION campaign_lifecycle_internal._name_list_tables(kind text)
	RETURNS TABLE (relation regclass, lock_order integer, root regclass)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH RECURSIVE tree (relation, lock_order, root, level) AS (
		SELECT c.oid, min(l.lock_order), c.oid, 0
		FROM campaign_lifecycle_internal._name_lists(kind) AS l
		JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = l.table_name
		GROUP BY c.oid
		UNION ALL
		SELECT i.inhrelid, t.lock_order, t.root, t.level + 1
		FROM tree AS t
		JOIN pg_inherits AS i ON i.inhparent = t.relation)
	SELECT t.relation::regclass, t.lock_order, t.root::regclass FROM tree AS t ORDER BY t.lock_order, t.level, t.relation
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._name_list_tables(text) IS
	'The tables that have a list of states, or of timer types, with their partitions and children, in the order of '
	'locking.';

CREATE FUNCTION campaign_lifecycle_internal._is_listed_everywhere(kind text, name text) RETURNS boolean
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT bool_and(strpos(pg_get_constraintdef(k.oid), quote_literal(name) || '::') > 0) IS TRUE
	FROM campaign_lifecycle_internal._name_list_tables(kind) AS t
	JOIN pg_class AS c ON c.oid = t.root
	JOIN campaign_lifecycle_internal._name_lists(kind) AS l ON l.table_name = c.relname
	JOIN pg_constraint AS k ON k.conrelid = t.relation AND k.contype = 'c' AND k.conname = l.constraint_name
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._is_listed_everywhere(text, text) IS
	'Whether every list has the state or timer type. A user may have added it to some of them by hand.';

CREATE FUNCTION campaign_lifecycle_internal._change_check_list(relation regclass, constraint_name name,
	column_name name, name text, adds boolean, proven boolean) RETURNS boolean
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_change_check_list';
COMMENT ON FUNCTION campaign_lifecycle_internal._change_check_list(regclass, name, name, text, boolean, boolean) IS
	'Adds a name to the list of a CHECK constraint in place, or removes it. A constraint with a shorter list is NOT '
	'VALID unless proven says that no row has the name. Returns false if the table has no such constraint. Errors: '
	'42501, 42703; 55000 if the constraint has no list.';

CREATE FUNCTION campaign_lifecycle_internal._change_trigger_list(relation regclass, trigger_name name,
	column_name name, name text, adds boolean) RETURNS boolean
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', '_change_trigger_list';
COMMENT ON FUNCTION campaign_lifecycle_internal._change_trigger_list(regclass, name, name, text, boolean) IS
	'Adds a name to the list in the condition of a trigger in place, or removes it. Returns false if the table has no '
	'such trigger. Errors: 42501, 42703.';

CREATE FUNCTION campaign_lifecycle_internal._change_lists(kind text, name text, adds boolean, unproven regclass[])
	RETURNS void
	LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	SELECT campaign_lifecycle_internal._change_check_list(t.relation, l.constraint_name, l.column_name, $2, $3,
		NOT t.root = ANY ($4))
	FROM campaign_lifecycle_internal._name_list_tables($1) AS t
	JOIN pg_class AS c ON c.oid = t.root
	JOIN campaign_lifecycle_internal._name_lists($1) AS l ON l.table_name = c.relname;
	SELECT campaign_lifecycle_internal._change_trigger_list(c.oid, g.name, l.column_name, $2, $3)
	FROM campaign_lifecycle_internal._name_lists($1) AS l
	JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = l.table_name
	CROSS JOIN LATERAL unnest(l.triggers) AS g (name)
$$;
COMMENT ON FUNCTION campaign_lifecycle_internal._change_lists(text, text, boolean, regclass[]) IS
	'Adds a state or timer type to every list, or removes it. unproven: the tables that may have rows with it.';

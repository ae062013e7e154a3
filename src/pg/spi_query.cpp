// The cache of prepared statements. A plan is kept for the life of the process, under the schema and the address of
// its Query. A schema that was renamed gets new plans. The old ones are not freed, because one of them may be running
// further up the stack.
#include "pg/spi_query.hpp"

#include "pg/limits.hpp"

namespace spi_query {

namespace {

struct Key
{
	Oid schema;
	const Query *query;
};

struct Prepared
{
	Key key;
	SPIPlanPtr plan;
	int generation; // of the plan that the server made under plan_settings, or 0
};

// -DNO_PINNED_PLANS leaves every plan to the server, so that bench/without can measure what a pinned one gains.
#ifdef NO_PINNED_PLANS
constexpr bool pins_plans = false;
#else
constexpr bool pins_plans = true;
#endif

HTAB *schemas;
HTAB *prepared_statements;

// The settings under which a statement with by_index is planned.
constexpr struct
{
	const char *name;
	const char *value;
} plan_settings[] = {
	{"enable_seqscan", "off"}, {"enable_bitmapscan", "off"},       {"enable_hashjoin", "off"}, {"enable_mergejoin", "off"},
	{"enable_sort", "off"},    {"enable_incremental_sort", "off"}, {"enable_material", "off"}, {"enable_memoize", "off"},
	{"enable_nestloop", "on"}, {"enable_indexscan", "on"},         {"enable_tidscan", "on"},   {"jit", "off"},
};

// Create a hash table whose key is compared byte by byte.
HTAB *make_table(const char *name, Size key_size, Size entry_size)
{
	HASHCTL control = {};

	control.keysize = key_size;
	control.entrysize = entry_size;
	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS);
}

// Drop the plans of a schema from the cache, because its name in their texts has changed.
void forget_plans_of(Oid schema)
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, prepared_statements);
	while (Prepared *prepared = static_cast<Prepared *>(hash_seq_search(&scan)))
		if (prepared->key.schema == schema)
			prepared->plan = nullptr;
}

// Return the text with a value in place of each placeholder.
char *replace_all(const char *text, const char *placeholder, const char *value)
{
	StringInfoData result;

	initStringInfo(&result);
	while (const char *found = strstr(text, placeholder))
	{
		appendBinaryStringInfo(&result, text, static_cast<int>(found - text));
		appendStringInfoString(&result, value);
		text = found + strlen(placeholder);
	}
	appendStringInfoString(&result, text);
	return result.data;
}

// Prepare the statement with the name of the schema and the limit of attempts in its text, and keep the plan.
SPIPlanPtr prepare(const Schema *schema, const Query &query)
{
	Oid types[max_arguments];

	char *text = psprintf("%s%s", query.text, query.ending);
	text = replace_all(text, "@extschema@", quote_identifier(NameStr(schema->name)));
	text = replace_all(text, "@attempt_limit@", psprintf("%d", limits::attempts));
	memcpy(types, query.arguments, sizeof(types));
	int options = pins_plans && query.by_index ? CURSOR_OPT_GENERIC_PLAN : 0;
	SPIPlanPtr plan = SPI_prepare_cursor(text, query.argument_count, types, options);
	if (plan == nullptr || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
	return plan;
}

// Return the cached statement, prepared if it is new.
Prepared *prepared_for(const Schema *schema, const Query &query)
{
	Key key;
	bool found;

	memset(&key, 0, sizeof(key));
	key.schema = schema->oid;
	key.query = &query;
	Prepared *prepared = static_cast<Prepared *>(hash_search(prepared_statements, &key, HASH_ENTER, &found));
	if (!found)
		prepared->plan = nullptr;
	if (prepared->plan == nullptr)
	{
		prepared->plan = prepare(schema, query);
		prepared->generation = 0;
	}
	return prepared;
}

// Return the plan source of a statement, which has only one command.
CachedPlanSource *source_of(SPIPlanPtr plan)
{
	return static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
}

// Set plan_settings for planning. Return the nest level at which they end, or 0 if the present plan was made under
// them. A plan that the server has made under other settings is dropped first.
int pin_plan(SPIPlanPtr plan, int generation)
{
	CachedPlanSource *source = source_of(plan);
	bool is_planned = source->is_valid && source->gplan != nullptr && source->gplan->is_valid;

	if (is_planned && source->gplan->generation == generation)
		return 0;
	if (is_planned)
		ResetPlanCache();
	int level = NewGUCNestLevel();
	for (const auto &setting : plan_settings)
		(void) set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

} // namespace

Schema *schema_of(Oid oid)
{
	char *name = get_namespace_name(oid);
	bool found;

	if (name == nullptr)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("the schema of campaign_lifecycle does not exist"));
	if (schemas == nullptr)
	{
		schemas = make_table("campaign_lifecycle schemas", sizeof(Oid), sizeof(Schema));
		prepared_statements = make_table("campaign_lifecycle statements", sizeof(Key), sizeof(Prepared));
	}
	Schema *schema = static_cast<Schema *>(hash_search(schemas, &oid, HASH_ENTER, &found));
	if (!found || strcmp(name, NameStr(schema->name)) != 0)
	{
		namestrcpy(&schema->name, name);
		forget_plans_of(oid);
	}
	pfree(name);
	return schema;
}

void run(const Schema *schema, const Query &query, Datum *arguments, const char *nulls)
{
	Prepared *prepared = prepared_for(schema, query);
	SPIPlanPtr plan = prepared->plan;
	int level = pins_plans && query.by_index ? pin_plan(plan, prepared->generation) : 0;
	int result = SPI_execute_plan(plan, arguments, nulls, false, 0);

	if (level > 0)
	{
		AtEOXact_GUC(false, level);
		prepared->generation = source_of(plan)->generation;
	}
	if (result < 0)
		elog(ERROR, "could not run a statement: %s", SPI_result_code_string(result));
}

Datum first_value(int column, bool *is_null)
{
	if (SPI_processed == 0)
	{
		*is_null = true;
		return static_cast<Datum>(0);
	}
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
}

bool first_uuid(int column, pg_uuid_t *uuid)
{
	bool is_null;
	Datum value = first_value(column, &is_null);

	if (!is_null)
		*uuid = *DatumGetUUIDP(value);
	return !is_null;
}

TimestampTz first_time(int column)
{
	bool is_null;
	Datum value = first_value(column, &is_null);

	return is_null ? DT_NOEND : DatumGetTimestampTz(value);
}

Datum value_at(int row, int column)
{
	bool is_null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);

	return is_null ? static_cast<Datum>(0) : value;
}

Datum text_or_empty(Datum value)
{
	return value != 0 ? value : CStringGetTextDatum("");
}

Datum array_of(Datum *values, bool *nulls, int count, Oid type)
{
	int dimensions[1] = {count};
	int lower_bounds[1] = {1};
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, lower_bounds, type, length, by_value, alignment));
}

ArrayType *uuid_array(const pg_uuid_t *ids, int count)
{
	Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * greatest(count, 1)));

	for (int i = 0; i < count; i++)
		values[i] = UUIDPGetDatum(&ids[i]);
	return DatumGetArrayTypeP(array_of(values, nullptr, count, UUIDOID));
}

} // namespace spi_query

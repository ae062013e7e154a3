// Each value has three sources, in this order: a setting of the transaction, a key of the campaign's metadata, a
// default. The key counts only if this statement has changed it, because an earlier state change may have left it
// there. Promises that no value in the metadata raises an error: it becomes a text or is ignored.
#include "trigger/state_log_metadata.hpp"

#include "guc.hpp"
#include "pg/columns.hpp"
#include "pg/compat.hpp"

namespace state_log_metadata {

namespace {

constexpr int max_characters = 50; // of an event in the log

bool is_empty(const char *text)
{
	return text == nullptr || text[0] == '\0';
}

// Return the value of a key as a text, as the operator ->> does. Return nullptr for an empty text too.
char *key_text(Datum metadata, const char *key)
{
	if (metadata == 0)
		return nullptr;
	Jsonb *whole = DatumGetJsonbP(metadata);
	if (!JB_ROOT_IS_OBJECT(whole))
		return nullptr;
	JsonbValue *value = getKeyJsonValueFromContainer(&whole->root, key, static_cast<int>(strlen(key)), nullptr);
	if (value == nullptr)
		return nullptr;
	switch (value->type)
	{
		case jbvString:
			return value->val.string.len > 0 ? pnstrdup(value->val.string.val, value->val.string.len) : nullptr;
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvBinary:
			return JsonbToCString(nullptr, value->val.binary.data, value->val.binary.len);
		default:
			return nullptr;
	}
}

// Return whether two stored values have the same bytes, without detoasting them.
bool is_same_value(Datum a, Datum b)
{
	struct varlena *x = reinterpret_cast<struct varlena *>(DatumGetPointer(a));
	struct varlena *y = reinterpret_cast<struct varlena *>(DatumGetPointer(b));

	return x == y || (x != nullptr && y != nullptr && VARSIZE_ANY(x) == VARSIZE_ANY(y) && memcmp(x, y, VARSIZE_ANY(x)) == 0);
}

// Return the value of a key if this statement has changed it, or nullptr.
char *changed_key(const Source &source, const char *key)
{
	if (!source.created && is_same_value(source.metadata, source.old_metadata))
		return nullptr;
	char *now = key_text(source.metadata, key);
	if (now == nullptr || source.created)
		return now;
	char *old_text = key_text(source.old_metadata, key);
	return old_text != nullptr && strcmp(now, old_text) == 0 ? nullptr : now;
}

// Return the metadata that transition_campaign() was called with, or nullptr if they are no object.
Jsonb *call_metadata()
{
	if (is_empty(guc::log_metadata) || !pg::is_json(guc::log_metadata))
		return nullptr;
	Jsonb *object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(guc::log_metadata)));
	return JB_ROOT_IS_OBJECT(object) ? object : nullptr;
}

// Return who has changed the state.
const char *author(const Source &source, Jsonb *object, const char *session_user)
{
	char *name = nullptr;

	if (!is_empty(guc::changed_by))
		return guc::changed_by;
	if (object != nullptr)
		name = key_text(JsonbPGetDatum(object), "changed_by");
	if (name == nullptr)
		name = changed_key(source, "changed_by");
	return name != nullptr ? name : session_user;
}

void push_key(pg::JsonbBuilder *builder, const char *key)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = const_cast<char *>(key);
	value.val.string.len = static_cast<int>(strlen(key));
	pg::push_jsonb(builder, WJB_KEY, &value);
}

void push_text(pg::JsonbBuilder *builder, const char *key, const char *text)
{
	JsonbValue value;

	push_key(builder, key);
	value.type = jbvNull;
	if (text != nullptr)
	{
		value.type = jbvString;
		value.val.string.val = const_cast<char *>(text);
		value.val.string.len = static_cast<int>(strlen(text));
	}
	pg::push_jsonb(builder, WJB_VALUE, &value);
}

void push_time(pg::JsonbBuilder *builder, const char *key, TimestampTz time)
{
	char text[MAXDATELEN + 1];

	JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, nullptr);
	push_text(builder, key, pstrdup(text));
}

void push_all(pg::JsonbBuilder *builder, Jsonb *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(&object->root);
	JsonbValue value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY || token == WJB_VALUE)
			pg::push_jsonb(builder, token, &value);
}

} // namespace

const char *event(const Source &source)
{
	const char *name = guc::trigger_event;

	if (is_empty(name))
		name = source.created ? "CREATED" : changed_key(source, "trigger_event");
	return name != nullptr ? name : "UNKNOWN";
}

int max_event_characters(Oid schema)
{
	Oid log = get_relname_relid("campaign_state_log", schema);
	HeapTuple tuple = OidIsValid(log) ? SearchSysCacheAttName(log, "trigger_event") : nullptr;

	if (!HeapTupleIsValid(tuple))
		return max_characters;
	Form_pg_attribute column = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
	int limit = columns::max_characters(column->atttypid, column->atttypmod);
	ReleaseSysCache(tuple);
	return limit < 0 ? max_characters : least(limit, max_characters);
}

Datum truncate(const char *event, int limit)
{
	int length = static_cast<int>(strlen(event));

	return PointerGetDatum(cstring_to_text_with_len(event, pg_mbcharcliplen(event, length, limit)));
}

// The keys of the extension are pushed last, because the last of equal keys wins.
Datum build(const Source &source, const char *event, int limit)
{
	pg::JsonbBuilder builder = {};
	Jsonb *object = call_metadata();
	char *session_user = GetUserNameFromId(GetSessionUserId(), true);

	pg::push_jsonb(&builder, WJB_BEGIN_OBJECT, nullptr);
	if (object != nullptr)
		push_all(&builder, object);
	if (source.created)
		push_text(&builder, "previous_updated_at", nullptr);
	else
		push_time(&builder, "previous_updated_at", source.old_updated_at);
	push_time(&builder, "new_updated_at", source.new_updated_at);
	push_text(&builder, "changed_by", author(source, object, session_user));
	push_text(&builder, "session_user", session_user);
	if (pg_mbstrlen(event) > limit)
		push_text(&builder, "trigger_event", event);
	pg::push_jsonb(&builder, WJB_END_OBJECT, nullptr);
	return JsonbPGetDatum(JsonbValueToJsonb(builder.result));
}

} // namespace state_log_metadata

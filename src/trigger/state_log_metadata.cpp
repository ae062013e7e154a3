// Fills in the log row's words. In order: the transaction's own settings, then a
// key of the campaign's metadata if this statement has changed it (a key left
// there by an earlier move says nothing about this one), then what is always
// known. Metadata may hold anything that jsonb can: whatever it is, it becomes
// text or is passed over, and the move goes on.
#include "trigger/state_log_metadata.hpp"

#include "guc.hpp"

namespace state_log_metadata {

namespace {

constexpr int max_characters = 50; // of an event in its column

bool is_empty(const char *text)
{
	return text == nullptr || text[0] == '\0';
}

// What ->> gives, but nullptr for an empty text as for none.
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

// Stored values are compared as they lie: equal bytes need no unpacking.
bool is_same_value(Datum a, Datum b)
{
	struct varlena *x = reinterpret_cast<struct varlena *>(DatumGetPointer(a));
	struct varlena *y = reinterpret_cast<struct varlena *>(DatumGetPointer(b));

	return x == y || (x != nullptr && y != nullptr && VARSIZE_ANY(x) == VARSIZE_ANY(y) && memcmp(x, y, VARSIZE_ANY(x)) == 0);
}

char *changed_key(const Source &source, const char *key)
{
	if (!source.created && is_same_value(source.metadata, source.old_metadata))
		return nullptr;
	char *now = key_text(source.metadata, key);
	if (now == nullptr || source.created)
		return now;
	char *before = key_text(source.old_metadata, key);
	return before != nullptr && strcmp(now, before) == 0 ? nullptr : now;
}

// The object that transition_campaign() was given, or nullptr.
Jsonb *given()
{
	if (is_empty(guc::log_metadata) || !pg::is_json(guc::log_metadata))
		return nullptr;
	Jsonb *object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(guc::log_metadata)));
	return JB_ROOT_IS_OBJECT(object) ? object : nullptr;
}

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

void push_key(JsonbParseState **state, const char *key)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = const_cast<char *>(key);
	value.val.string.len = static_cast<int>(strlen(key));
	pushJsonbValue(state, WJB_KEY, &value);
}

void push_text(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue value;

	push_key(state, key);
	value.type = jbvNull;
	if (text != nullptr)
	{
		value.type = jbvString;
		value.val.string.val = const_cast<char *>(text);
		value.val.string.len = static_cast<int>(strlen(text));
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}

void push_time(JsonbParseState **state, const char *key, TimestampTz time)
{
	char text[MAXDATELEN + 1];

	JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, nullptr);
	push_text(state, key, pstrdup(text));
}

void push_all(JsonbParseState **state, Jsonb *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(&object->root);
	JsonbValue value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY || token == WJB_VALUE)
			pushJsonbValue(state, token, &value);
}

} // namespace

const char *event(const Source &source)
{
	const char *name = guc::trigger_event;

	if (is_empty(name))
		name = source.created ? "CREATED" : changed_key(source, "trigger_event");
	return name != nullptr ? name : "UNKNOWN";
}

Datum cut(const char *event)
{
	int length = static_cast<int>(strlen(event));

	return PointerGetDatum(cstring_to_text_with_len(event, pg_mbcharcliplen(event, length, max_characters)));
}

// Of equal keys the last one pushed wins: ours.
Datum build(const Source &source, const char *event)
{
	JsonbParseState *state = nullptr;
	Jsonb *object = given();
	char *session_user = GetUserNameFromId(GetSessionUserId(), true);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
	if (object != nullptr)
		push_all(&state, object);
	if (source.created)
		push_text(&state, "previous_updated_at", nullptr);
	else
		push_time(&state, "previous_updated_at", source.old_updated_at);
	push_time(&state, "new_updated_at", source.new_updated_at);
	push_text(&state, "changed_by", author(source, object, session_user));
	push_text(&state, "session_user", session_user);
	if (pg_mbstrlen(event) > max_characters)
		push_text(&state, "trigger_event", event);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

} // namespace state_log_metadata

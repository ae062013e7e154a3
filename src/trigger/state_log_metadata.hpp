// Builds the trigger_event and metadata of a log row.
#ifndef CAMPAIGN_STATE_LOG_METADATA_HPP
#define CAMPAIGN_STATE_LOG_METADATA_HPP

#include "pg/compat.hpp"

namespace state_log_metadata {

// The written row as far as the log needs it. The metadata are those of the campaign, or 0.
struct Source
{
	Datum metadata;
	Datum old_metadata;
	bool created;
	TimestampTz old_updated_at;
	TimestampTz new_updated_at;
};

// Return the event that caused the state change.
const char *event(const Source &source);

// Return how many characters of an event the log of this schema keeps in its column.
int max_event_characters(Oid schema);

// Return the event as a text of at most `limit` characters.
Datum truncate(const char *event, int limit);

// Return the metadata, with the whole event if it has more than `limit` characters.
Datum build(const Source &source, const char *event, int limit);

} // namespace state_log_metadata

#endif

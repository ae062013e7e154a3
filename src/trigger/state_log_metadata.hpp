// Why a campaign has moved and who says so, as the log keeps it.
#ifndef CAMPAIGN_STATE_LOG_METADATA_HPP
#define CAMPAIGN_STATE_LOG_METADATA_HPP

#include "pg/compat.hpp"

namespace state_log_metadata {

// What is known of a move. The metadata are the campaign's, 0 for none.
struct Source
{
	Datum metadata;
	Datum old_metadata;
	bool created;
	TimestampTz old_updated_at;
	TimestampTz new_updated_at;
};

const char *event(const Source &source);

// A text that fits its column, and a jsonb that says all, in the current memory
// context.
Datum cut(const char *event);
Datum build(const Source &source, const char *event);

} // namespace state_log_metadata

#endif

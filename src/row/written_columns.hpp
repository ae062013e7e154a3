// The columns that batches give values for, in the order of the values. timer/apply.cpp and trigger/state_log.cpp write
// by these lists, and timer/prewarm.cpp reads by them, so that it reads what they will read.
#ifndef CAMPAIGN_WRITTEN_COLUMNS_HPP
#define CAMPAIGN_WRITTEN_COLUMNS_HPP

#include "row/row_writer.hpp"

namespace written_columns {

using row_writer::Column;

// Of a campaign that changes its state. The second is written only where a campaign starts.
constexpr Column state_change[] = {{"status", TEXTOID}, {"start_time", TIMESTAMPTZOID}};

// Of a timer that is completed.
constexpr Column completed_timer[] = {{"status", TEXTOID}, {"executed_at", TIMESTAMPTZOID}};

// Of a timer that a policy adds.
constexpr Column new_timer[] = {
	{"id", UUIDOID}, {"campaign_id", UUIDOID}, {"timer_type", TEXTOID}, {"scheduled_at", TIMESTAMPTZOID}, {"payload", JSONBOID},
};

// Of a row of timer_executions.
constexpr Column execution[] = {
	{"id", UUIDOID},
	{"timer_id", UUIDOID},
	{"status", TEXTOID},
	{"result", JSONBOID},
	{"started_at", TIMESTAMPTZOID},
	{"completed_at", TIMESTAMPTZOID},
	{"execution_time_ms", INT4OID},
};

// Of a row of campaign_metrics.
constexpr Column metric[] = {
	{"id", UUIDOID}, {"campaign_id", UUIDOID}, {"metric_type", TEXTOID}, {"value", NUMERICOID}, {"recorded_at", TIMESTAMPTZOID},
};

// Of a row of campaign_state_log.
constexpr Column log_entry[] = {
	{"id", UUIDOID},
	{"campaign_id", UUIDOID},
	{"from_state", TEXTOID},
	{"to_state", TEXTOID},
	{"trigger_event", TEXTOID},
	{"metadata", JSONBOID},
	{"created_at", TIMESTAMPTZOID},
};

} // namespace written_columns

#endif

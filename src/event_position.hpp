// Where an event stands in the stream of events. Positions follow the numbers of transactions, and campaign_events_since()
// reads what comes after one. docs/design.md says why nothing is skipped.
#ifndef CAMPAIGN_EVENT_POSITION_HPP
#define CAMPAIGN_EVENT_POSITION_HPP

#include "pg/spi_query.hpp"

namespace event_position {

// The end of what no transaction can add to any more.
struct Horizon
{
	uint32 tables;   // tells the tables of this database from others
	int64 scan_from; // milliseconds; rows of the transactions from `oldest` on have ids that are not older; 0: unknown
	uint64 oldest;   // every transaction before this one has ended
	uint64 next;     // the next transaction
};

// Return the horizon of a snapshot. The session is connected to SPI.
Horizon horizon_of(const spi_query::Schema *schema, Snapshot snapshot);

// Return the event id of an event that this transaction is about to send. The events of this transaction come after it,
// and so does all that other transactions commit later.
Datum event_id(const spi_query::Schema *schema);

} // namespace event_position

#endif

// Runs the timers that may have caused a crash of the server: those that a process had noted when it was lost.
#ifndef CAMPAIGN_SUSPECTS_HPP
#define CAMPAIGN_SUSPECTS_HPP

#include "timer/batch.hpp"

namespace suspects {

// Read the notes that the crash has left, and record a failed attempt of each timer that ran alone then. Note the other timers, and remove
// the notes that were read. Return an error or nullptr; after an error the notes are there for another call.
ErrorData *collect();

// The same in a client's transaction, which is connected to SPI and acts as the owner. Return how many attempts were recorded. The notes stay
// until finish(), because the transaction may be rolled back.
int collect_for_client(spi_query::Schema *schema, TimestampTz as_of);

// Return whether suspects are left to be run.
bool are_left();

// Return whether the notes name all timers that may have caused the crash.
bool are_all_known();

// Run some suspects in one transaction, each in a subtransaction. They are run again if the transaction fails.
batch::BatchResult run_some();
batch::BatchResult run_some_for_client(spi_query::Schema *schema, TimestampTz as_of, int limit);

// Forget them.
void finish();

} // namespace suspects

#endif

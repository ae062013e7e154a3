// A worker's place in shared memory: taken, described, left.
#ifndef CAMPAIGN_POST_HPP
#define CAMPAIGN_POST_HPP

#include "pg.hpp"
#include "shared.hpp"

namespace post {

constexpr const char *worker_type = "campaign_lifecycle worker";

// What the launcher hands to a worker, beside the number of its post.
struct Ticket
{
	uint32 number;
};

// Takes the post, or ends the process if the launcher has given it up.
void take(int index, uint32 ticket);

shared::Station *station();
Oid database();
int number();

void show(shared::Activity activity);
void show_error(const ErrorData *error);

// The worker has found the extension: this database is worth workers.
void confirm();

[[noreturn]] void leave(shared::Farewell reason);

} // namespace post

#endif

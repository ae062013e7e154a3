// A failing batch is split until the timers that fail stand alone.
#include "tap.hpp"
#include "timer/splitting.hpp"

using tap::is;
using tap::ok;

namespace {

constexpr int max_timers = 1000;

enum class Fault
{
	none,
	failure,        // of the timer
	transient,      // a lock
	server_problem, // out of memory: transient, too
};

struct Batch
{
	Fault faults[max_timers];
	int outcome[max_timers]; // 1: executed, 2: recorded as failed
	int tried;
	int most_tried; // then time is up
	int left;
	int server_problems;

	const Fault *try_part(int first, int count)
	{
		tried++;
		for (int i = first; i < first + count; i++)
			if (faults[i] != Fault::none)
				return &faults[i];
		for (int i = first; i < first + count; i++)
			outcome[i] += 1;
		server_problems = 0;
		return nullptr;
	}
	void record_failure(int first, const Fault *) { outcome[first] += 2; }
	void leave_unattempted(int count) { left += count; }
	bool is_transient(const Fault *fault) const { return *fault != Fault::failure; }
	bool is_server_problem(const Fault *fault) const { return *fault == Fault::server_problem; }
	int count_server_problem() { return ++server_problems; }
	bool is_out_of_time() const { return most_tried > 0 && tried >= most_tried; }
};

Batch fresh()
{
	Batch batch = {};

	return batch;
}

int count_of(const Batch &batch, int outcome)
{
	int count = 0;

	for (int i = 0; i < max_timers; i++)
		count += batch.outcome[i] == outcome;
	return count;
}

void settle(Batch *batch, int count)
{
	for (int i = 0; i < count; i++)
		if (batch->faults[i] != Fault::none)
		{
			splitting::split_or_record(batch, 0, count, const_cast<const Fault *>(&batch->faults[i]));
			return;
		}
}

} // namespace

void isolate_tests()
{
	Batch batch = fresh();

	batch.faults[777] = Fault::failure;
	settle(&batch, max_timers);
	is(count_of(batch, 1), 999, "all timers but the one that fails are executed, once each");
	is(batch.outcome[777], 2, "and that one is a failed attempt");
	ok(batch.tried <= 4 * 5, "in a number of parts that grows with the logarithm of the batch");

	batch = fresh();
	batch.faults[0] = batch.faults[500] = batch.faults[999] = Fault::failure;
	batch.faults[250] = Fault::transient;
	settle(&batch, max_timers);
	is(count_of(batch, 1), 996, "with four faults the others are executed");
	is(count_of(batch, 2), 3, "three are failed attempts");
	is(batch.left, 1, "and one that met a lock is left without an attempt");

	batch = fresh();
	batch.faults[0] = Fault::failure;
	settle(&batch, 1);
	is(batch.outcome[0], 2, "one timer alone that fails is a failed attempt");
	is(batch.tried, 0, "and is not tried twice");

	batch = fresh();
	for (Fault &fault : batch.faults)
		fault = Fault::server_problem;
	settle(&batch, max_timers);
	is(batch.left, max_timers, "if every part runs out of memory, all timers are left");
	ok(batch.tried <= 200, "without trying each of them");

	batch = fresh();
	batch.faults[10] = Fault::server_problem;
	settle(&batch, max_timers);
	is(count_of(batch, 1), 999, "if one timer alone runs out of memory, all others are executed");
	is(batch.left, 1, "and it is left");

	batch = fresh();
	for (int i = 0; i < max_timers; i += 10)
		batch.faults[i] = Fault::server_problem;
	settle(&batch, max_timers);
	is(count_of(batch, 1), 900, "if a tenth of the timers run out of memory, all others are executed");
	is(batch.left, 100, "and these are left");

	batch = fresh();
	for (int i = 0; i < max_timers; i += 10)
		batch.faults[i] = Fault::failure;
	batch.most_tried = 20;
	settle(&batch, max_timers);
	is(count_of(batch, 1) + count_of(batch, 2) + batch.left, max_timers,
	   "when time is up every timer is executed, failed or left");
	ok(batch.left > 0 && batch.tried <= 20 + 3 * 5, "and few more parts are tried");
}

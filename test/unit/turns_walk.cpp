// Random walks: more databases than processes, with a model of launcher and workers that decides as they do. The seed is fixed, and
// UNIT_SEED in the environment replaces it.
#include "tap.hpp"
#include "worker/database_choice.hpp"

#include <cstdlib>

using namespace database_choice;
using tap::ok;

namespace {

constexpr int64 ms = USECS_PER_SEC / 1000;
constexpr int64 tick_us = 5 * ms;
constexpr int64 start_us = 60 * ms; // from the start of a process to its first scan
constexpr int64 exit_us = 10 * ms;
constexpr int64 batch_us = 20 * ms;
constexpr int64 long_batch_us = 300 * ms; // of a database that is busy all the time
constexpr int64 visit_us = 600 * USECS_PER_SEC;
constexpr int max_databases = 400;

struct Load
{
	const char *name;
	int databases;
	int places;
	int always_busy;
	int64 interval_us; // between timers of a database, on average
	int commits;       // one in so many timers is due when it is committed
	int seconds;
	int64 most_late_us; // one in a thousand may be later
	int64 never_later_us;
};

enum class State
{
	absent,
	starting,
	idle,
	working,
	exiting,
};

struct Model
{
	State state;
	bool always_busy;
	bool must_leave;
	TimestampTz until; // of starting, working, exiting
	TimestampTz turn_since;
	TimestampTz due;       // of the next timer
	TimestampTz published; // the due time that the launcher sees
	bool is_secret;        // the timer is committed when it is due
	TimestampTz asked_at;
	TimestampTz left_at;
	TimestampTz worked_at;
};

struct Walk
{
	const Load *load;
	Model databases[max_databases];
	TimestampTz now;
	int places_wanted;
	int64 timers;
	int64 late;
	int64 latest_us;
	int64 starts;
	int64 longest_pause_us; // of a database that is busy all the time
};

uint64 seed;

uint64 next_random()
{
	// splitmix64, by its published constants
	uint64 z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int64 below(int64 limit)
{
	return static_cast<int64>(next_random() % static_cast<uint64>(limit));
}

void plan_timer(Walk *walk, Model *model)
{
	model->due = walk->now + below(2 * walk->load->interval_us);
	model->is_secret = walk->load->commits > 0 && below(walk->load->commits) == 0;
}

TimestampTz known_due(const Model &model)
{
	return model.is_secret ? DT_NOEND : model.due;
}

void leave(Walk *walk, Model *model)
{
	model->published = model->always_busy ? walk->now : known_due(*model);
	model->state = State::exiting;
	model->until = walk->now + exit_us;
	model->must_leave = false;
}

void begin_work(Walk *walk, Model *model)
{
	if (model->turn_since == DT_NOEND)
		model->turn_since = walk->now;
	model->state = State::working;
	model->until = walk->now + (model->always_busy ? long_batch_us : batch_us);
	if (model->always_busy)
	{
		walk->longest_pause_us = greatest(walk->longest_pause_us, walk->now - model->worked_at);
		model->worked_at = model->until;
		return;
	}
	int64 late = walk->now - model->due;
	walk->timers++;
	walk->late += late > walk->load->most_late_us ? 1 : 0;
	walk->latest_us = greatest(walk->latest_us, late);
	plan_timer(walk, model);
}

bool has_work(const Walk *walk, const Model &model)
{
	return model.always_busy || model.due <= walk->now;
}

// Between two steps, as worker_turn.cpp.
void go_on(Walk *walk, Model *model)
{
	TimestampTz needed = known_due(*model);

	if (model->must_leave && is_turn_over(model->turn_since, walk->now))
		return leave(walk, model);
	if (has_work(walk, *model))
	{
		model->must_leave = false;
		return begin_work(walk, model);
	}
	if (model->must_leave && leaves(true, needed, model->turn_since, walk->now))
		return leave(walk, model);
	model->must_leave = false;
	if (gives_way(needed, walk->now) && walk->places_wanted > 0)
	{
		walk->places_wanted--;
		return leave(walk, model);
	}
	model->state = State::idle;
	if (gives_way(needed, walk->now))
		model->turn_since = DT_NOEND;
}

void run_worker(Walk *walk, Model *model)
{
	bool is_over = walk->now >= model->until;

	if (model->state == State::idle || ((model->state == State::starting || model->state == State::working) && is_over))
		go_on(walk, model);
	if (model->state == State::exiting && is_over)
	{
		model->state = State::absent;
		model->left_at = walk->now;
	}
	// A commit lowers the published time.
	if (model->is_secret && model->due <= walk->now)
	{
		model->is_secret = false;
		model->published = least(model->published, model->due);
	}
}

Place place_of(const Model &model)
{
	return {model.must_leave || model.state == State::exiting,
			false,
			false,
			model.state == State::idle,
			known_due(model),
			model.turn_since};
}

// Start whom the launcher would start, and return since when the others need a process.
int start_workers(Walk *walk, TimestampTz *needy)
{
	int live = 0;
	int count = 0;
	bool tried[max_databases] = {};

	for (int i = 0; i < walk->load->databases; i++)
		live += walk->databases[i].state != State::absent ? 1 : 0;
	for (;;)
	{
		Model *first = nullptr;
		TimestampTz first_at = walk->now;

		for (int i = 0; i < walk->load->databases; i++)
		{
			Model *model = &walk->databases[i];
			TimestampTz at = start_at({model->published, model->asked_at, model->left_at}, visit_us);

			if (model->state != State::absent || tried[i] || at > first_at)
				continue;
			first = model;
			first_at = at;
		}
		if (first == nullptr)
			return count;
		tried[first - walk->databases] = true;
		if (live >= walk->load->places)
		{
			needy[count++] = first_at;
			continue;
		}
		live++;
		walk->starts++;
		first->state = State::starting;
		first->until = walk->now + start_us;
		first->turn_since = walk->now;
		first->asked_at = DT_NOEND;
		first->must_leave = false;
	}
}

void run_launcher(Walk *walk)
{
	TimestampTz needy[max_databases];
	Place places[max_databases];
	int of[max_databases];
	int count = start_workers(walk, needy);
	int live = 0;
	int served = 0;

	for (int i = 0; i < walk->load->databases; i++)
	{
		if (walk->databases[i].state == State::absent)
			continue;
		places[live] = place_of(walk->databases[i]);
		served += places[live].is_leaving ? 1 : 0;
		of[live++] = i;
	}
	while (served < count)
	{
		int chosen = choose_place(places, live, needy[served], walk->now);

		if (chosen < 0)
			break;
		places[chosen].is_leaving = true;
		walk->databases[of[chosen]].must_leave = true;
		served++;
	}
	walk->places_wanted = greatest(count - served, 0);
}

void run(Walk *walk, const Load &load)
{
	*walk = {};
	walk->load = &load;
	walk->now = 1000 * USECS_PER_SEC;
	for (int i = 0; i < load.databases; i++)
	{
		Model *model = &walk->databases[i];

		model->always_busy = i < load.always_busy;
		model->turn_since = DT_NOEND;
		model->published = DT_NOBEGIN;
		model->asked_at = walk->now;
		model->left_at = walk->now;
		model->worked_at = walk->now;
		plan_timer(walk, model);
		// The server starts before the first timers are due.
		model->due += load.databases * (start_us + exit_us) / load.places + 2 * USECS_PER_SEC;
	}
	for (TimestampTz end = walk->now + load.seconds * USECS_PER_SEC; walk->now < end; walk->now += tick_us)
	{
		for (int i = 0; i < load.databases; i++)
			run_worker(walk, &walk->databases[i]);
		run_launcher(walk);
	}
}

void check(const Load &load)
{
	static Walk walk;
	char name[200];

	run(&walk, load);
	std::snprintf(name, sizeof(name), "%s: of %lld timers 1 in 1000 is later than %lld ms, and none than %lld ms", load.name,
				  static_cast<long long>(walk.timers), static_cast<long long>(load.most_late_us / ms),
				  static_cast<long long>(load.never_later_us / ms));
	if (!ok(walk.timers > 0 && walk.late * 1000 <= walk.timers && walk.latest_us <= load.never_later_us, name))
		std::printf("#   %lld later, the latest by %lld ms\n", static_cast<long long>(walk.late),
					static_cast<long long>(walk.latest_us / ms));
	int64 turns = load.always_busy * load.seconds * USECS_PER_SEC / turn_us;
	std::snprintf(name, sizeof(name), "%s: no more processes start than there are timers and turns", load.name);
	if (!ok(walk.starts <= load.databases + walk.timers + turns, name))
		std::printf("#   %lld starts\n", static_cast<long long>(walk.starts));
	if (load.always_busy == 0)
		return;
	std::snprintf(name, sizeof(name), "%s: those that are busy wait for 3 s at most", load.name);
	if (!ok(walk.longest_pause_us <= 3 * USECS_PER_SEC, name))
		std::printf("#   %lld ms\n", static_cast<long long>(walk.longest_pause_us / ms));
}

constexpr Load loads[] = {
	{"40 databases, 6 processes, a timer in 20 s", 40, 6, 0, 20 * USECS_PER_SEC, 0, 600, 50 * ms, 250 * ms},
	{"the same, half of them committed when they are due", 40, 6, 0, 20 * USECS_PER_SEC, 2, 600, 250 * ms, 500 * ms},
	{"the same, beside 3 databases that are busy", 43, 6, 3, 20 * USECS_PER_SEC, 2, 600, 500 * ms, 1000 * ms},
	{"12 databases, 6 processes, 7 of them busy", 12, 6, 7, 20 * USECS_PER_SEC, 2, 600, 2000 * ms, 3000 * ms},
	{"12 databases, 2 processes, 1 of them busy", 12, 2, 1, 20 * USECS_PER_SEC, 2, 600, 1000 * ms, 2000 * ms},
	{"12 databases, 1 process", 12, 1, 0, 20 * USECS_PER_SEC, 0, 600, 2000 * ms, 4000 * ms},
	{"12 databases, 6 processes, a timer a second", 12, 6, 0, USECS_PER_SEC, 0, 200, 1000 * ms, 2000 * ms},
	{"300 databases, 6 processes, a timer in 5 minutes", 300, 6, 0, 300 * USECS_PER_SEC, 3, 600, 250 * ms, 500 * ms},
};

} // namespace

void turn_walks()
{
	const char *given = std::getenv("UNIT_SEED");

	seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 14;
	for (const Load &load : loads)
		check(load);
}

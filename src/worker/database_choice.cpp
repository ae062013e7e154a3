// The choice among databases that wait and among workers that could leave.
#include "worker/database_choice.hpp"

namespace database_choice {

namespace {

// How good a choice a worker is. A better one leaves before a worse one.
enum class Rank
{
	stays,
	has_had_its_turn, // it works, or will within moments
	sleeps,           // and will not need its process soon
	is_further,       // likewise, and its database has another worker
};

Rank rank_of(const Place &place, bool is_late, TimestampTz now)
{
	if (place.is_leaving || place.must_stay)
		return Rank::stays;
	if (place.sleeps && place.is_further)
		return Rank::is_further;
	if (place.sleeps && (gives_way(place.needed_at, now) || (is_late && place.needed_at > now + lead_us)))
		return Rank::sleeps;
	return is_late && is_turn_over(place.turn_since, now) ? Rank::has_had_its_turn : Rank::stays;
}

// Among workers that sleep, the one that sleeps longest leaves. Among those that work, the one that has worked longest does.
bool is_better(Rank rank, const Place &place, Rank than_rank, const Place &than)
{
	if (rank != than_rank)
		return rank > than_rank;
	return rank == Rank::has_had_its_turn ? place.turn_since < than.turn_since : place.needed_at > than.needed_at;
}

} // namespace

TimestampTz start_at(const Waiting &waiting, int64 visit_us)
{
	TimestampTz due = waiting.due == DT_NOBEGIN ? DT_NOBEGIN : waiting.due - lead_us;

	return least(least(waiting.asked_at, waiting.left_at + visit_us), greatest(due, waiting.left_at));
}

int64 lateness(const Waiting &waiting, TimestampTz now)
{
	TimestampTz needed_at = greatest(waiting.due, waiting.left_at);
	TimestampTz since =
		waiting.due == DT_NOBEGIN && waiting.asked_at != DT_NOEND ? waiting.asked_at : least(waiting.asked_at, needed_at);

	return since < now ? now - since : 0;
}

int choose_place(const Place *places, int count, TimestampTz start_at, TimestampTz now)
{
	bool is_late = now - start_at >= patience_us;
	Rank best_rank = Rank::stays;
	int best = -1;

	for (int i = 0; i < count; i++)
	{
		Rank rank = rank_of(places[i], is_late, now);

		if (rank == Rank::stays || (best >= 0 && !is_better(rank, places[i], best_rank, places[best])))
			continue;
		best = i;
		best_rank = rank;
	}
	return best;
}

} // namespace database_choice

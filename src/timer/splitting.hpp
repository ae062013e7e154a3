// Splits a failing batch into parts, and decides when to give up. Pure, because the caller says how a part is run, so
// that it is tested without a server.
#ifndef CAMPAIGN_SPLITTING_HPP
#define CAMPAIGN_SPLITTING_HPP

namespace splitting {

constexpr int parts = 4;

// Splitting goes on after so many problems of the server, because the trigger of one timer may raise such an error too.
constexpr int max_server_problems = 32;

// Split timers that have failed together, or record the failure of one that has failed alone. Leave them unattempted if
// splitting cannot help. Parts knows timers by their index and has these functions:
//   Error *try_part(first, count)      runs a part, and returns its error or nullptr;
//   void record_failure(first, Error)  records a failed attempt of one timer;
//   void leave_unattempted(count)      leaves timers to be tried again soon;
//   bool is_transient(Error)           returns whether the error says nothing about the timer;
//   bool is_server_problem(Error)      returns whether smaller parts would fail too;
//   bool is_out_of_time();
//   int count_server_problem()         counts a problem of the server, and returns how many came in a row.
template <typename Parts, typename Error> void split_or_record(Parts *timers, int first, int count, const Error *error)
{
	bool transient = timers->is_transient(error);

	if (count == 1 && !transient)
	{
		timers->record_failure(first, error);
		return;
	}
	if (count == 1 || (timers->is_server_problem(error) && timers->count_server_problem() > max_server_problems) ||
		timers->is_out_of_time())
	{
		timers->leave_unattempted(count);
		return;
	}
	int size = (count + parts - 1) / parts;
	for (int start = 0; start < count; start += size)
	{
		int part = count - start < size ? count - start : size;
		const Error *failure = timers->try_part(first + start, part);

		if (failure != nullptr)
			split_or_record(timers, first + start, part, failure);
	}
}

} // namespace splitting

#endif

// Which parts of a failing batch are tried, and when to give up. Pure: what a part does is the caller's, so that it is tested without
// a server.
#ifndef CAMPAIGN_SPLITTING_HPP
#define CAMPAIGN_SPLITTING_HPP

namespace splitting {

constexpr int parts = 4;

// So many hopeless errors are believed: enough to find some timers that raise such an error by themselves.
constexpr int max_hopeless = 32;

// Work knows timers by their index and has these functions:
//   Error *try_part(first, count)      runs a part, and returns its error or nullptr
//   void record_failure(first, Error)  records a failed attempt of one timer
//   void leave(count)                  leaves timers for later
//   bool is_transient(Error)           the error says nothing about the timer
//   bool is_hopeless(Error)            smaller parts would fail the same way, unless one timer alone raises it
//   bool is_out_of_time()
//   int count_hopeless()               counts one more hopeless error, and returns how many have come
template <typename Work, typename Error> void settle(Work *work, int first, int count, const Error *error)
{
	bool transient = work->is_transient(error);

	if (count == 1 && !transient)
	{
		work->record_failure(first, error);
		return;
	}
	if (count == 1 || (work->is_hopeless(error) && work->count_hopeless() > max_hopeless) || work->is_out_of_time())
	{
		work->leave(count);
		return;
	}
	int size = (count + parts - 1) / parts;
	for (int start = 0; start < count; start += size)
	{
		int part = count - start < size ? count - start : size;
		const Error *failure = work->try_part(first + start, part);

		if (failure != nullptr)
			settle(work, first + start, part, failure);
	}
}

} // namespace splitting

#endif

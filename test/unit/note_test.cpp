// The notes of timers at work: which are believed after a crash, and what they say.
#include "tap.hpp"
#include "timer/note_format.hpp"

using namespace note_format;
using tap::is;
using tap::ok;

namespace {

constexpr Reader reader = {4711, 16384, 1000};

uint64 sum_of_list(const char *ids, int count)
{
	return add_to_sum(empty_sum, ids, static_cast<std::size_t>(count) * id_length);
}

Header sealed(Header header)
{
	header.header_sum = sum_of(header);
	return header;
}

// A note of three timers, all of them at work as a set.
Header batch_of_three(const char *ids)
{
	Header header = {};

	header.magic = magic;
	header.system_identifier = reader.system_identifier;
	header.database = reader.database;
	header.wal_position = reader.last_checkpoint;
	header.count = 3;
	header.length = 3;
	header.list_sum = sum_of_list(ids, 3);
	return sealed(header);
}

Header idle()
{
	Header header = {};

	header.magic = magic;
	header.system_identifier = reader.system_identifier;
	header.database = reader.database;
	return sealed(header);
}

void belief_tests()
{
	const char ids[49] = "0123456789abcdefFEDCBA9876543210ghijklmnopqrstuv";
	const Header batch = batch_of_three(ids);
	uint64 sum = sum_of_list(ids, 3);
	Header header = batch;

	ok(judge(batch, sum, reader) == Verdict::suspects, "a whole note of this database names suspects");
	ok(judge(batch, sum_of_list(ids, 2), reader) == Verdict::not_believed, "a note whose list is torn is not believed");
	ok(judge({}, 0, reader) == Verdict::not_believed, "nor a file that is empty");
	header.count = 2;
	ok(judge(header, sum_of_list(ids, 2), reader) == Verdict::not_believed, "nor one whose header is torn");
	header.first = 2;
	ok(judge(sealed(header), sum, reader) == Verdict::not_believed, "nor one in which more timers are at work than are listed");
	header = batch;
	header.database++;
	ok(judge(sealed(header), sum, reader) == Verdict::not_believed, "nor one of another database");
	header = batch;
	header.system_identifier++;
	ok(judge(sealed(header), sum, reader) == Verdict::not_believed, "nor one of another server");
	header = batch;
	header.wal_position--;
	ok(judge(sealed(header), sum, reader) == Verdict::not_believed, "nor one that is older than the last checkpoint");
	ok(judge(sealed(header), sum, {reader.system_identifier, reader.database, 0}) == Verdict::suspects,
	   "unless that checkpoint is not known");
	ok(judge(idle(), empty_sum, reader) == Verdict::idle, "a note without timers is believed at any age");

	for (int i = 0; i < static_cast<int>(sizeof(Header)) - 8; i++)
	{
		header = batch;
		reinterpret_cast<char *>(&header)[i] ^= 1;
		if (judge(header, sum, reader) != Verdict::not_believed)
			ok(false, "a bit that has changed in the header is noticed");
	}
	ok(sum_of_list(ids, 3) != sum_of_list("FEDCBA98765432100123456789abcdefghijklmnopqrstuv", 3),
	   "the checksum depends on the order of the timers");
}

void guilt_tests()
{
	Header header = idle();

	header.count = 3;
	header.length = 1;
	ok(!is_guilty(header), "a timer that is the only one of its batch is a suspect");
	header.alone = 1;
	ok(is_guilty(header), "a timer that ran alone is guilty");
	header.length = 0;
	ok(!is_guilty(header), "no suspect is guilty while none is at work");
	header.length = 2;
	ok(!is_guilty(header), "nor while several are committed together");
}

void summary_tests()
{
	Summary summary = {};
	Header header = idle();

	ok(!is_complete(summary), "where no note is left, any timer may have caused the crash");
	add_to_summary(&summary, header, Verdict::idle);
	ok(is_complete(summary), "where every process was idle, no timer has");
	header.count = 100;
	header.length = 100;
	add_to_summary(&summary, header, Verdict::suspects);
	ok(is_complete(summary), "where a batch is noted, one of its timers has");
	is(together(summary), 60, "these run one by one, 60 in a transaction");
	header.alone = 1;
	header.length = 1;
	add_to_summary(&summary, header, Verdict::suspects);
	is(together(summary), 60, "also after a crash in one that ran alone");
	header.length = 60;
	add_to_summary(&summary, header, Verdict::suspects);
	is(together(summary), 1, "after a crash at the commit of several, each has a transaction of its own");
	add_to_summary(&summary, header, Verdict::not_believed);
	ok(!is_complete(summary), "where one note is not believed, any timer may have caused the crash");
}

} // namespace

void note_tests()
{
	belief_tests();
	guilt_tests();
	summary_tests();
}

// Runs the tests that need no server, each file's in the order below.
#include "tap.hpp"

void worker_schedule_tests();
void worker_schedule_walks();
void state_machine_tests();
void uuid_tests();
void isolate_tests();
void launcher_tests();
void note_tests();
void turn_walks();

int main()
{
	worker_schedule_tests();
	worker_schedule_walks();
	state_machine_tests();
	uuid_tests();
	isolate_tests();
	launcher_tests();
	note_tests();
	turn_walks();
	return tap::done();
}

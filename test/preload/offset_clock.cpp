// A clock for servers under test, preloaded: the real one and an offset in seconds, that stands as 8 bytes in the file that OFFSET_CLOCK names.
// The file is mapped once, so that a change of it holds at once for every process. (libfaketime leaves a process with the real clock that
// was forked in a signal handler during select(), and that is how the postmaster of PostgreSQL 15 starts background workers.)
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

const volatile int64_t *offset;

__attribute__((constructor)) void map_offset()
{
	const char *path = getenv("OFFSET_CLOCK");
	int file = path != nullptr ? open(path, O_RDONLY) : -1;

	if (file < 0)
		return;
	void *mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
	if (mapped != MAP_FAILED)
		offset = static_cast<const volatile int64_t *>(mapped);
	close(file);
}

} // namespace

extern "C" int clock_gettime(clockid_t clock, struct timespec *now) noexcept
{
	long result = syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && offset != nullptr && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *offset;
	return static_cast<int>(result);
}

extern "C" int gettimeofday(struct timeval *now, void *) noexcept
{
	struct timespec precise;
	int result = clock_gettime(CLOCK_REALTIME, &precise);

	if (now != nullptr)
		*now = {precise.tv_sec, precise.tv_nsec / 1000};
	return result;
}

extern "C" time_t time(time_t *now) noexcept
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now != nullptr)
		*now = precise.tv_sec;
	return precise.tv_sec;
}

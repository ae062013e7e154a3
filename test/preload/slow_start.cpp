// A machine on which a background worker takes its time to start, preloaded into a server under test: while the file that SLOW_START names
// exists, a process that is about to ignore SIGHUP stops there, and says so by a file of that name with .reached at its end. It is the server
// that sets this for every background worker before the worker's own code runs, and a reload that is signalled earlier is lost.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

extern "C" int sigaction(int signal, const struct sigaction *action, struct sigaction *before) noexcept
{
	using Function = int (*)(int, const struct sigaction *, struct sigaction *);
	static Function next = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "sigaction"));
	const char *path = getenv("SLOW_START");
	const struct timespec moment = {0, 10000000};
	char reached[4096];

	if (signal == SIGHUP && action != nullptr && action->sa_handler == SIG_IGN && path != nullptr && access(path, F_OK) == 0)
	{
		snprintf(reached, sizeof(reached), "%s.reached", path);
		close(open(reached, O_CREAT | O_WRONLY, 0600));
		while (access(path, F_OK) == 0)
			nanosleep(&moment, nullptr);
	}
	return next(signal, action, before);
}

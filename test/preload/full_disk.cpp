// A disk without room, preloaded into a server under test: while the file that FULL_DISK names exists, no file of a database grows, and a process
// that tries gets ENOSPC. Existing blocks can be read and written. WAL has room, because without it no server goes on.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

template <typename F> F next(const char *name)
{
	return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

bool has_room(int file, off_t end)
{
	const char *path = getenv("FULL_DISK");
	char link[64];
	char name[4096];
	struct stat present;

	if (path == nullptr || access(path, F_OK) != 0)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	ssize_t length = readlink(link, name, sizeof(name) - 1);
	if (length < 0 || fstat(file, &present) != 0)
		return true;
	name[length] = '\0';
	return strstr(name, "/base/") == nullptr || end <= present.st_size;
}

off_t length_of(const struct iovec *parts, int count)
{
	off_t length = 0;

	for (int i = 0; i < count; i++)
		length += static_cast<off_t>(parts[i].iov_len);
	return length;
}

} // namespace

extern "C" ssize_t pwrite(int file, const void *from, size_t size, off_t at)
{
	static auto original = next<ssize_t (*)(int, const void *, size_t, off_t)>("pwrite");

	if (has_room(file, at + static_cast<off_t>(size)))
		return original(file, from, size, at);
	errno = ENOSPC;
	return -1;
}

extern "C" ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
	static auto original = next<ssize_t (*)(int, const struct iovec *, int, off_t)>("pwritev");

	if (has_room(file, at + length_of(parts, count)))
		return original(file, parts, count, at);
	errno = ENOSPC;
	return -1;
}

extern "C" int posix_fallocate(int file, off_t at, off_t size)
{
	static auto original = next<int (*)(int, off_t, off_t)>("posix_fallocate");

	return has_room(file, at + size) ? original(file, at, size) : ENOSPC;
}

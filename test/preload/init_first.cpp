// Preloaded beside AddressSanitizer, and initialised before all other libraries (-z initfirst): its first malloc makes AddressSanitizer ready. Else
// that comes within the malloc of some library's initialiser: of p11-kit, say, which the server brings along, in the midst of newlocale(). There
// AddressSanitizer asks for an error message in the language of a locale whose lock is held, and the server hangs before it has begun.
#include <cstdlib>

__attribute__((constructor)) static void begin()
{
	free(malloc(1));
}

// _in_transaction_block(): what SQL has no way to ask. A procedure that commits can
// so say clearly, before it does anything, that it may not.
#include "pg.hpp"

SQL_FUNCTION(_in_transaction_block)
{
	(void) fcinfo;
	return BoolGetDatum(IsTransactionBlock());
}

// SQL functions around the claim. Tests lock rows with a claim and count what it reads; benchmarks measure it.
#include "extension.hpp"
#include "pg/xact.hpp"
#include "timer/claim.hpp"
#include "timer/single_timer.hpp"

namespace {

void refuse_null(FunctionCallInfo fcinfo, int count)
{
	for (int i = 0; i < count; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("times and number of timers must not be null"));
}

} // namespace

SQL_FUNCTION(_claim_batch)
{
	refuse_null(fcinfo, 3);
	InitMaterializedSRF(fcinfo, 0);
	ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	MemoryContext result_cxt = CurrentMemoryContext;
	ArrayType *only = PG_ARGISNULL(3) ? nullptr : PG_GETARG_ARRAYTYPE_P(3);
	int most = PG_GETARG_INT32(2);

	if (most < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of timers must not be negative: %d", most));
	SPI_connect();
	claim::Claim claimed =
		claim::lock_due(extension::current_schema(), PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TIMESTAMPTZ(1), most, only, result_cxt);
	SPI_finish();
	for (int i = 0; i < claimed.count; i++)
	{
		const claim::Timer *timer = &claimed.timers[i];
		Datum values[] = {
			UUIDPGetDatum(&timer->id),
			PointerGetDatum(&timer->tid),
			UUIDPGetDatum(&timer->campaign),
			PointerGetDatum(&timer->campaign_tid),
			timer->type,
			timer->state,
			TimestampTzGetDatum(timer->scheduled_at),
			BoolGetDatum(timer->by_policy),
			BoolGetDatum(timer->retried),
		};
		bool nulls[lengthof(values)] = {};

		if (result->setDesc->natts != lengthof(values))
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("function _claim_batch returns another row type"),
					errhint("Run ALTER EXTENSION campaign_lifecycle UPDATE."));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return static_cast<Datum>(0);
}

SQL_FUNCTION(_next_due)
{
	refuse_null(fcinfo, 1);
	SPI_connect();
	TimestampTz due = claim::next_due(extension::current_schema(), PG_GETARG_TIMESTAMPTZ(0));
	SPI_finish();
	if (due == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(due);
}

SQL_FUNCTION(_marked_due)
{
	refuse_null(fcinfo, 2);
	SPI_connect();
	bool due = single_timer::is_due(extension::current_schema(), PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TIMESTAMPTZ(1));
	SPI_finish();
	PG_RETURN_BOOL(due);
}

// Tell whether a procedure that commits may run here; SQL has no way to ask.
SQL_FUNCTION(_in_transaction_block)
{
	(void) fcinfo;
	return BoolGetDatum(IsTransactionBlock());
}

// Run a GRANT of the user's from a script of the extension. Such a script makes every change of privileges a part of the extension,
// which pg_dump leaves out. ALTER EXTENSION UPDATE and CREATE EXTENSION over adopted tables grant what the tables' owner and the levels
// of access need, and dumps must result_cxt that.
SQL_FUNCTION(_run_outside_script)
{
	bool in_script = creating_extension;
	char *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));

	SPI_connect();
	int result = 0;
	// The caller may catch an ERROR and go on with the script.
	ErrorData *error = xact::run_subxact([&] {
		creating_extension = false;
		result = SPI_execute(statement, false, 0);
	});
	creating_extension = in_script;
	if (error != nullptr)
		ReThrowError(error);
	if (result != SPI_OK_UTILITY)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("not a utility statement: %s", statement));
	SPI_finish();
	PG_RETURN_VOID();
}

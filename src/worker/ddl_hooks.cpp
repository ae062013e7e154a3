// Hooks for DDL. DROP, RENAME, SET TABLESPACE and copying of a database fail while anyone is connected to it. Its workers are therefore
// terminated first, and started again when the transaction has ended. The object access hook sees extensions come and go, also by DROP
// SCHEMA CASCADE and DROP OWNED. All of this runs in a user's session. It adds one error, to a COPY that would fail anyway.
#include "worker/ddl_hooks.hpp"

#include "extension.hpp"
#include "timer/left_notes.hpp"
#include "worker/shmem.hpp"
#include "worker/wakeup.hpp"

namespace ddl_hooks {

namespace {

ProcessUtility_hook_type next_utility_hook;
object_access_hook_type next_object_access_hook;

// The duties of this transaction at its end.
bool blocks = false;
bool databases_change = false;

const char *text_option(List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *option = static_cast<DefElem *>(lfirst(cell));

		if (strcmp(option->defname, name) == 0 && option->arg != nullptr && IsA(option->arg, String))
			return strVal(option->arg);
	}
	return nullptr;
}

// Return the database that a statement needs for itself.
const char *database_wanted(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return reinterpret_cast<DropdbStmt *>(statement)->dbname;
		case T_RenameStmt:
			if (reinterpret_cast<RenameStmt *>(statement)->renameType == OBJECT_DATABASE)
				return reinterpret_cast<RenameStmt *>(statement)->subname;
			return nullptr;
		case T_AlterDatabaseStmt:
			if (text_option(reinterpret_cast<AlterDatabaseStmt *>(statement)->options, "tablespace") != nullptr)
				return reinterpret_cast<AlterDatabaseStmt *>(statement)->dbname;
			return nullptr;
		case T_CreatedbStmt:
			return text_option(reinterpret_cast<CreatedbStmt *>(statement)->options, "template");
		default:
			return nullptr;
	}
}

bool is_database_statement(Node *statement)
{
	return IsA(statement, DropdbStmt) || IsA(statement, RenameStmt) || IsA(statement, AlterDatabaseStmt) ||
		   IsA(statement, CreatedbStmt);
}

// Return the database whose workers are to be terminated. Only the role that may run the statement terminates them.
Oid database_to_block(Node *statement)
{
	const char *name = database_wanted(statement);

	if (name == nullptr || !IsTransactionState())
		return InvalidOid;
	Oid database = get_database_oid(name, true);
	if (!OidIsValid(database) || !pg::owns_database(database, GetUserId()))
		return InvalidOid;
	return database;
}

// Refuse the default rows of a data-only dump where CREATE EXTENSION has made the same ones. COPY would raise an error that does not say
// what to do, and triggers are disabled. A script of pg_dump sets row_security to off.
void refuse_rows_of_dump(const CopyStmt *copy)
{
	if (!copy->is_from || copy->relation == nullptr || row_security || !IsTransactionState())
		return;
	const char *table = copy->relation->relname;
	if (strcmp(table, "campaign_state_transitions") != 0 && strcmp(table, "campaign_timer_policies") != 0 &&
		strcmp(table, "campaign_maintenance_jobs") != 0)
		return;
	Oid schema = extension::schema_oid();
	Oid relation = RangeVarGetRelid(copy->relation, NoLock, true);
	if (!OidIsValid(schema) || !OidIsValid(relation) || get_rel_namespace(relation) != schema ||
		!extension::is_filled(schema, table))
		return;
	const char *name = quote_identifier(get_namespace_name(schema));
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("table \"%s\" has rows already, and those of a dump cannot be added", table),
			errhint("Before a data-only restore, run TRUNCATE %s.campaign_state_transitions, %s.campaign_timer_policies, "
					"%s.campaign_maintenance_jobs, %s.campaign_tables_version; which empties what CREATE EXTENSION has filled.",
					name, name, name, name));
}

// Return the schema of the extension if a statement drops the extension, else InvalidOid.
Oid schema_to_leave(Node *statement)
{
	ListCell *cell;

	if (!IsA(statement, DropStmt) || reinterpret_cast<DropStmt *>(statement)->removeType != OBJECT_EXTENSION ||
		!IsTransactionState())
		return InvalidOid;
	foreach (cell, reinterpret_cast<DropStmt *>(statement)->objects)
		if (strcmp(strVal(lfirst(cell)), extension::name) == 0)
			return extension::schema_oid();
	return InvalidOid;
}

// Say that DROP EXTENSION has left the tables, and how to remove them. uninstall_campaign_tables() is gone with the extension.
void report_tables_left(Oid schema)
{
	char *name = get_namespace_name(schema);

	if (name == nullptr || !OidIsValid(get_relname_relid("campaign_timers", schema)))
		return;
	const char *quoted = quote_identifier(name);
	ereport(NOTICE, errmsg("the campaign tables stay in schema \"%s\", with their data", name),
			errhint("CREATE EXTENSION %s SCHEMA %s adopts them. To remove them, run after it: SELECT "
					"%s.uninstall_campaign_tables(); DROP EXTENSION %s;",
					extension::name, quoted, quoted, extension::name));
}

void on_utility(PlannedStmt *statement, const char *query, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	Node *tree = statement->utilityStmt;
	bool commits_prepared =
		IsA(tree, TransactionStmt) && reinterpret_cast<TransactionStmt *>(tree)->kind == TRANS_STMT_COMMIT_PREPARED;
	bool on_database = shmem::memory != nullptr && is_database_statement(tree);
	Oid blocked = on_database ? database_to_block(tree) : InvalidOid;

	Oid left = schema_to_leave(tree);

	if (IsA(tree, CopyStmt))
		refuse_rows_of_dump(reinterpret_cast<CopyStmt *>(tree));
	databases_change = databases_change || on_database;
	if (OidIsValid(blocked))
	{
		shmem::block(blocked);
		blocks = true;
	}
	if (next_utility_hook != nullptr)
		next_utility_hook(statement, query, read_only_tree, context, parameters, environment, receiver, completion);
	else
		standard_ProcessUtility(statement, query, read_only_tree, context, parameters, environment, receiver, completion);
	if (OidIsValid(left))
		report_tables_left(left);
	// A crash may have left some.
	if (OidIsValid(blocked) && IsA(tree, DropdbStmt))
		left_notes::remove_all(blocked);
	if (commits_prepared)
	{
		// The prepared transaction's timers are unknown here.
		wakeup::wake_all();
		shmem::wake_launcher(MyDatabaseId);
	}
}

void on_transaction_end(XactEvent event, void *) noexcept
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	// The launcher must not find a dropped database unblocked in a list that it takes for the present one.
	if (databases_change)
		shmem::note_databases_changed();
	if (blocks)
		shmem::unblock();
	blocks = false;
	databases_change = false;
}

// Note a change of extensions. A new extension cannot be seen yet at this point, so any one counts.
void on_object_access(ObjectAccessType access, Oid class_id, Oid object, int part, void *argument)
{
	if (next_object_access_hook != nullptr)
		next_object_access_hook(access, class_id, object, part, argument);
	if (class_id != ExtensionRelationId)
		return;
	if (access == OAT_POST_CREATE)
		wakeup::note_change();
	else if (access == OAT_DROP)
	{
		char *name = get_extension_name(object);

		if (name != nullptr && strcmp(name, extension::name) == 0)
			wakeup::note_change();
	}
}

} // namespace

void install_hooks()
{
	next_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	next_object_access_hook = object_access_hook;
	object_access_hook = on_object_access;
	RegisterXactCallback(on_transaction_end, nullptr);
}

} // namespace ddl_hooks

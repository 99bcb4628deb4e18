/*
 * guard_install.c
 *	  Putting the guard on tables, and on those that come under them later.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/spi.h"
#include "disposition/guard.h"
#include "retention/book.h"

PG_FUNCTION_INFO_V1(custodian_keep_guarded);

/* Is there a trigger of this name on the relation? */
static bool
has_trigger(Oid relid, const char *name)
{
	return OidIsValid(get_trigger_oid(relid, name, true));
}

/* Is the trigger ENABLE ALWAYS? */
static bool
fires_always(Oid relid, const char *name)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		always;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_arg_text(&args, name);
	always = cust_sql_one("SELECT FROM pg_trigger WHERE tgrelid = $1 AND tgname = $2 "
						  "AND tgenabled = 'A'", &args);
	SPI_finish();
	cust_leave(&me);
	return always;
}

/* Run one DDL statement as custodian. */
static void
ddl(const char *sql)
{
	CustIdentity me;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_sql(sql, NULL, SPI_OK_UTILITY);
	SPI_finish();
	cust_leave(&me);
}

/*
 * cust_guard_install
 *		Put the guard on a table and on what inherits from it.
 *
 * Row triggers of a partitioned table are cloned to its partitions, also to
 * later ones; inheritance children and TRUNCATE triggers are not cloned, so
 * every relation below gets its own.  Called again, it adds what is missing and
 * switches on what was switched off.
 */
void
cust_guard_install(Oid relid)
{
	List	   *below = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *cell;

	foreach(cell, below)
	{
		Oid			member = lfirst_oid(cell);
		char	   *name = cust_relation_name(member);
		char		kind = get_rel_relkind(member);

		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			continue;
		if (!has_trigger(member, CUST_GUARD_ROW_TRIGGER))
			ddl(psprintf("CREATE TRIGGER " CUST_GUARD_ROW_TRIGGER
						 " AFTER DELETE OR UPDATE ON %s FOR EACH ROW "
						 "EXECUTE FUNCTION custodian.guard_row()", name));
		if (!fires_always(member, CUST_GUARD_ROW_TRIGGER))
			ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER " CUST_GUARD_ROW_TRIGGER, name));
		if (!has_trigger(member, CUST_GUARD_TRUNCATE_TRIGGER))
			ddl(psprintf("CREATE TRIGGER " CUST_GUARD_TRUNCATE_TRIGGER
						 " BEFORE TRUNCATE ON %s FOR EACH STATEMENT "
						 "EXECUTE FUNCTION custodian.guard_truncate()", name));
		if (!fires_always(member, CUST_GUARD_TRUNCATE_TRIGGER))
			ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER "
						 CUST_GUARD_TRUNCATE_TRIGGER, name));
	}
}

/* Take the guard off a table and what inherits from it. */
void
cust_guard_remove(Oid relid)
{
	List	   *below = find_all_inheritors(relid, AccessExclusiveLock, NULL);
	ListCell   *cell;

	foreach(cell, below)
	{
		char	   *name = cust_relation_name(lfirst_oid(cell));

		if (has_trigger(lfirst_oid(cell), CUST_GUARD_TRUNCATE_TRIGGER))
			ddl(psprintf("DROP TRIGGER " CUST_GUARD_TRUNCATE_TRIGGER " ON %s", name));
		if (!get_rel_relispartition(lfirst_oid(cell)) &&
			has_trigger(lfirst_oid(cell), CUST_GUARD_ROW_TRIGGER))
			ddl(psprintf("DROP TRIGGER " CUST_GUARD_ROW_TRIGGER " ON %s", name));
	}
}

/* Relations that a DDL command made or changed, in the current context. */
static List *
changed_relations(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *result = NIL;
	CustIdentity me;
	uint64		n;
	MemoryContext old;

	cust_enter_custodian(&me);
	SPI_connect();
	/* of ALTER TABLE ... ATTACH PARTITION the command names the parent */
	n = cust_sql("SELECT DISTINCT t.relid FROM pg_event_trigger_ddl_commands() c, "
				 "LATERAL (SELECT c.objid AS relid UNION SELECT inhrelid FROM pg_inherits "
				 "WHERE inhparent = c.objid) t "
				 "WHERE c.classid = 'pg_class'::regclass AND c.object_type = 'table' "
				 "AND NOT c.in_extension", NULL, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
		result = lappend_oid(result, cust_oid(i, 1));
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return result;
}

/*
 * brings_child
 *		Does the command put a table under another one?
 *
 * Other commands change nothing about who is guarded; a restore that adds
 * constraints and triggers one by one must not find ours there before its own.
 */
static bool
brings_child(Node *command)
{
	ListCell   *cell;

	if (IsA(command, CreateStmt))
		return castNode(CreateStmt, command)->partbound != NULL ||
			castNode(CreateStmt, command)->inhRelations != NIL;
	if (!IsA(command, AlterTableStmt))
		return false;
	foreach(cell, castNode(AlterTableStmt, command)->cmds)
	{
		AlterTableCmd *sub = lfirst_node(AlterTableCmd, cell);

		if (sub->subtype == AT_AttachPartition || sub->subtype == AT_AddInherit)
			return true;
	}
	return false;
}

/*
 * keep_guarded()
 *		Event trigger on ddl_command_end of CREATE TABLE and ALTER TABLE: a new
 *		partition or inheritance child of a guarded table gets the guard.
 *
 * Nothing happens for any other table.
 */
Datum
custodian_keep_guarded(PG_FUNCTION_ARGS)
{
	static bool busy = false;	/* our own DDL gets here too */
	ListCell   *cell;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as an event trigger",
						"custodian.keep_guarded")));
	if (busy || !brings_child(((EventTriggerData *) fcinfo->context)->parsetree))
		PG_RETURN_NULL();
	busy = true;
	PG_TRY();
	{
		foreach(cell, changed_relations())
		{
			Oid			adopted = cust_relation_exists(lfirst_oid(cell)) ?
				cust_adopted_relation(lfirst_oid(cell)) : InvalidOid;

			if (OidIsValid(adopted) && adopted != lfirst_oid(cell) &&
				has_trigger(adopted, CUST_GUARD_ROW_TRIGGER))
				cust_guard_install(adopted);
		}
	}
	PG_FINALLY();
	{
		busy = false;
	}
	PG_END_TRY();
	PG_RETURN_NULL();
}

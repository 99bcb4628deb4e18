/*
 * duty.c
 *	  Rights by duty.
 *
 * The extension makes no roles, which belong to the whole cluster; it grants
 * the rights of a duty to roles that the site has.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"

PG_FUNCTION_INFO_V1(custodian_grant_duty);

/* What a duty may call and read; lists of names, separated by commas. */
typedef struct Duty
{
	const char *name;
	const char *routines;
	const char *relations;		/* "*": all tables and views */
} Duty;

static const Duty duties[] = {
	{"application",
		"open_contract,end_contract,reopen_contract,plan,explain,today",
	""},
	{"operator",
		"run,plan,plan_due,plan_digest,explain,pause,resume,schedule,unschedule,today,current_setting",
	"adoption,run_progress"},
	{"officer",
		"adopt,adopt_tree,change_adoption,add_record_class,release,set_technique,"
		"create_record_class,set_custody_basis,create_rule,set_rule_mode,load_law_pack,"
		"set_contract_term,track_contracts,untrack_contracts,hold,release_hold,configure,"
		"current_setting,today,plan,plan_due,plan_digest,explain,confirm_return",
		"adoption,run_progress,adopted,adopted_class,record_class,rule,contract_source,"
	"contract_term,hold,technique,setting,law_pack_class,law_pack_rule"},
	{"auditor",
		"verify,row_digest,manifest_contains,plan,plan_due,plan_digest,explain,today,current_setting",
	"*"},
};

/* Run the GRANT statements that a query makes; $1 names the duty's objects. */
static void
grant_each(const char *query, const char *names, const char *grantee)
{
	CustArgs	args = {0};
	uint64		n;
	char	  **objects;

	cust_arg_text(&args, names);
	n = cust_sql(query, &args, SPI_OK_SELECT);
	objects = palloc(sizeof(char *) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		objects[i] = cust_str(i, 1);
	for (uint64 i = 0; i < n; i++)
		cust_sql(psprintf("GRANT %s TO %s", objects[i], grantee), NULL, SPI_OK_UTILITY);
}

/*
 * grant_duty(role regrole, duty text)
 */
Datum
custodian_grant_duty(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const Duty *duty = NULL;
	const char *grantee;
	CustIdentity me;
	CustEvent  *event;

	cust_prevent_read_only("custodian.grant_duty()");
	for (int i = 0; i < lengthof(duties); i++)
		if (strcmp(duties[i].name, name) == 0)
			duty = &duties[i];
	if (duty == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown duty \"%s\"", name),
				 errhint("It is one of: application, operator, officer, auditor.")));
	grantee = quote_identifier(GetUserNameFromId(role, false));

	cust_enter_custodian(&me);
	SPI_connect();
	grant_each("SELECT format('EXECUTE ON ROUTINE %s', p.oid::regprocedure) "
			   "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
			   "WHERE n.nspname = 'custodian' "
			   "AND p.proname = ANY (string_to_array($1, ',')) ORDER BY 1",
			   duty->routines, grantee);
	grant_each("SELECT format('SELECT ON TABLE %s', c.oid::regclass) "
			   "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
			   "WHERE n.nspname = 'custodian' AND c.relkind IN ('r', 'v') "
			   "AND (c.relname = ANY (string_to_array($1, ',')) OR $1 = '*' "
			   "AND c.relname <> 'client_secret') ORDER BY 1",
			   duty->relations, grantee);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("grant_duty");
	cust_event_name(event, "role", GetUserNameFromId(role, false));
	cust_event_name(event, "duty", name);
	cust_event_write(event);
	PG_RETURN_VOID();
}

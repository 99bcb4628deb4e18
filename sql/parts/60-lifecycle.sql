/*
 * Adoption, runs and their schedule.
 */
CREATE FUNCTION custodian.adopt(relation regclass, client text DEFAULT NULL,
	via text DEFAULT NULL, dated_by text DEFAULT NULL,
	event_at text DEFAULT NULL, record_class text DEFAULT NULL,
	rule text DEFAULT NULL, fiscal_year_start text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_adopt'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.adopt(regclass, text, text, text, text, text,
	text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.adopt(regclass, text, text, text, text, text,
	text, text) IS
	'take a table into custody: its rows belong to a client by column(s) or via foreign-key column(s)';

CREATE FUNCTION custodian.change_adoption(relation regclass,
	dated_by text DEFAULT NULL, event_at text DEFAULT NULL,
	record_class text DEFAULT NULL, rule text DEFAULT NULL,
	fiscal_year_start text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_change_adoption'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.change_adoption(regclass, text, text, text,
	text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.change_adoption(regclass, text, text, text,
	text, text) IS
	'change how an adopted table is dated and classed; NULL leaves as it is';

CREATE FUNCTION custodian.add_record_class(relation regclass,
	record_class text, predicate text, rule text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_add_record_class'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.add_record_class(regclass, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.add_record_class(regclass, text, text, text) IS
	'rows of the adopted table for which the predicate holds belong to another record class';

CREATE FUNCTION custodian.release(relation regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_release'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.release(regclass) FROM PUBLIC;
COMMENT ON FUNCTION custodian.release(regclass) IS
	'undo adopt(): take guard and configuration off the table; its rows stay';

CREATE FUNCTION custodian.adopt_tree(root regclass, preview boolean DEFAULT false,
	OUT depth integer, OUT relation regclass, OUT client text, OUT via text,
	OUT parent regclass, OUT status text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'custodian_adopt_tree'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.adopt_tree(regclass, boolean) FROM PUBLIC;
COMMENT ON FUNCTION custodian.adopt_tree(regclass, boolean) IS
	'adopt the client table and every table that its foreign keys lead to; preview shows without adopting';

CREATE VIEW custodian.adoption WITH (security_barrier) AS
	SELECT a.relation, c.position, c.record_class, r.title, r.basis,
		c.predicate, c.rule, a.client_columns, a.via_columns, a.dated_by,
		a.event_at, a.fiscal_year_start
	FROM custodian.adopted AS a
		JOIN custodian.adopted_class AS c
			ON c.relation OPERATOR(pg_catalog.=) a.relation
		JOIN custodian.record_class AS r
			ON r.record_class OPERATOR(pg_catalog.=) c.record_class;
REVOKE ALL ON custodian.adoption FROM PUBLIC;
COMMENT ON VIEW custodian.adoption IS 'adopted tables with their record classes';

CREATE VIEW custodian.run_progress WITH (security_barrier) AS
	SELECT l.run_no, l.pid, l.run_by,
		CASE WHEN l.state OPERATOR(pg_catalog.<>) 'running' THEN l.state
			WHEN EXISTS (SELECT FROM pg_catalog.pg_locks AS k
						 WHERE k.locktype OPERATOR(pg_catalog.=) 'advisory'
							AND k.database OPERATOR(pg_catalog.=)
								(SELECT d.oid FROM pg_catalog.pg_database AS d
								 WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
							AND k.classid OPERATOR(pg_catalog.=) 1129665364::pg_catalog.oid
							AND k.objid OPERATOR(pg_catalog.=) (l.run_no)::pg_catalog.oid
							AND k.objsubid OPERATOR(pg_catalog.=) 3)
				THEN 'running'
			ELSE 'cut off' END AS state,
		l.started_at, l.updated_at, l.finished_at, l.clients, l.clients_done,
		l.relation, l.batches, l.rows_destroyed, l.rows_anonymized,
		l.restrictions, l.problems, l.last_problem
	FROM custodian.run_log AS l;
REVOKE ALL ON custodian.run_progress FROM PUBLIC;
COMMENT ON VIEW custodian.run_progress IS
	'runs and how far they are; a run that lost its process shows as cut off, and the next one goes on where it stopped';

/*
 * A procedure that commits must have no SET clause and must not be SECURITY
 * DEFINER; every statement inside pins its own identity and search_path.
 */
CREATE PROCEDURE custodian.run(client text DEFAULT NULL,
	batch_rows integer DEFAULT 200000, max_rows bigint DEFAULT NULL,
	max_time interval DEFAULT NULL, lock_timeout interval DEFAULT '5 seconds',
	plan_digest text DEFAULT NULL, dry_run boolean DEFAULT false)
AS 'MODULE_PATHNAME', 'custodian_run'
LANGUAGE C;
REVOKE ALL ON PROCEDURE custodian.run(text, integer, bigint, interval,
	interval, text, boolean) FROM PUBLIC;
COMMENT ON PROCEDURE custodian.run(text, integer, bigint, interval,
	interval, text, boolean) IS
	'carry out what is due, in committed batches; the call that a pg_cron job makes';

CREATE FUNCTION custodian.schedule(cron text DEFAULT '30 2 * * *')
RETURNS bigint
AS 'MODULE_PATHNAME', 'custodian_schedule'
LANGUAGE C VOLATILE STRICT;
REVOKE ALL ON FUNCTION custodian.schedule(text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.schedule(text) IS
	'have pg_cron call custodian.run() at these times; returns the job''s number';

CREATE FUNCTION custodian.unschedule()
RETURNS boolean
AS 'MODULE_PATHNAME', 'custodian_unschedule'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.unschedule() FROM PUBLIC;
COMMENT ON FUNCTION custodian.unschedule() IS
	'remove the pg_cron job made by schedule(); false where there is none';

CREATE FUNCTION custodian.grant_duty(role regrole, duty text)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_grant_duty'
LANGUAGE C VOLATILE STRICT;
REVOKE ALL ON FUNCTION custodian.grant_duty(regrole, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.grant_duty(regrole, text) IS
	'grant a role the rights of a duty: application, operator, officer, auditor';

/*
 * Record classes, retention rules, law packs, adopted tables, holds.
 */
CREATE TABLE custodian.record_class
(
	record_class text PRIMARY KEY CHECK (record_class <> ''),
	title text,
	basis text CHECK (basis IN ('entrusted', 'appointed', 'own')),
	pack text
);
REVOKE ALL ON custodian.record_class FROM PUBLIC;
COMMENT ON TABLE custodian.record_class IS
	'kinds of records; rows of adopted tables belong to one each';
COMMENT ON COLUMN custodian.record_class.record_class IS 'name of the class';
COMMENT ON COLUMN custodian.record_class.title IS 'name for people';
COMMENT ON COLUMN custodian.record_class.basis IS
	'custody basis (entrusted, appointed, own); NULL: undecided, nothing is destroyed';
COMMENT ON COLUMN custodian.record_class.pack IS 'law pack that brought it';
SELECT pg_extension_config_dump('custodian.record_class', '');

CREATE TABLE custodian.rule
(
	rule text NOT NULL CHECK (rule <> ''),
	version integer NOT NULL CHECK (version > 0),
	record_class text,
	basis text NOT NULL CHECK (basis IN ('entrusted', 'appointed', 'own')),
	anchor text NOT NULL CHECK (anchor IN ('contract_end', 'fiscal_year_end',
										   'row_date', 'event', 'permanent')),
	minimum interval,
	maximum interval,
	ends_on_return boolean NOT NULL DEFAULT false,
	disposition text NOT NULL
		CHECK (disposition IN ('keep', 'restrict', 'return', 'anonymize', 'destroy')),
	mode text NOT NULL DEFAULT 'draft'
		CHECK (mode IN ('draft', 'governance', 'compliance')),
	guard text NOT NULL DEFAULT 'delete'
		CHECK (guard IN ('none', 'delete', 'update')),
	legal_basis text NOT NULL CHECK (legal_basis <> ''),
	article text,
	effective_from date NOT NULL,
	effective_to date,
	pack text,
	PRIMARY KEY (rule, version),
	CHECK (anchor = 'permanent' OR minimum IS NOT NULL),
	CHECK (effective_to IS NULL OR effective_to >= effective_from)
);
REVOKE ALL ON custodian.rule FROM PUBLIC;
COMMENT ON TABLE custodian.rule IS 'retention rules, every version of them';
COMMENT ON COLUMN custodian.rule.rule IS 'name of the rule';
COMMENT ON COLUMN custodian.rule.version IS 'version, counted from 1';
COMMENT ON COLUMN custodian.rule.record_class IS 'class it applies to; NULL: every class of the basis';
COMMENT ON COLUMN custodian.rule.basis IS 'custody basis under which it applies';
COMMENT ON COLUMN custodian.rule.anchor IS 'event from which the periods count';
COMMENT ON COLUMN custodian.rule.minimum IS 'how long a row must be kept, from the day after the anchor';
COMMENT ON COLUMN custodian.rule.maximum IS 'how long a row may be kept; NULL: no limit';
COMMENT ON COLUMN custodian.rule.ends_on_return IS 'the minimum ends when the return to the client is confirmed';
COMMENT ON COLUMN custodian.rule.disposition IS 'what happens to a row after its last retained day';
COMMENT ON COLUMN custodian.rule.mode IS 'draft: reports only; governance; compliance';
COMMENT ON COLUMN custodian.rule.guard IS 'what the guard refuses before that day: none, delete, update (and delete)';
COMMENT ON COLUMN custodian.rule.legal_basis IS 'law or contract that it stands on';
COMMENT ON COLUMN custodian.rule.article IS 'article of that law';
COMMENT ON COLUMN custodian.rule.effective_from IS 'first day on which this version is in force';
COMMENT ON COLUMN custodian.rule.effective_to IS 'first day on which it is no longer in force; NULL: still is';
COMMENT ON COLUMN custodian.rule.pack IS 'law pack that brought it';
CREATE INDEX rule_record_class ON custodian.rule (record_class);
SELECT pg_extension_config_dump('custodian.rule', '');

CREATE TABLE custodian.contract_term
(
	contract_no bigint NOT NULL,
	record_class text NOT NULL,
	basis text CHECK (basis IN ('entrusted', 'appointed', 'own')),
	minimum interval,
	maximum interval,
	PRIMARY KEY (contract_no, record_class)
);
REVOKE ALL ON custodian.contract_term FROM PUBLIC;
COMMENT ON TABLE custodian.contract_term IS
	'what a contract says otherwise: custody basis, longer minimum, shorter maximum';
COMMENT ON COLUMN custodian.contract_term.contract_no IS 'the contract';
COMMENT ON COLUMN custodian.contract_term.record_class IS 'the class of records';
COMMENT ON COLUMN custodian.contract_term.basis IS 'custody basis in place of the class''s own';
COMMENT ON COLUMN custodian.contract_term.minimum IS 'longer minimum, from the rule''s anchor';
COMMENT ON COLUMN custodian.contract_term.maximum IS 'shorter maximum, from the rule''s anchor';
SELECT pg_extension_config_dump('custodian.contract_term', '');

CREATE TABLE custodian.adopted
(
	relation regclass PRIMARY KEY,
	client_columns name[],
	via_columns name[],
	dated_by name,
	event_at name,
	fiscal_year_start text
		CHECK (fiscal_year_start ~ '^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$'),
	CHECK ((client_columns IS NULL) <> (via_columns IS NULL))
);
REVOKE ALL ON custodian.adopted FROM PUBLIC;
COMMENT ON TABLE custodian.adopted IS 'tables that custodian looks after';
COMMENT ON COLUMN custodian.adopted.relation IS 'the table';
COMMENT ON COLUMN custodian.adopted.client_columns IS 'its columns with the client''s key';
COMMENT ON COLUMN custodian.adopted.via_columns IS 'or its foreign-key columns towards an adopted table';
COMMENT ON COLUMN custodian.adopted.dated_by IS 'column with the row''s date';
COMMENT ON COLUMN custodian.adopted.event_at IS 'column with the date of the event that rules with anchor event wait for';
COMMENT ON COLUMN custodian.adopted.fiscal_year_start IS 'first day of the fiscal year, MM-DD; NULL: the setting';
SELECT pg_extension_config_dump('custodian.adopted', '');

CREATE TABLE custodian.adopted_class
(
	relation regclass NOT NULL,
	position integer NOT NULL,
	record_class text NOT NULL,
	predicate text,
	rule text,
	PRIMARY KEY (relation, position)
);
REVOKE ALL ON custodian.adopted_class FROM PUBLIC;
COMMENT ON TABLE custodian.adopted_class IS
	'record classes of an adopted table; the first whose predicate holds takes the row';
COMMENT ON COLUMN custodian.adopted_class.relation IS 'the adopted table';
COMMENT ON COLUMN custodian.adopted_class.position IS 'order in which predicates are tried; 0 has none and comes last';
COMMENT ON COLUMN custodian.adopted_class.record_class IS 'the class';
COMMENT ON COLUMN custodian.adopted_class.predicate IS 'condition on the row t; NULL: all that are left';
COMMENT ON COLUMN custodian.adopted_class.rule IS 'rule that applies in addition to those of the class';
SELECT pg_extension_config_dump('custodian.adopted_class', '');

CREATE TABLE custodian.hold
(
	hold_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	matter text NOT NULL CHECK (matter <> ''),
	client_no bigint,
	relation regclass,
	record_class text,
	reason text,
	placed_by name NOT NULL DEFAULT session_user,
	placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	released_by name,
	released_at timestamptz,
	release_reason text
);
REVOKE ALL ON custodian.hold FROM PUBLIC;
COMMENT ON TABLE custodian.hold IS 'legal holds, standing and released';
COMMENT ON COLUMN custodian.hold.hold_no IS 'number of the hold';
COMMENT ON COLUMN custodian.hold.matter IS 'matter it belongs to';
COMMENT ON COLUMN custodian.hold.client_no IS 'client it is limited to';
COMMENT ON COLUMN custodian.hold.relation IS 'table it is limited to';
COMMENT ON COLUMN custodian.hold.record_class IS 'record class it is limited to';
COMMENT ON COLUMN custodian.hold.reason IS 'why it was placed';
COMMENT ON COLUMN custodian.hold.placed_by IS 'role that placed it';
COMMENT ON COLUMN custodian.hold.placed_at IS 'when';
COMMENT ON COLUMN custodian.hold.released_by IS 'role that released it';
COMMENT ON COLUMN custodian.hold.released_at IS 'when; NULL while it stands';
COMMENT ON COLUMN custodian.hold.release_reason IS 'why it was released';
CREATE INDEX hold_standing ON custodian.hold (client_no) WHERE released_at IS NULL;
SELECT pg_extension_config_dump('custodian.hold', '');
SELECT pg_extension_config_dump('custodian.hold_hold_no_seq', '');

/*
 * Law packs: law as data.  The shipped rows are part of the extension and
 * come anew with each version of it; load_law_pack() copies them to
 * custodian.record_class and custodian.rule, where a site may review them.
 */
CREATE TABLE custodian.law_pack_class
(
	pack text NOT NULL,
	record_class text NOT NULL,
	title text NOT NULL,
	basis text NOT NULL,
	PRIMARY KEY (pack, record_class)
);
REVOKE ALL ON custodian.law_pack_class FROM PUBLIC;
COMMENT ON TABLE custodian.law_pack_class IS 'record classes of the shipped law packs';
COMMENT ON COLUMN custodian.law_pack_class.pack IS 'the law pack';
COMMENT ON COLUMN custodian.law_pack_class.record_class IS 'name of the class';
COMMENT ON COLUMN custodian.law_pack_class.title IS 'name for people';
COMMENT ON COLUMN custodian.law_pack_class.basis IS 'custody basis unless a contract says otherwise';

CREATE TABLE custodian.law_pack_rule
(
	pack text NOT NULL,
	rule text NOT NULL,
	record_class text,
	basis text NOT NULL,
	anchor text NOT NULL,
	minimum interval,
	maximum interval,
	ends_on_return boolean NOT NULL,
	disposition text NOT NULL,
	guard text NOT NULL,
	legal_basis text NOT NULL,
	article text NOT NULL,
	effective_from date NOT NULL,
	PRIMARY KEY (pack, rule)
);
REVOKE ALL ON custodian.law_pack_rule FROM PUBLIC;
COMMENT ON TABLE custodian.law_pack_rule IS 'rules of the shipped law packs; columns as in custodian.rule';
COMMENT ON COLUMN custodian.law_pack_rule.pack IS 'the law pack';
COMMENT ON COLUMN custodian.law_pack_rule.rule IS 'name of the rule';
COMMENT ON COLUMN custodian.law_pack_rule.record_class IS 'class it applies to; NULL: every class of the basis';
COMMENT ON COLUMN custodian.law_pack_rule.basis IS 'custody basis under which it applies';
COMMENT ON COLUMN custodian.law_pack_rule.anchor IS 'event from which the periods count';
COMMENT ON COLUMN custodian.law_pack_rule.minimum IS 'how long a row must be kept';
COMMENT ON COLUMN custodian.law_pack_rule.maximum IS 'how long a row may be kept; NULL: no limit';
COMMENT ON COLUMN custodian.law_pack_rule.ends_on_return IS 'the minimum ends when the return is confirmed';
COMMENT ON COLUMN custodian.law_pack_rule.disposition IS 'what happens after the last retained day';
COMMENT ON COLUMN custodian.law_pack_rule.guard IS 'what the guard refuses before';
COMMENT ON COLUMN custodian.law_pack_rule.legal_basis IS 'the law';
COMMENT ON COLUMN custodian.law_pack_rule.article IS 'its article';
COMMENT ON COLUMN custodian.law_pack_rule.effective_from IS 'day on which it came into force';

CREATE FUNCTION custodian.create_record_class(record_class text,
	title text DEFAULT NULL, basis text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_create_record_class'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.create_record_class(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.create_record_class(text, text, text) IS
	'make a record class; without a custody basis nothing of it is destroyed';

CREATE FUNCTION custodian.set_custody_basis(record_class text, basis text)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_set_custody_basis'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.set_custody_basis(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.set_custody_basis(text, text) IS
	'change the custody basis (entrusted, appointed, own; NULL: undecided) of a record class';

CREATE FUNCTION custodian.create_rule(rule text, record_class text, basis text,
	anchor text, minimum interval, legal_basis text,
	maximum interval DEFAULT NULL, disposition text DEFAULT 'destroy',
	article text DEFAULT NULL, ends_on_return boolean DEFAULT false,
	guard text DEFAULT 'delete', mode text DEFAULT 'draft',
	effective_from date DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'custodian_create_rule'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.create_rule(text, text, text, text, interval,
	text, interval, text, text, boolean, text, text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.create_rule(text, text, text, text, interval,
	text, interval, text, text, boolean, text, text, date) IS
	'make a retention rule, or the next version of one; returns the version';

CREATE FUNCTION custodian.set_rule_mode(rule text, mode text)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_set_rule_mode'
LANGUAGE C VOLATILE STRICT;
REVOKE ALL ON FUNCTION custodian.set_rule_mode(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.set_rule_mode(text, text) IS
	'tighten the mode of a rule: draft, governance, compliance';

CREATE FUNCTION custodian.load_law_pack(pack text, mode text DEFAULT 'draft')
RETURNS integer
AS 'MODULE_PATHNAME', 'custodian_load_law_pack'
LANGUAGE C VOLATILE STRICT;
REVOKE ALL ON FUNCTION custodian.load_law_pack(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.load_law_pack(text, text) IS
	'copy the record classes and rules of a shipped law pack; returns the number of rules that are new or changed';

CREATE FUNCTION custodian.set_contract_term(contract text, record_class text,
	basis text DEFAULT NULL, minimum interval DEFAULT NULL,
	maximum interval DEFAULT NULL, source regclass DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_set_contract_term'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.set_contract_term(text, text, text, interval,
	interval, regclass) FROM PUBLIC;
COMMENT ON FUNCTION custodian.set_contract_term(text, text, text, interval,
	interval, regclass) IS
	'what a contract says otherwise for a record class: custody basis, longer minimum, shorter maximum';

CREATE FUNCTION custodian.hold(matter text, client text DEFAULT NULL,
	relation regclass DEFAULT NULL, record_class text DEFAULT NULL,
	reason text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'custodian_hold'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.hold(text, text, regclass, text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.hold(text, text, regclass, text, text) IS
	'place a legal hold on a client, a table, a record class or what they have in common; returns its number';

CREATE FUNCTION custodian.release_hold(hold_no bigint, reason text)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_release_hold'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.release_hold(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.release_hold(bigint, text) IS
	'release a legal hold, with the reason';

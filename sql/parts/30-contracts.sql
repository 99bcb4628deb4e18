/*
 * Clients, contracts and what is known of them.
 *
 * A client is known by client_key, the text form of the key in the
 * application's tables (an array literal where the key has several columns).
 * Everything else, the audit too, refers to the client by client_no, which
 * says nothing about anybody.
 */
CREATE TABLE custodian.client
(
	client_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	client_key text NOT NULL UNIQUE,
	contract_end date,
	open_contracts integer NOT NULL DEFAULT 0,
	returned_on date
);
REVOKE ALL ON custodian.client FROM PUBLIC;
COMMENT ON TABLE custodian.client IS
	'clients known from contracts, and the facts that retention rules look at';
COMMENT ON COLUMN custodian.client.client_no IS 'number that stands for the client in the audit';
COMMENT ON COLUMN custodian.client.client_key IS 'key in the application''s tables, as text';
COMMENT ON COLUMN custodian.client.contract_end IS
	'end of the latest contract; NULL while any contract is open or none is known';
COMMENT ON COLUMN custodian.client.open_contracts IS 'contracts without an end';
COMMENT ON COLUMN custodian.client.returned_on IS
	'day on which the return of entrusted records was confirmed';
CREATE INDEX client_contract_end ON custodian.client (contract_end, client_no)
	WHERE contract_end IS NOT NULL;
SELECT pg_extension_config_dump('custodian.client', '');
SELECT pg_extension_config_dump('custodian.client_client_no_seq', '');

CREATE TABLE custodian.contract_source
(
	relation regclass PRIMARY KEY,
	contract_column name NOT NULL,
	client_columns name[] NOT NULL,
	end_column name NOT NULL,
	ended_when text
);
REVOKE ALL ON custodian.contract_source FROM PUBLIC;
COMMENT ON TABLE custodian.contract_source IS
	'contract tables of the application that custodian follows by trigger';
COMMENT ON COLUMN custodian.contract_source.relation IS 'the contract table';
COMMENT ON COLUMN custodian.contract_source.contract_column IS 'its column with the contract''s key';
COMMENT ON COLUMN custodian.contract_source.client_columns IS 'its columns with the client''s key';
COMMENT ON COLUMN custodian.contract_source.end_column IS 'its column with the last day of the contract';
COMMENT ON COLUMN custodian.contract_source.ended_when IS
	'condition on the row t without which the contract counts as open';
SELECT pg_extension_config_dump('custodian.contract_source', '');

CREATE TABLE custodian.contract
(
	contract_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source regclass NOT NULL DEFAULT '-',
	contract_key text NOT NULL,
	client_no bigint NOT NULL,
	starts_on date,
	ends_on date,
	UNIQUE (source, contract_key)
);
REVOKE ALL ON custodian.contract FROM PUBLIC;
COMMENT ON TABLE custodian.contract IS 'contracts, from the contract table or from open_contract()';
COMMENT ON COLUMN custodian.contract.contract_no IS 'number that stands for the contract in the audit';
COMMENT ON COLUMN custodian.contract.source IS 'contract table it was read from; - where the application calls open_contract()';
COMMENT ON COLUMN custodian.contract.contract_key IS 'key of the contract, as text';
COMMENT ON COLUMN custodian.contract.client_no IS 'the client';
COMMENT ON COLUMN custodian.contract.starts_on IS 'first day, where known';
COMMENT ON COLUMN custodian.contract.ends_on IS 'last day; NULL while the contract is open';
CREATE INDEX contract_client_no ON custodian.contract (client_no);
SELECT pg_extension_config_dump('custodian.contract', '');
SELECT pg_extension_config_dump('custodian.contract_contract_no_seq', '');

CREATE TABLE custodian.return_confirmation
(
	client_no bigint NOT NULL,
	returned_on date NOT NULL,
	evidence text NOT NULL,
	confirmed_by name NOT NULL DEFAULT session_user,
	confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
REVOKE ALL ON custodian.return_confirmation FROM PUBLIC;
COMMENT ON TABLE custodian.return_confirmation IS
	'confirmed returns of entrusted records, with their evidence';
COMMENT ON COLUMN custodian.return_confirmation.client_no IS 'the client';
COMMENT ON COLUMN custodian.return_confirmation.returned_on IS 'day of the return';
COMMENT ON COLUMN custodian.return_confirmation.evidence IS 'what proves it, such as the number of the signed handover list';
COMMENT ON COLUMN custodian.return_confirmation.confirmed_by IS 'role that confirmed';
COMMENT ON COLUMN custodian.return_confirmation.confirmed_at IS 'time of the confirmation';
CREATE INDEX return_confirmation_client_no ON custodian.return_confirmation (client_no);
SELECT pg_extension_config_dump('custodian.return_confirmation', '');

CREATE TABLE custodian.client_case
(
	case_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	client_no bigint NOT NULL,
	contract_end date NOT NULL,
	state text NOT NULL DEFAULT 'open'
		CHECK (state IN ('open', 'running', 'cancelled', 'reopened')),
	opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended_at timestamptz
);
REVOKE ALL ON custodian.client_case FROM PUBLIC;
COMMENT ON TABLE custodian.client_case IS
	'one case for each time a client''s last contract ended';
COMMENT ON COLUMN custodian.client_case.case_no IS 'number of the case';
COMMENT ON COLUMN custodian.client_case.client_no IS 'the client';
COMMENT ON COLUMN custodian.client_case.contract_end IS 'the end that opened it';
COMMENT ON COLUMN custodian.client_case.state IS
	'open; running once a disposition was executed; cancelled when reopened before, reopened when after that';
COMMENT ON COLUMN custodian.client_case.opened_at IS 'when the end became known';
COMMENT ON COLUMN custodian.client_case.ended_at IS 'when it was cancelled or reopened';
CREATE UNIQUE INDEX client_case_open ON custodian.client_case (client_no)
	WHERE state IN ('open', 'running');
SELECT pg_extension_config_dump('custodian.client_case', '');
SELECT pg_extension_config_dump('custodian.client_case_case_no_seq', '');

CREATE FUNCTION custodian.track_contract_change()
RETURNS trigger
AS 'MODULE_PATHNAME', 'custodian_track_contract_change'
LANGUAGE C;
REVOKE ALL ON FUNCTION custodian.track_contract_change() FROM PUBLIC;
COMMENT ON FUNCTION custodian.track_contract_change() IS
	'trigger that track_contracts() puts on a contract table';

CREATE FUNCTION custodian.track_contracts(relation regclass, contract text,
	client text, ends_on text, ended_when text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'custodian_track_contracts'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.track_contracts(regclass, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.track_contracts(regclass, text, text, text, text) IS
	'follow the application''s contract table from now on and take in its rows; returns how many';

CREATE FUNCTION custodian.untrack_contracts(relation regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_untrack_contracts'
LANGUAGE C VOLATILE STRICT;
REVOKE ALL ON FUNCTION custodian.untrack_contracts(regclass) FROM PUBLIC;
COMMENT ON FUNCTION custodian.untrack_contracts(regclass) IS
	'stop following a contract table; the contracts taken in stay known as they are';

CREATE FUNCTION custodian.open_contract(contract text, client text,
	starts_on date DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'custodian_open_contract'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.open_contract(text, text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.open_contract(text, text, date) IS
	'make a contract known where the application has no contract table; returns its number';

CREATE FUNCTION custodian.end_contract(contract text, ends_on date DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_end_contract'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.end_contract(text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.end_contract(text, date) IS
	'set the last day of a contract made by open_contract(); today by default';

CREATE FUNCTION custodian.reopen_contract(contract text)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_reopen_contract'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.reopen_contract(text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.reopen_contract(text) IS
	'take back the end of a contract made by open_contract()';

CREATE FUNCTION custodian.confirm_return(client text, evidence text,
	returned_on date DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_confirm_return'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.confirm_return(text, text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.confirm_return(text, text, date) IS
	'record that the client''s entrusted records were returned, today by default; they may then be destroyed';

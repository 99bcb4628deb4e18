/*
 * Six tables of clients' records; the contracts of half of the clients ended.
 * A client has 20 * :scale rows: 4 * :scale vouchers with two lines each,
 * 3 * :scale invoices with one item each, and so on.  Rows of all clients are
 * mixed, as they would be by date.
 */
CREATE TABLE client (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE contract (id int PRIMARY KEY, client_id int NOT NULL REFERENCES client,
	ends_on date);
CREATE TABLE voucher (id bigint PRIMARY KEY, client_id int NOT NULL REFERENCES client,
	dated date NOT NULL, number text NOT NULL, summary text NOT NULL);
CREATE TABLE voucher_line (id bigint PRIMARY KEY, voucher_id bigint NOT NULL REFERENCES voucher,
	line_no int NOT NULL, account text NOT NULL, debit numeric(18, 2), credit numeric(18, 2));
CREATE TABLE invoice (id bigint PRIMARY KEY, client_id int NOT NULL REFERENCES client,
	dated date NOT NULL, number text NOT NULL, party text NOT NULL, total numeric(18, 2));
CREATE TABLE invoice_item (id bigint PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES invoice,
	title text NOT NULL, quantity int NOT NULL, price numeric(18, 2) NOT NULL);
CREATE TABLE message (id bigint PRIMARY KEY, client_id int NOT NULL REFERENCES client,
	sent_at timestamptz NOT NULL, body text NOT NULL);
CREATE TABLE document (id bigint PRIMARY KEY, client_id int NOT NULL REFERENCES client,
	title text NOT NULL, digest bytea NOT NULL);

INSERT INTO client SELECT g, 'client ' || g FROM generate_series(1, :clients) g;
INSERT INTO contract SELECT g, g, CASE WHEN g % 2 = 0 THEN date '2015-06-30' END
	FROM generate_series(1, :clients) g;
INSERT INTO voucher SELECT g, 1 + g % :clients, date '2010-01-01' + (g % 1800)::int, 'V-' || g,
	'purchase of office supplies no. ' || g FROM generate_series(1, 4 * :scale * :clients::bigint) g;
INSERT INTO voucher_line SELECT g, 1 + (g - 1) / 2, g % 2, '100' || g % 9,
	CASE WHEN g % 2 = 0 THEN g / 7.0 END, CASE WHEN g % 2 = 1 THEN g / 7.0 END
	FROM generate_series(1, 8 * :scale * :clients::bigint) g;
INSERT INTO invoice SELECT g, 1 + g % :clients, date '2010-01-01' + (g % 1800)::int, 'I-' || g,
	'party ' || g % 977, g / 3.0 FROM generate_series(1, 3 * :scale * :clients::bigint) g;
INSERT INTO invoice_item SELECT g, g, 'item ' || g, g % 12, g / 5.0
	FROM generate_series(1, 3 * :scale * :clients::bigint) g;
INSERT INTO message SELECT g, 1 + g % :clients, timestamptz '2012-01-01 08:00+08' + g * interval '1 minute',
	'please send the statement of month ' || g % 12 FROM generate_series(1, 3 * :scale * :clients::bigint / 2) g;
INSERT INTO document SELECT g, 1 + g % :clients, 'document ' || g, decode(md5(g::text), 'hex')
	FROM generate_series(1, 1 * :scale * :clients::bigint / 2) g;

CREATE INDEX ON contract (client_id);
CREATE INDEX ON voucher (client_id);
CREATE INDEX ON voucher_line (voucher_id);
CREATE INDEX ON invoice (client_id);
CREATE INDEX ON invoice_item (invoice_id);
CREATE INDEX ON message (client_id);
CREATE INDEX ON document (client_id);
VACUUM ANALYZE;

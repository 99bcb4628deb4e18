--
-- adopt_tree(): from the client table along the foreign keys.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- Clients have a key of two columns; a voucher names it, a line is reached
-- over its voucher, an attachment over either of two ways.
CREATE TABLE client (region text, number int, PRIMARY KEY (region, number));
CREATE TABLE contact (id int PRIMARY KEY, region text NOT NULL, number int NOT NULL,
	FOREIGN KEY (number, region) REFERENCES client (number, region));
CREATE INDEX ON contact (region, number);
CREATE TABLE voucher (id int PRIMARY KEY, region text, number int,
	FOREIGN KEY (region, number) REFERENCES client, storno int REFERENCES voucher);
CREATE INDEX ON voucher (region, number);
CREATE INDEX ON voucher (storno);
CREATE TABLE line (voucher int NOT NULL REFERENCES voucher ON DELETE CASCADE, no int, PRIMARY KEY (voucher, no));
CREATE TABLE attachment (id int PRIMARY KEY, contact int REFERENCES contact, voucher int NOT NULL REFERENCES voucher);
CREATE INDEX ON attachment (voucher);
CREATE INDEX ON attachment (contact);
CREATE TABLE page (attachment int NOT NULL REFERENCES attachment, body text);
CREATE TABLE stamp (id int PRIMARY KEY, line_voucher int, line_no int, FOREIGN KEY (line_voucher, line_no) REFERENCES line);
CREATE TABLE stranger (id int PRIMARY KEY);

-- The preview shows, and changes nothing.
SELECT * FROM custodian.adopt_tree('client', preview => true);
SELECT count(*) FROM custodian.adopted;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'custodian%';
-- So it is allowed in a read-only transaction.
BEGIN READ ONLY;
SELECT count(*) FROM custodian.adopt_tree('client', preview => true);
SELECT * FROM custodian.adopt_tree('client');
ROLLBACK;

--
-- Of two ways the client's own key wins, then the one that is never NULL: so
-- attachments are reached over their voucher.  What has no primary key is left
-- out, and said.
--
SELECT * FROM custodian.adopt_tree('client');
SELECT relation, client_columns, via_columns, record_class, basis FROM custodian.adoption ORDER BY relation::text;

-- Again: nothing new.  A table that came meanwhile is taken in.
CREATE TABLE page2 (id int PRIMARY KEY, attachment int NOT NULL REFERENCES attachment);
CREATE INDEX ON page2 (attachment);
SELECT relation, status FROM custodian.adopt_tree('client');

-- Everything stays as it is until somebody has said what the rows are.
SELECT custodian.open_contract('C', '{east,1}');
SELECT custodian.end_contract('C', '2020-01-31');
INSERT INTO client VALUES ('east', 1);
SELECT relation, record_class, basis, action, rows, blocked_by FROM custodian.plan('{east,1}');

-- A child of which part was adopted before by hand stays as it was.
CREATE TABLE customer (id int PRIMARY KEY);
CREATE TABLE bill (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer, payer int REFERENCES customer);
CREATE INDEX ON bill (customer);
CREATE INDEX ON bill (payer);
SELECT custodian.create_record_class('bills', basis => 'own');
SELECT custodian.adopt('bill', client => 'payer', record_class => 'bills');
SELECT * FROM custodian.adopt_tree('customer');

-- Tables that refer to each other in a circle.
CREATE TABLE a (id int PRIMARY KEY, owner int REFERENCES customer, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
SELECT * FROM custodian.adopt_tree('customer', preview => true);

-- Partitioned and inherited tables come once.
CREATE TABLE entry (id int, customer int NOT NULL REFERENCES customer, year int, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE entry_2024 PARTITION OF entry FOR VALUES IN (2024);
CREATE TABLE paper (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer);
CREATE TABLE scan (PRIMARY KEY (id), FOREIGN KEY (customer) REFERENCES customer) INHERITS (paper);
SELECT depth, relation, status FROM custodian.adopt_tree('customer', preview => true)
	WHERE relation::text !~ '^[ab]$|bill|customer';
SELECT depth, relation, status FROM custodian.adopt_tree('customer')
	WHERE relation::text !~ '^[ab]$|bill|customer';

--
-- Bad roots.
--
CREATE TABLE no_key (id int);
SELECT * FROM custodian.adopt_tree('no_key');
\echo :SQLSTATE
SELECT * FROM custodian.adopt_tree('pg_class');
SELECT * FROM custodian.adopt_tree('entry_2024');
SELECT * FROM custodian.adopt_tree(NULL);
CREATE VIEW v AS SELECT * FROM client;
SELECT * FROM custodian.adopt_tree('v', preview => true);
-- A table that nothing refers to is a tree by itself.
SELECT * FROM custodian.adopt_tree('stranger');

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;

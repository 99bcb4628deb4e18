/* What one would write by hand: the due clients' rows, children first. */
DELETE FROM voucher_line l USING voucher v, contract c
	WHERE l.voucher_id = v.id AND v.client_id = c.client_id AND c.ends_on < current_date - 30;
DELETE FROM voucher v USING contract c WHERE v.client_id = c.client_id AND c.ends_on < current_date - 30;
DELETE FROM invoice_item i USING invoice v, contract c
	WHERE i.invoice_id = v.id AND v.client_id = c.client_id AND c.ends_on < current_date - 30;
DELETE FROM invoice v USING contract c WHERE v.client_id = c.client_id AND c.ends_on < current_date - 30;
DELETE FROM message m USING contract c WHERE m.client_id = c.client_id AND c.ends_on < current_date - 30;
DELETE FROM document d USING contract c WHERE d.client_id = c.client_id AND c.ends_on < current_date - 30;

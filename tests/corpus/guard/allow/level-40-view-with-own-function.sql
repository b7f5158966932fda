-- unhardened: opaque_code
CREATE VIEW totals AS SELECT total(id) FROM customers;

-- deny: cross_schema
SELECT * FROM nowhere.customers;

-- deny: cross_schema
SELECT * FROM U&"\+000074enant_beta".customers;

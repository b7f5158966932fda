-- deny: cross_schema
SELECT * FROM U&"t\0065nant_beta"."customers";

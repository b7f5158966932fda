-- deny: cross_schema
SELECT * FROM U&"!0074enant_beta" UESCAPE '!' .customers;

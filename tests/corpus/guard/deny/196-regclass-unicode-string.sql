-- deny: cross_schema
SELECT U&'\0074enant_beta.customers'::regclass;

-- deny: cross_schema
SELECT * FROM public.customers;

-- allow
SET extra_float_digits = 3; SET application_name = 'DBeaver 24.0 - Main <app>'; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ;

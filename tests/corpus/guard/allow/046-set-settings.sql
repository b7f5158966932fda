-- allow
SET statement_timeout = '5s'; SET LOCAL work_mem = '64MB'; SET TIME ZONE 'UTC'; SET application_name TO 'x'; SET extra_float_digits = 3;

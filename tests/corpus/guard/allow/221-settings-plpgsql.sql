-- allow
SET plpgsql.extra_warnings TO 'all'; SET plpgsql.check_asserts = off; SET PLPGSQL.extra_errors = 'none';

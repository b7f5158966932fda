-- unhardened: opaque_code
SET LOCAL work_mem = '1MB'; DO $$BEGIN NULL; END$$; SELECT 1;

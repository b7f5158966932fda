-- shared: opaque_code
DO LANGUAGE plperl 'elog(NOTICE, 1)';

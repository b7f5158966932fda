-- unhardened: opaque_code
DO LANGUAGE plpgsql 'BEGIN PERFORM 1; END';

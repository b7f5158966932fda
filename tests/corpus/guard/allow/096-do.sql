-- unhardened: opaque_code
DO $$ BEGIN PERFORM 1; END $$;

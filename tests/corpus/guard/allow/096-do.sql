-- allow
DO $$ BEGIN PERFORM 1; END $$;

-- allow
DECLARE "_django_curs_140234_sync_1" NO SCROLL CURSOR FOR SELECT "customers"."id", "customers"."name" FROM "customers" ORDER BY "customers"."id" ASC

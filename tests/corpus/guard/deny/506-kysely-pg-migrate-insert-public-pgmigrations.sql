-- deny: cross_schema
INSERT INTO "public"."pgmigrations" (name, run_on) VALUES ('1700000000000_first', NOW());

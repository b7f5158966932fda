-- allow
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('contenttypes', '0001_initial', '2026-11-24 01:46:02.947802+00:00'::timestamptz) RETURNING "django_migrations"."id"

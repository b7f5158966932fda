-- allow
INSERT INTO "authors" ("name","created_at","updated_at") VALUES ('Bo', '2026-11-24 01:45:56.586002', '2026-11-24 01:45:56.586003') ON CONFLICT  DO NOTHING RETURNING "id"

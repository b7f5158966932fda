-- allow
INSERT INTO "person" ("name", "data", "tags") VALUES ('Ada', CAST('{"a": 1}' AS jsonb), ARRAY['x']) RETURNING "person"."id"

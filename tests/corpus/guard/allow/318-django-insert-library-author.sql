-- allow
INSERT INTO "library_author" ("name", "born", "meta") VALUES ('Ada', NULL, '{"langs": ["en", "fr"], "address": {"city": "London"}}'::jsonb) RETURNING "library_author"."id"

-- allow
UPDATE "cache" SET "expires" = '2026-11-24 01:51:03+00:00'::timestamptz WHERE "cache_key" = ':1:a'

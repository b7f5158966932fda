-- allow
SELECT "cache_key", "expires" FROM "cache" WHERE "cache_key" = ':1:a'

-- allow
SELECT 1 AS "a" FROM "django_session" WHERE "django_session"."session_key" = '3elavwdn0qbibv0pryt2wpzw8s2899k2' LIMIT 1

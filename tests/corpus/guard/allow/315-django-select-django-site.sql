-- allow
SELECT 1 AS "a" FROM "django_site" LIMIT 1

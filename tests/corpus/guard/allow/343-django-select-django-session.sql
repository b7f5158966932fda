-- allow
SELECT "django_session"."session_key", "django_session"."session_data", "django_session"."expire_date" FROM "django_session" WHERE ("django_session"."expire_date" > '2026-11-24 01:46:03.453747+00:00'::timestamptz AND "django_session"."session_key" = '3elavwdn0qbibv0pryt2wpzw8s2899k2') LIMIT 21

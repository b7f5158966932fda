-- allow
SELECT e.key, e.value FROM customers c CROSS JOIN LATERAL jsonb_each(c.data) AS e(key, value);

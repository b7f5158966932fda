-- allow
SELECT ('a'|| 'b'), DATE '2024-01-01', now()

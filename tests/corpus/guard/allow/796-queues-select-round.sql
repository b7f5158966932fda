-- allow
SELECT round(date_part('epoch', now()) * 1000) as time

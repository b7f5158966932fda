-- allow
select c1_0.id,c1_0.email,c1_0.name,t1_0.customer_id,t1_0.id,t1_0.title from customers c1_0 left join tickets t1_0 on c1_0.id=t1_0.customer_id where c1_0.name like $1 escape '!' order by c1_0.id offset $2 rows fetch first $3 rows only

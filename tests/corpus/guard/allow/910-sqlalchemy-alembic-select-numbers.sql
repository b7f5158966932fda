-- allow
SELECT numbers_1.n, numbers_1.ok, numbers_1.j, numbers_1.r, numbers_1.u, numbers_1.h 
FROM numbers AS numbers_1 TABLESAMPLE bernoulli(50)

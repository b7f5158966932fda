-- allow
update big_shelves set width=1 where (id) IN (select id from HT_big_shelves)

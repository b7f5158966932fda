-- allow
update shelves set name='big' where (id) IN (select id from HT_big_shelves)

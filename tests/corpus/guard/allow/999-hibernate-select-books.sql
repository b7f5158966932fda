-- allow
select a1_.name as y0_, count(*) as y1_, avg(this_.price) as y2_, count(distinct this_.title) as y3_ from books this_ left outer join authors a1_ on this_.author_id=a1_.id group by a1_.name

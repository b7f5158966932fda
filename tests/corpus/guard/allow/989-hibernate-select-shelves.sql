-- allow
select this_.id as id50_0_, this_.name as name50_0_, this_.notes as notes50_0_, this_.picture as picture50_0_, this_1_.width as width51_0_, case when this_1_.id is not null then 1 when this_.id is not null then 0 end as clazz_0_ from shelves this_ left outer join big_shelves this_1_ on this_.id=this_1_.id

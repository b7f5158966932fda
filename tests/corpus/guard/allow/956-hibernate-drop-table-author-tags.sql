-- allow
drop table author_tags cascade

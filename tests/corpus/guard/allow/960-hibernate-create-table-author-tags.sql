-- allow
create table author_tags (hibernate$Author_id int8 not null, tags varchar(255))

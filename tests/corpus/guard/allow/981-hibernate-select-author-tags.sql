-- allow
select tags0_.hibernate$Author_id as hibernate1_48_0_, tags0_.tags as tags0_ from author_tags tags0_ where tags0_.hibernate$Author_id=$1

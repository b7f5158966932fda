-- allow
delete from author_tags where hibernate$Author_id=$1 and tags=$2

-- allow
select id from authors where id =$1 and version =$2 for share

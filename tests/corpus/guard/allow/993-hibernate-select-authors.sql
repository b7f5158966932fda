-- allow
select version from authors where id =$1

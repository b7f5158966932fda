-- allow
update shelves set name=$1, notes=$2, picture=$3 where id=$4

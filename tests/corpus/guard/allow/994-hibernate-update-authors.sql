-- allow
update authors set version=$1 where id=$2 and version=$3

-- allow
update authors set city=$1, street=$2, born=$3, email=$4, mood=$5, name=$6, version=$7 where id=$8 and version=$9

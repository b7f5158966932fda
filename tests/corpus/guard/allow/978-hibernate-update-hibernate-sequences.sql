-- allow
update hibernate_sequences set next_val=$1  where next_val=$2 and sequence_name=$3

-- allow
select tbl.next_val from hibernate_sequences tbl where tbl.sequence_name=$1 for update

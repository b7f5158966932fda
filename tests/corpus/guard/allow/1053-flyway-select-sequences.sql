-- allow
SELECT sequence_name FROM information_schema.sequences WHERE sequence_schema=$1

-- allow
SHOW max_identifier_length

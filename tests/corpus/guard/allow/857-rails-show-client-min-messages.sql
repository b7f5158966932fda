-- allow
SHOW client_min_messages

-- deny: server_administration
SECURITY LABEL ON TABLE customers IS 'x';

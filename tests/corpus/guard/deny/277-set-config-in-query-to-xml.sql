-- deny: role_change
SELECT query_to_xml('SELECT set_config(''role'', ''tenant_beta'', false)', true, false, '');

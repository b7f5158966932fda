-- deny: role_change
CREATE POLICY p ON customers USING (set_config('role', 'tenant_beta', false) = '');

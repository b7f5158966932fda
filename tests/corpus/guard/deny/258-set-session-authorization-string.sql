-- deny: role_change
SET SESSION AUTHORIZATION 'postgres';

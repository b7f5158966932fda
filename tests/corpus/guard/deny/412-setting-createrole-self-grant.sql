-- deny: setting
SET createrole_self_grant = 'set, inherit';

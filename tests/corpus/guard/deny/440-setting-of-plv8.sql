-- deny: setting
SET plv8.start_proc = 'f';

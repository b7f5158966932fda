-- deny: setting
SET plpgsql.variable_conflict = 'use_column';

-- allow
SET search_path = '';

-- allow
SET application_name = 'app'

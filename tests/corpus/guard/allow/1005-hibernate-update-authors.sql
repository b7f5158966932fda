-- allow
update authors set version=version+1, email=null where name='Bo'

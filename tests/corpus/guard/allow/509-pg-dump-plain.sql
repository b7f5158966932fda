-- allow
EXECUTE dumpOpr('16569')

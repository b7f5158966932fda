-- allow
EXECUTE dumpAgg('16564')

-- allow
EXECUTE dumpFunc('16561')

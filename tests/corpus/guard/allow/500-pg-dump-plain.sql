-- allow
EXECUTE dumpDomain('16504')

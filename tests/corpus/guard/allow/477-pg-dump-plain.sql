-- allow
EXECUTE getDomainConstraints('16504')

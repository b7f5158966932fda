-- allow
EXECUTE dumpRangeType('16512')

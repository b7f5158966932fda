-- allow
EXECUTE dumpEnumType('16499')

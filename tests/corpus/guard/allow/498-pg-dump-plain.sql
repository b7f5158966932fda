-- allow
EXECUTE dumpCompositeType('16508')

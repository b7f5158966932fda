-- allow
EXECUTE dumpTableAttach('16558')

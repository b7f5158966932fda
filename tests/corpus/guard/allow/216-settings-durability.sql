-- allow
SET LOCAL synchronous_commit TO OFF; SET default_transaction_isolation = 'serializable'; SET default_transaction_read_only = on; SET transaction_deferrable = on;

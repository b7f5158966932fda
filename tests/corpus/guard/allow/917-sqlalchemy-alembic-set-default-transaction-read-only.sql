-- allow
SET default_transaction_read_only TO DEFAULT

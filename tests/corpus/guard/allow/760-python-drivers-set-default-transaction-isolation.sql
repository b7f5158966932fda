-- allow
SET default_transaction_isolation TO DEFAULT

-- allow
SET default_transaction_deferrable TO DEFAULT

-- allow
UPDATE customers SET address.street.name = $1;

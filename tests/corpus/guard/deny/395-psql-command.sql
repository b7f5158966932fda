-- deny: unparsable
\d customers

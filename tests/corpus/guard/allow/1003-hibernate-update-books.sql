-- allow
UPDATE books SET sold = true WHERE price > $1

-- allow
insert into authors (city, street, born, email, mood, name, version, id) values ($1, $2, $3, $4, $5, $6, $7, $8)

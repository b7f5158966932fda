-- allow
insert into books (author_id, price, sold, title, kind) values ($1, $2, $3, $4, 'Book')
RETURNING *

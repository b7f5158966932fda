-- allow
insert into books (author_id, price, sold, title, minutes, kind) values ($1, $2, $3, $4, $5, 'audio')
RETURNING *

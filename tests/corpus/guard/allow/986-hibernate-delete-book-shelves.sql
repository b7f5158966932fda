-- allow
delete from book_shelves where books_id=$1

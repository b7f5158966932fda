-- allow
alter table book_shelves drop constraint FK6CD3AD12379FEB8A

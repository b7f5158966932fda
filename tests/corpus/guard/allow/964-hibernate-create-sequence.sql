-- allow
create sequence authors_seq start 1 increment 10

-- allow
drop sequence authors_seq

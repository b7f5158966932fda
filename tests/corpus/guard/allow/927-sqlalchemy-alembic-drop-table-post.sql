-- allow

DROP TABLE post

-- allow
listen "news"

-- deny: notify
listen "news"

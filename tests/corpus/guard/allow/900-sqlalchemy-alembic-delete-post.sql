-- allow
DELETE FROM post WHERE post.id = 3

-- allow
SELECT post.user_id AS post_user_id, post.id AS post_id, post.title AS post_title, post.price AS post_price, post.twice AS post_twice, post.at AS post_at 
FROM post 
WHERE post.user_id IN (1, 3, 4, 5, 2)

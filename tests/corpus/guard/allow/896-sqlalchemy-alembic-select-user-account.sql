-- allow
SELECT post.id AS post_id, post.user_id AS post_user_id, post.title AS post_title, post.price AS post_price, post.twice AS post_twice, post.at AS post_at, anon_1.user_account_id AS anon_1_user_account_id 
FROM (SELECT user_account.id AS user_account_id 
FROM user_account) AS anon_1 JOIN post ON anon_1.user_account_id = post.user_id

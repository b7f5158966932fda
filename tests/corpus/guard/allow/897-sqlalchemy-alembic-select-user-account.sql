-- allow
SELECT user_account.name, count(post.id) AS count_1 
FROM user_account JOIN post ON user_account.id = post.user_id GROUP BY user_account.name 
HAVING count(*) > 1

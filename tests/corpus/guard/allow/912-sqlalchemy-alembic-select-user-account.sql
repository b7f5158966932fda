-- allow
SELECT DISTINCT ON (user_account.state) user_account.name 
FROM user_account ORDER BY user_account.state

-- allow
SELECT user_account.id, user_account.name, user_account.data, user_account.tags, user_account.state 
FROM user_account 
WHERE user_account.name = 'u1'

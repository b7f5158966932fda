-- allow
DECLARE "c_7f01_1" CURSOR WITHOUT HOLD FOR SELECT post.id, post.user_id, post.title, post.price, post.twice, post.at 
FROM post

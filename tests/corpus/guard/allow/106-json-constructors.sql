-- allow
SELECT JSON_OBJECT('a': 1), json_build_object('a', 1), JSON_ARRAY(1, 2), '{}' IS JSON;

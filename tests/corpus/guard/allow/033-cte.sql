-- allow
WITH RECURSIVE tree(id, path) AS (SELECT id, ARRAY[id] FROM nodes UNION ALL SELECT n.id, path || n.id FROM nodes n JOIN tree t ON t.id = n.parent) SEARCH DEPTH FIRST BY id SET ord CYCLE id SET is_cycle USING p SELECT * FROM tree;

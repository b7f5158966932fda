-- allow
SELECT a.id as id48_0_, a.city as city48_0_, a.street as street48_0_, a.born as born48_0_, a.email as email48_0_, a.mood as mood48_0_, a.name as name48_0_, a.version as version48_0_ FROM authors a WHERE a.name = $1

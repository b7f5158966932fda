-- allow
CREATE INDEX post_title_lower ON post (lower(title))

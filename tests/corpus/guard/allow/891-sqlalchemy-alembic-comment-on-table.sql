-- allow
COMMENT ON TABLE post IS 'posts'

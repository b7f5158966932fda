-- allow
SET search_path TO DEFAULT; RESET search_path;

-- allow
CREATE TYPE mood AS ENUM ('a')

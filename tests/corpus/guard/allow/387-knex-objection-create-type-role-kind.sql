-- allow
create type "role_kind" as enum ('a', 'b')

-- allow

    create schema if not exists "tenant_alpha";
    create table if not exists "tenant_alpha".migrations(
      id int primary key,
      ts timestamptz default now() not null
    );
    alter table "tenant_alpha".migrations add column if not exists breaking boolean not null default false;
  

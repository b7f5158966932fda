-- unhardened: opaque_code
select "tenant_alpha".force_unlock_workers($1::text[]);

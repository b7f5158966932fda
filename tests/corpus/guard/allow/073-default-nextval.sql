-- allow
ALTER TABLE customers ALTER id SET DEFAULT nextval('tenant_alpha.customers_id_seq'::regclass);

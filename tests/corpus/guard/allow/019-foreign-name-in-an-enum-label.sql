-- allow
CREATE TYPE m AS ENUM ('tenant_beta', 'customers');

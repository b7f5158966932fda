-- deny: server_administration
CREATE OPERATOR CLASS o FOR TYPE int USING btree AS OPERATOR 1 <;

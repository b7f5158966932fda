-- allow

CREATE INDEX "by_role" ON "users" USING btree ("role","name");

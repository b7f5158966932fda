// Flyway: migrate, a repeatable and a failing migration, callbacks, info, validate, baseline, repair, clean.

import java.nio.file.*;
import java.util.*;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;

final class flyway {
    interface Work { void run() throws Exception; }

    static void step(String name, Work work) {
        try {
            work.run();
            System.out.println("ok " + name);
        } catch (Exception error) {
            System.out.println("FAIL " + name + ": " + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
        }
    }

    static FluentConfiguration settings(Path migrations) {
        Map<String, String> e = System.getenv();
        String url = "jdbc:postgresql://127.0.0.1:" + e.get("PGPORT") + "/" + e.get("PGDATABASE") + "?sslmode=disable";
        return Flyway.configure().dataSource(url, e.get("PGUSER"), e.get("PGPASSWORD"))
            .locations("filesystem:" + migrations);
    }

    static void file(Path migrations, String name, String text) throws Exception {
        Files.writeString(migrations.resolve(name), text);
    }

    public static void main(String[] arguments) throws Exception {
        Path migrations = Files.createTempDirectory("migrations");
        file(migrations, "V1__customers.sql", "CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL);\nCREATE INDEX ON customers (name);");
        file(migrations, "V2__tickets.sql", "CREATE TABLE tickets (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int REFERENCES customers);\nINSERT INTO customers (name) VALUES ('${greeting}');");
        file(migrations, "V3__function.sql", "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN NEW;\nEND $$;\nCREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();");
        file(migrations, "V4__copy.sql", "COPY customers (name) FROM stdin;\nanna\nbert\n\\.\n");
        file(migrations, "V5__concurrently.sql", "CREATE INDEX CONCURRENTLY tickets_customer ON tickets (customer_id);");
        file(migrations, "R__view.sql", "CREATE OR REPLACE VIEW open_tickets AS SELECT * FROM tickets;");
        Map<String, String> greeting = Map.of("greeting", "hello");
        for (boolean named : new boolean[] {false, true}) {
            String how = named ? " with the schema named" : "";
            FluentConfiguration base = settings(migrations).placeholders(greeting);
            if (named) base.schemas("tenant_alpha");
            step("info before" + how, () -> base.load().info());
            step("migrate" + how, () -> base.load().migrate());
            step("migrate again" + how, () -> base.load().migrate());
            step("validate" + how, () -> base.load().validate());
            step("info" + how, () -> base.load().info());
            file(migrations, "R__view.sql", "CREATE OR REPLACE VIEW open_tickets AS SELECT id, customer_id FROM tickets WHERE id > 0;");
            file(migrations, "V6__fails.sql", "CREATE TABLE later (id int);\nSELECT no_such_column FROM customers;");
            step("failing migration is refused" + how, () -> {
                try {
                    base.load().migrate();
                } catch (Exception expected) {
                    return;
                }
                throw new IllegalStateException("it did not fail");
            });
            step("repair" + how, () -> base.load().repair());
            Files.delete(migrations.resolve("V6__fails.sql"));
            step("migrate mixed, grouped, out of order" + how, () -> base.group(true).mixed(true).outOfOrder(true).load().migrate());
            step("clean" + how, () -> base.load().clean());
            step("baseline" + how, () -> base.baselineVersion("1").load().baseline());
            step("clean again" + how, () -> base.load().clean());
        }
    }
}

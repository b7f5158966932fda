// Flyway: every command of the free edition, with our migrations, with and without a schema of its own.

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

    interface Change { void run() throws Exception; }

    static void refused(Change change) throws Exception {
        try {
            change.run();
        } catch (Exception expected) {
            return;
        }
        throw new Exception("no error");
    }

    static Path sql = Path.of("sql").toAbsolutePath();

    static void write(String name, String text) throws Exception {
        Files.createDirectories(sql);
        Files.writeString(sql.resolve(name), text);
    }

    static FluentConfiguration app() {
        Map<String, String> e = System.getenv();
        String url = "jdbc:postgresql://127.0.0.1:" + e.get("PGPORT") + "/" + e.get("PGDATABASE") + "?sslmode=disable";
        return Flyway.configure().dataSource(url, e.get("PGUSER"), e.get("PGPASSWORD"))
            .locations("filesystem:" + sql).placeholders(Map.of("mail", "example.org"));
    }

    public static void main(String[] arguments) throws Exception {
        write("V1__customers.sql", "CREATE TABLE customers (id bigserial PRIMARY KEY, name text NOT NULL);\n-- a comment\nINSERT INTO customers (name) VALUES ('Ada; ${mail}');\n");
        write("V2__tickets.sql", "CREATE TABLE tickets (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint REFERENCES customers, state text);\nCREATE TYPE mood AS ENUM ('good', 'bad');\nCREATE FUNCTION closed(t text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN t = 'closed'; END; $$;\n");
        write("V2.1__index.sql", "CREATE INDEX CONCURRENTLY tickets_state ON tickets (state);\n");
        write("V3__copy.sql", "COPY customers (name) FROM STDIN;\nBo\nCy\n\\.\nCREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM tickets;\nCREATE DOMAIN short AS varchar(5);\nCREATE SEQUENCE numbers;\n");
        write("R__report.sql", "CREATE OR REPLACE VIEW report AS SELECT c.name, t.state FROM customers c JOIN tickets t ON t.customer = c.id;\n");
        write("afterMigrate.sql", "UPDATE tickets SET state = 'open' WHERE state IS NULL;\n");
        String schema = System.getenv("RECORD_SCHEMA");
        String[] schemas = {null, schema};
        for (String own : schemas) {
            String l = own == null ? "" : " with its schema";
            FluentConfiguration c = app();
            if (own != null) c.schemas(own);
            Flyway f = c.load();
            step("info of nothing" + l, () -> f.info().all());
            step("migrate" + l, () -> f.migrate());
            step("migrate again" + l, () -> f.migrate());
            step("info" + l, () -> f.info().current().getVersion());
            step("validate" + l, () -> f.validate());
            write("R__report.sql", "CREATE OR REPLACE VIEW report AS SELECT c.name, t.state, t.id FROM customers c JOIN tickets t ON t.customer = c.id;\n");
            step("repeatable again" + l, () -> f.migrate());
            write("V4__broken.sql", "CREATE TABLE half (id int);\nSELECT missing FROM half;\n");
            step("failing migration" + l, () -> refused(f::migrate));
            Files.delete(sql.resolve("V4__broken.sql"));
            write("V5__half.sql", "CREATE INDEX CONCURRENTLY no_such ON nowhere (id);\n");
            step("failing outside a transaction" + l, () -> refused(f::migrate));
            Files.delete(sql.resolve("V5__half.sql"));
            step("validate of a failed one" + l, () -> f.validateWithResult());
            step("repair" + l, () -> f.repair());
            write("V1__customers.sql", Files.readString(sql.resolve("V1__customers.sql")) + "-- changed\n");
            step("validate of a changed one" + l, () -> refused(f::validate));
            step("repair of a changed one" + l, () -> f.repair());
            step("clean" + l, () -> f.clean());
            step("baseline" + l, () -> f.baseline());
            step("migrate with a baseline" + l, () -> { f.clean(); c.baselineOnMigrate(true).baselineVersion("2").load().migrate(); });
            step("clean at the end" + l, f::clean);
        }
        write("R__report.sql", "CREATE OR REPLACE VIEW report AS SELECT 1 AS one;\n");
        step("out of order, group, mixed, table, installed by", () -> {
            FluentConfiguration c = app().schemas(schema).defaultSchema(schema).outOfOrder(true).group(true).mixed(true).table("history").installedBy("app").connectRetries(1);
            c.load().migrate();
            c.load().clean();
        });
        step("no schema made", () -> { Flyway f = app().schemas(schema).createSchemas(false).initSql("SET statement_timeout = 20000").load(); f.migrate(); f.clean(); });
        step("set by the application", () -> {
            FluentConfiguration c = app().schemas(schema).defaultSchema(schema).target("1").skipDefaultCallbacks(true).validateOnMigrate(false);
            c.load().migrate();
            c.load().clean();
        });
    }
}

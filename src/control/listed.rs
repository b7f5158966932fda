//! What a database needs for tenants that stand in a file: SQL for its administrator, who may be somebody else.

use std::fmt::Write;

use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::config::tenants_file::FileTenant;
use crate::tenant::{Ident, TenantNames, quote_identifier};

/// The verifier of a password, as PostgreSQL writes it.
#[must_use]
pub fn verifier(password: &str) -> String {
    scram_sha_256(password.as_bytes())
}

/// Roles with their derived passwords (as verifiers), schemas, and the rights the audit of `serve` asks for. Can be run again.
#[must_use]
pub fn sql(config: &Config, tenants: &[&FileTenant]) -> String {
    let mut sql = String::from(
        "-- Made by `pgtenant static sql`. Run it as an administrator, in the served database; it can be run again.\n\
         -- It holds verifiers of passwords: do not leave it lying about.\n",
    );
    let keys = &config.secrets;
    let database = quote_identifier(&config.server.database);
    let proxy = quote_identifier(&config.registry.user);
    let own = keys.master_key.role_password(&config.registry.user);
    sql.push_str("\n-- The proxy's own login: it looks into the catalogs, and listens.\n");
    role(&mut sql, &config.registry.user, &own);
    line(&mut sql, format_args!("GRANT CONNECT ON DATABASE {database} TO {proxy};"));
    line(&mut sql, format_args!("REVOKE CREATE ON SCHEMA public FROM PUBLIC;"));
    for tenant in tenants {
        line(&mut sql, format_args!("\n-- Tenant {}", tenant.slug));
        let TenantNames { schema, role: name } = &tenant.names;
        role(&mut sql, name.as_str(), &keys.master_key.tenant_password(tenant.id, tenant.password_version));
        line(&mut sql, format_args!("GRANT CONNECT ON DATABASE {database} TO {name};"));
        line(&mut sql, format_args!("CREATE SCHEMA IF NOT EXISTS {schema};"));
        // Its owner could open it to others.
        line(&mut sql, format_args!("ALTER SCHEMA {schema} OWNER TO CURRENT_USER;"));
        line(&mut sql, format_args!("REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;"));
        line(&mut sql, format_args!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {name};"));
        line(&mut sql, format_args!("REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA {schema} FROM PUBLIC;"));
        line(
            &mut sql,
            format_args!("ALTER DEFAULT PRIVILEGES FOR ROLE {name} REVOKE EXECUTE ON ROUTINES FROM PUBLIC;"),
        );
        if let Some(reader) = &tenant.reader_role {
            let password = keys.master_key.tenant_password(tenant.id.other_access(), tenant.password_version);
            role(&mut sql, reader.as_str(), &password);
            line(&mut sql, format_args!("GRANT CONNECT ON DATABASE {database} TO {reader};"));
            open_to(&mut sql, &tenant.names, reader);
        }
    }
    sql
}

/// What the one that only reads may see, of now and later.
fn open_to(sql: &mut String, TenantNames { schema, role }: &TenantNames, reader: &Ident) {
    line(sql, format_args!("GRANT USAGE ON SCHEMA {schema} TO {reader};"));
    for kind in ["TABLES", "SEQUENCES"] {
        line(sql, format_args!("GRANT SELECT ON ALL {kind} IN SCHEMA {schema} TO {reader};"));
        line(
            sql,
            format_args!(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {schema} GRANT SELECT ON {kind} TO {reader};"
            ),
        );
    }
}

/// Creates it, or puts it right. Naming SUPERUSER at all takes a superuser before version 16, so that only what a role is
/// created without is left to the audit.
fn role(sql: &mut String, name: &str, password: &SecretString) {
    let (role, text) = (quote_identifier(name), name.replace('\'', "''"));
    let body = format!(
        "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{text}') THEN CREATE ROLE {role}; END IF; END"
    );
    line(sql, format_args!("DO '{}';", body.replace('\'', "''")));
    // Letters, digits and `$:/+=-` only, so it needs no escaping.
    let verifier = verifier(password.expose_secret());
    line(sql, format_args!("ALTER ROLE {role} LOGIN PASSWORD '{verifier}';"));
}

fn line(sql: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = writeln!(sql, "{text}");
}

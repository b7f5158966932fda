//! `pgtenant init --harden`: closes, in the database itself, every way to change the role from inside
//! code, and gives each tenant its own advisory locks and notification channels.
//!
//! What is moved and why is in docs/adr/0006. PostgreSQL refuses to change role or session
//! authorization while a SECURITY DEFINER function runs, in everything that it calls. So every routine of
//! a tenant is made one, owned by the tenant, and so is what stands in the place of `set_config`.

mod audit;
mod builtins;
mod parts;
mod state;

use tokio_postgres::{Client, GenericClient};

pub(super) use audit::weaknesses;
pub use audit::{AuditFinding, Severity};
pub use state::{HardeningState, hardening_state};

use crate::control::harden::builtins::{Builtin, Kind};
use crate::control::harden::parts::{EVENT_TRIGGERS, Names, ROUTINES, SCHEMA, literal};
use crate::control::init::{self, InitPlan};
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step, level, shared, spares};
use crate::registry::store;
use crate::tenant::Ident;

/// Version of the hardening that this program installs; `pgtenant_guard.version()` says which is there.
pub const HARDENING_VERSION: i32 = 3;

/// Start of the name of the role that owns the wrappers.
pub(super) const GUARD_ROLE_PREFIX: &str = "pgtenant_guard_";

/// Marks the guard's role as ours.
const ROLE_COMMENT: &str = "pgtenant: owns the functions of the hardening, has no rights of its own";

/// Whether to keep what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Yes.
    Apply,
    /// No: everything is tried and taken back.
    Dry,
}

/// What was done, and what weakens it that it cannot repair.
#[derive(Clone, Debug)]
pub struct HardenReport {
    /// What was done.
    pub steps: Vec<Step>,
    /// What an administrator should look at, the worst first.
    pub findings: Vec<AuditFinding>,
}

/// `init`, then the hardening, in one transaction. Can be run again; brings an older version up to date.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn harden(client: &mut Client, plan: &InitPlan, run: Run) -> Result<HardenReport, ControlError> {
    let tx = client.transaction().await?;
    require_superuser(&tx, "--harden").await?;
    let (mut steps, pool) = init::run_in(&tx, plan).await?;
    let names = names(&tx).await?;
    install(&tx, &names, &mut steps).await?;
    steps.extend(shared::open_set_config(&tx, &pool).await?);
    if plan.spares {
        steps.extend(spares::ensure(&tx, &plan.secrets.master_key).await?);
    }
    store::set_hardened(&tx, true).await?;
    let findings = audit::findings(&tx, &names).await?;
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(HardenReport { steps, findings })
}

/// Takes the hardening out again, in one transaction: PostgreSQL's functions and languages are as they
/// were. Routines of tenants stay SECURITY DEFINER.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn remove_hardening(client: &mut Client, run: Run) -> Result<Vec<Step>, ControlError> {
    let tx = client.transaction().await?;
    init::lock(&tx).await?;
    require_superuser(&tx, "--remove-hardening").await?;
    let names = names(&tx).await?;
    level::refuse_code_of_shared(&tx).await?;
    let steps = uninstall(&tx, &names).await?;
    store::set_hardened(&tx, false).await?;
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(steps)
}

/// PostgreSQL's own functions belong to its first superuser, and only a superuser makes event triggers.
async fn require_superuser(client: &impl GenericClient, flag: &str) -> Result<(), ControlError> {
    let row = client
        .query_one(
            "SELECT r.rolname::text, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER",
            &[],
        )
        .await?;
    if row.try_get(1)? {
        return Ok(());
    }
    Err(ControlError::NotSuperuser { role: row.try_get(0)?, flag: flag.to_owned() })
}

/// The roles' names in this database.
async fn names(client: &impl GenericClient) -> Result<Names, ControlError> {
    store::require_current(client).await?;
    let installation = store::installation(client).await?.ok_or(ControlError::NoInstallation)?;
    let row = client.query_one("SELECT pg_catalog.current_database()::text", &[]).await?;
    let guard_role = init::role_for_database(GUARD_ROLE_PREFIX, row.try_get(0)?);
    Ok(Names { tenants_role: installation.tenants_role, guard_role })
}

async fn install(
    client: &impl GenericClient,
    names: &Names,
    steps: &mut Vec<Step>,
) -> Result<(), ControlError> {
    if let Some(found) = state::version(client).await?.filter(|found| *found > HARDENING_VERSION) {
        return Err(ControlError::NewerHardening { found, known: HARDENING_VERSION });
    }
    steps.push(ensure_role(client, names).await?);
    let vault = ensure_schema(client, names).await?;
    client
        .batch_execute(
            &names.fill(
                "GRANT USAGE ON SCHEMA pgtenant TO {guard}; GRANT SELECT ON pgtenant.channels TO {guard}",
            ),
        )
        .await?;
    let mut own = vault;
    for routine in &ROUTINES {
        own = worst(own, routine.ensure(client, names).await?);
    }
    steps.push(Step::new(own, format!("schema {SCHEMA}, version {HARDENING_VERSION} of the hardening")));
    let builtins = builtins::read(client, names).await?;
    for (kind, what) in Kind::ALL {
        let mut outcome = Outcome::Unchanged;
        for builtin in builtins.iter().filter(|builtin| builtin.kind() == kind) {
            outcome = worst(outcome, builtin.ensure(client, names).await?);
        }
        steps.push(Step::new(outcome, what));
    }
    steps.push(take_validators(client).await?);
    steps.push(ensure_event_triggers(client).await?);
    steps.extend(repair(client, names).await?);
    // Nobody hears of success that was not looked at.
    let defects = state::defects(client, names).await?;
    let broken: Vec<String> = defects.into_iter().filter(|defect| !defect.starts_with("routine ")).collect();
    if broken.is_empty() { Ok(()) } else { Err(ControlError::HardeningDefects(broken)) }
}

/// What to say of many parts as one.
const fn worst(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Changed, _) | (_, Outcome::Changed) => Outcome::Changed,
        (Outcome::Created, _) | (_, Outcome::Created) => Outcome::Created,
        _ => Outcome::Unchanged,
    }
}

/// Owns the wrappers, and can do nothing else. A role of that name without our mark is a stranger's.
async fn ensure_role(client: &impl GenericClient, names: &Names) -> Result<Step, ControlError> {
    let guard = &names.guard_role;
    let row = client
        .query_opt(
            "SELECT pg_catalog.shobj_description(r.oid, 'pg_authid') FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
            &[&guard.as_str()],
        )
        .await?;
    if let Some(row) = row
        && row.try_get::<_, Option<&str>>(0)? != Some(ROLE_COMMENT)
    {
        return Err(ControlError::ForeignRole(guard.as_str().to_owned()));
    }
    let outcome = role::ensure(client, guard, RoleKind::Shared).await?;
    client.batch_execute(&format!("COMMENT ON ROLE {guard} IS {}", literal(ROLE_COMMENT))).await?;
    Ok(Step::new(outcome, format!("role {}, owns the hardening's functions", guard.as_str())))
}

/// A schema of that name without our version is a stranger's.
async fn ensure_schema(client: &impl GenericClient, names: &Names) -> Result<Outcome, ControlError> {
    let found = client
        .query_opt(
            "SELECT pg_catalog.array_agg(p.proname::text) @> ARRAY['version', 'tenant']
             FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid
             WHERE n.nspname = $1 GROUP BY n.oid
             UNION ALL SELECT false FROM pg_catalog.pg_namespace n
             WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid)",
            &[&SCHEMA],
        )
        .await?;
    let ours: Option<bool> = found.map(|row| row.try_get(0)).transpose()?;
    if ours == Some(false) {
        return Err(ControlError::ForeignGuardSchema);
    }
    let rights =
        "SELECT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a WHERE a.privilege_type = 'USAGE'
                                 AND a.grantee = pg_catalog.to_regrole({guard_role})::pg_catalog.oid)
                     AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a
                                     WHERE a.grantee = 0 OR a.grantee IN ({holders}))
                     AND (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid = n.nspowner)
                  FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant_guard'";
    let right = match ours {
        None => false,
        Some(_) => client.query_one(&names.fill(rights), &[]).await?.try_get(0)?,
    };
    if !right {
        client
            .batch_execute(&names.fill(
                "CREATE SCHEMA IF NOT EXISTS pgtenant_guard;
                 ALTER SCHEMA pgtenant_guard OWNER TO CURRENT_USER;
                 REVOKE ALL ON SCHEMA pgtenant_guard FROM PUBLIC;
                 GRANT USAGE ON SCHEMA pgtenant_guard TO {guard}",
            ))
            .await?;
        revoke_from_tenants(client, names).await?;
    }
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS pgtenant_guard.originals (
                 name text NOT NULL, types text NOT NULL, acl text, PRIMARY KEY (name, types))",
        )
        .await?;
    Ok(match (ours, right) {
        (None, _) => Outcome::Created,
        (Some(_), false) => Outcome::Changed,
        (Some(_), true) => Outcome::Unchanged,
    })
}

/// Takes what somebody granted tenants on the schema.
async fn revoke_from_tenants(client: &impl GenericClient, names: &Names) -> Result<(), ControlError> {
    let rows = client
        .query(
            &names.fill(
                "SELECT DISTINCT pg_catalog.format('REVOKE ALL ON SCHEMA pgtenant_guard FROM %I',
                     pg_catalog.pg_get_userbyid(a.grantee))
                 FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
                 WHERE n.nspname = 'pgtenant_guard' AND a.grantee IN ({holders})",
            ),
            &[],
        )
        .await?;
    for row in rows {
        client.batch_execute(row.try_get(0)?).await?;
    }
    Ok(())
}

/// PostgreSQL checks a new function's body before event triggers run, with the function's own settings
/// in force, and a check can run code. So the check is taken out of the languages, and an event trigger
/// makes up for it once the function is what it has to be. The validators check only functions of a
/// language that names them: each gets one, untrusted and without a handler, so that nothing can be
/// written in it or run.
async fn take_validators(client: &impl GenericClient) -> Result<Step, ControlError> {
    let mut taken = 0;
    for sql in [
        "UPDATE pg_catalog.pg_language SET lanvalidator = 0
         WHERE lanname IN ('sql', 'plpgsql') AND lanvalidator <> 0",
        "DELETE FROM pg_catalog.pg_language WHERE lanname IN ('pgtenant_guard_sql', 'pgtenant_guard_plpgsql')
         AND (lanispl OR lanpltrusted OR lanplcallfoid <> 0 OR laninline <> 0 OR lanacl IS NOT NULL
              OR lanvalidator <> CASE lanname
                  WHEN 'pgtenant_guard_sql' THEN 'pg_catalog.fmgr_sql_validator(oid)'::pg_catalog.regprocedure
                  ELSE 'pg_catalog.plpgsql_validator(oid)'::pg_catalog.regprocedure END)",
        "INSERT INTO pg_catalog.pg_language
             (oid, lanname, lanowner, lanispl, lanpltrusted, lanplcallfoid, laninline, lanvalidator)
         SELECT pg_catalog.pg_nextoid('pg_catalog.pg_language', 'oid', 'pg_catalog.pg_language_oid_index'),
             'pgtenant_guard_' || l.lanname, l.lanowner, false, false, 0, 0,
             CASE l.lanname WHEN 'sql' THEN 'pg_catalog.fmgr_sql_validator(oid)'::pg_catalog.regprocedure
                            ELSE 'pg_catalog.plpgsql_validator(oid)'::pg_catalog.regprocedure END
         FROM pg_catalog.pg_language l WHERE l.lanname IN ('sql', 'plpgsql')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_language o WHERE o.lanname = 'pgtenant_guard_' || l.lanname)",
    ] {
        taken += client.execute(sql, &[]).await?;
    }
    let outcome = if taken == 0 { Outcome::Unchanged } else { Outcome::Created };
    Ok(Step::new(outcome, "languages sql and plpgsql, bodies checked after SECURITY DEFINER is set"))
}

async fn ensure_event_triggers(client: &impl GenericClient) -> Result<Step, ControlError> {
    let mut outcome = Outcome::Unchanged;
    for (name, tags, function) in EVENT_TRIGGERS {
        let row = client
            .query_opt(
                "SELECT e.evtevent = 'ddl_command_end' AND e.evtenabled = 'A' AND r.rolsuper
                     AND e.evttags @> $2 AND e.evttags <@ $2
                     AND p.proname = $3 AND n.nspname = 'pgtenant_guard'
                 FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
                 JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                 JOIN pg_catalog.pg_roles r ON r.oid = e.evtowner WHERE e.evtname = $1",
                &[&name, &tags, &function],
            )
            .await?;
        let right: Option<bool> = row.map(|row| row.try_get(0)).transpose()?;
        if right == Some(true) {
            continue;
        }
        let list: Vec<String> = tags.iter().map(|tag| literal(tag)).collect();
        client
            .batch_execute(&format!(
                "DROP EVENT TRIGGER IF EXISTS {name};
                 CREATE EVENT TRIGGER {name} ON ddl_command_end WHEN TAG IN ({})
                     EXECUTE FUNCTION {SCHEMA}.{function}();
                 ALTER EVENT TRIGGER {name} ENABLE ALWAYS",
                list.join(", ")
            ))
            .await?;
        outcome = worst(outcome, if right.is_some() { Outcome::Changed } else { Outcome::Created });
    }
    Ok(Step::new(outcome, "event triggers, routines of tenants are SECURITY DEFINER"))
}

/// Puts right the routines tenants had before.
async fn repair(client: &impl GenericClient, names: &Names) -> Result<Vec<Step>, ControlError> {
    let rows = client.query(&names.fill(include_str!("harden/repair.sql")), &[]).await?;
    let mut steps = Vec::new();
    for row in rows {
        let (script, routine): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        client.batch_execute(script).await?;
        steps.push(Step::new(
            Outcome::Changed,
            format!("routine {routine}, SECURITY DEFINER and without a role of its own"),
        ));
    }
    Ok(steps)
}

async fn uninstall(client: &impl GenericClient, names: &Names) -> Result<Vec<Step>, ControlError> {
    let absent = || vec![Step::new(Outcome::Unchanged, "no hardening is installed")];
    match state::version(client).await? {
        None => return Ok(absent()),
        Some(found) if found > HARDENING_VERSION => {
            return Err(ControlError::NewerHardening { found, known: HARDENING_VERSION });
        }
        Some(_) => {}
    }
    for (name, ..) in EVENT_TRIGGERS {
        client.batch_execute(&format!("DROP EVENT TRIGGER IF EXISTS {name}")).await?;
    }
    let builtins = builtins::read(client, names).await?;
    for builtin in &builtins {
        builtin.restore(client).await?;
    }
    client
        .batch_execute(
            "UPDATE pg_catalog.pg_language SET lanvalidator = 'pg_catalog.fmgr_sql_validator(oid)'::regprocedure
             WHERE lanname = 'sql';
             UPDATE pg_catalog.pg_language SET lanvalidator = 'pg_catalog.plpgsql_validator(oid)'::regprocedure
             WHERE lanname = 'plpgsql';
             DELETE FROM pg_catalog.pg_language WHERE lanname IN ('pgtenant_guard_sql', 'pgtenant_guard_plpgsql')",
        )
        .await?;
    for routine in &ROUTINES {
        let sql = format!("DROP FUNCTION IF EXISTS {SCHEMA}.{}({})", routine.name, routine.types);
        client.batch_execute(&sql).await?;
    }
    drop_copies(client, &builtins).await?;
    client
        .batch_execute(
            &names.fill(
                "REVOKE ALL ON pgtenant.channels FROM {guard}; REVOKE ALL ON SCHEMA pgtenant FROM {guard}",
            ),
        )
        .await?;
    client.batch_execute(&format!("DROP TABLE IF EXISTS {SCHEMA}.originals; DROP SCHEMA {SCHEMA}")).await?;
    let mut steps = vec![
        Step::new(Outcome::Removed, format!("schema {SCHEMA}, event triggers, wrappers")),
        Step::new(Outcome::Changed, "PostgreSQL's functions and languages, as they were before"),
        Step::new(
            Outcome::Unchanged,
            "routines of tenants stay SECURITY DEFINER, which takes nothing from them",
        ),
    ];
    steps.extend(drop_role(client, &names.guard_role).await?);
    Ok(steps)
}

/// What a restored dump has made of the moved functions.
async fn drop_copies(client: &impl GenericClient, builtins: &[Builtin]) -> Result<(), ControlError> {
    for builtin in builtins {
        client.batch_execute(&builtin.fill("DROP FUNCTION IF EXISTS pgtenant_guard.{name}({types})")).await?;
    }
    Ok(())
}

/// Unless something elsewhere on the server is still its own.
async fn drop_role(client: &impl GenericClient, guard: &Ident) -> Result<Option<Step>, ControlError> {
    let row = client
        .query_opt(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                            WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid)
             FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
            &[&guard.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get(0)? {
        let what = format!("role {}, which is used elsewhere and stays", guard.as_str());
        return Ok(Some(Step::new(Outcome::Unchanged, what)));
    }
    client.batch_execute(&format!("DROP ROLE {guard}")).await?;
    Ok(Some(Step::new(Outcome::Removed, format!("role {}", guard.as_str()))))
}

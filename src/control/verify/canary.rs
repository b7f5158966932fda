//! Two tenants of verify's own attack each other through a running proxy.
//!
//! They are made for a run and removed at its end, also where it fails; what a run left that was killed, the next one removes.
//! What a run's victim has carries a marker of its own, and nothing of it may be in any byte that the attacker is given.

mod pair;
mod scene;

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use crate::config::Config;
use crate::control::verify::canary::pair::Pair;
use crate::control::verify::canary::scene::Scene;
use crate::control::verify::{Finding, Fix, VerifyError, of_cluster};
use crate::server::connect::Endpoint;
use crate::tenant::{ClusterName, Level};

/// An attack at one level that takes longer is given up.
const WHOLE: Duration = Duration::from_secs(300);

/// Whoever waits longer for an answer goes on without it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the two are made: the administrator's connections.
#[derive(Debug)]
pub struct Ground<'a> {
    /// To the database that the registry is in.
    pub main: &'a mut Client,
    /// To the cluster that is attacked, where that is another one.
    pub other: Option<(&'a ClusterName, &'a mut Client)>,
}

impl Ground<'_> {
    /// The cluster that is attacked.
    fn cluster(&self) -> ClusterName {
        self.other.as_ref().map_or(ClusterName::MAIN, |(name, _)| (*name).clone())
    }

    /// To where the schemas and the roles of the two are.
    fn there(&self) -> &Client {
        self.other.as_ref().map_or(&*self.main, |(_, there)| &**there)
    }
}

/// What came of the attack at one level.
#[derive(Debug)]
pub struct Attacked {
    /// Where both tenants were.
    pub cluster: ClusterName,
    /// The level of both tenants.
    pub level: Level,
    /// Attacks sent.
    pub sent: usize,
    /// Those that were answered by an error.
    pub refused: usize,
    /// Those that ran on the very server connection that the victim had used right before.
    pub on_victims_connection: usize,
    /// What succeeded.
    pub findings: Vec<Finding>,
}

/// The levels of a cluster's tenants in service, by the registry of `main`; without tenants that of new ones.
///
/// # Errors
/// When the registry does not answer.
pub async fn levels_in_use(
    main: &Client,
    config: &Config,
    cluster: &ClusterName,
) -> Result<Vec<Level>, VerifyError> {
    let sql =
        "SELECT DISTINCT isolation FROM pgtenant.tenants WHERE status = 'active' AND cluster = $1 ORDER BY 1";
    let rows = main.query(sql, &[&cluster.as_str()]).await?;
    let mut levels = Vec::new();
    for row in rows {
        levels.extend(Level::from_word(row.try_get(0)?));
    }
    if levels.is_empty() {
        levels.push(config.tenants.level);
    }
    Ok(levels)
}

/// Makes two tenants, attacks, and removes them. The configuration is that of `main`: clients of all clusters name its database.
///
/// # Errors
/// [`VerifyError`] where nothing could be tried: the tenants could not be made, or the proxy lets them not in. They are
/// removed then too.
pub async fn attack(
    ground: &mut Ground<'_>,
    config: &Config,
    proxy: &Endpoint,
    level: Level,
) -> Result<Attacked, VerifyError> {
    pair::remove_leftovers(ground).await?;
    let pair = Pair::create(ground, config, level).await?;
    let attacked = attack_with(ground.there(), config, proxy, &pair).await;
    let removed = pair.remove(ground).await;
    let mut attacked = attacked?;
    attacked.cluster = ground.cluster();
    if let Err(error) = removed {
        attacked.findings.push(Finding {
            check: super::checks::known("canary_leftover"),
            object: format!("{} and {}", pair.attacker.slug, pair.victim.slug),
            found: error.to_string(),
            fix: Fix::Command("pgtenant verify".to_owned()),
        });
    }
    attacked.findings = of_cluster(attacked.findings, &attacked.cluster);
    Ok(attacked)
}

async fn attack_with(
    admin: &Client,
    config: &Config,
    proxy: &Endpoint,
    pair: &Pair,
) -> Result<Attacked, VerifyError> {
    let mut scene = Scene::set(admin, config, proxy, pair).await?;
    let before = pair.digest(admin).await?;
    let attacking = async {
        scene.send_all().await?;
        scene.notify().await?;
        scene.lock().await?;
        scene.leave_and_look().await?;
        scene.cancel().await
    };
    timeout(WHOLE, attacking).await.unwrap_or_else(|_| {
        Err(VerifyError::Proxy(format!(
            "the attack came to no end within {WHOLE:?}; are server connections free?"
        )))
    })?;
    let mut attacked = scene.end().await;
    let after = pair.digest(admin).await?;
    for (part, was) in &before {
        let is = after.iter().find(|(now, _)| now == part).map_or("", |(_, is)| is.as_str());
        if is != was {
            attacked.findings.push(hole(
                "canary_write",
                format!("level {}: {part} of {}", pair.level.as_str(), pair.victim.slug),
                "not as before the attack".to_owned(),
            ));
        }
    }
    Ok(attacked)
}

/// An attack that succeeded.
fn hole(id: &'static str, object: String, found: String) -> Finding {
    let fix = "mend what the audit found first, and run this again; where it found nothing, stop the proxies and report it as \
               SECURITY.md says";
    Finding { check: super::checks::known(id), object, found, fix: Fix::Words(fix.to_owned()) }
}

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
use crate::control::verify::{Finding, Fix, VerifyError};
use crate::server::connect::Endpoint;
use crate::tenant::Level;

/// An attack at one level that takes longer is given up.
const WHOLE: Duration = Duration::from_secs(300);

/// Whoever waits longer for an answer goes on without it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of the attack at one level.
#[derive(Debug)]
pub struct Attacked {
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

/// The levels of the tenants in service; without tenants that of new ones.
///
/// # Errors
/// When the registry does not answer.
pub async fn levels_in_use(client: &Client, config: &Config) -> Result<Vec<Level>, VerifyError> {
    let rows = client
        .query("SELECT DISTINCT isolation FROM pgtenant.tenants_here WHERE status = 'active' ORDER BY 1", &[])
        .await?;
    let mut levels = Vec::new();
    for row in rows {
        levels.extend(Level::from_word(row.try_get(0)?));
    }
    if levels.is_empty() {
        levels.push(config.tenants.level);
    }
    Ok(levels)
}

/// Makes two tenants, attacks, and removes them.
///
/// # Errors
/// [`VerifyError`] where nothing could be tried: the tenants could not be made, or the proxy lets them not in. They are
/// removed then too.
pub async fn attack(
    admin: &mut Client,
    config: &Config,
    proxy: &Endpoint,
    level: Level,
) -> Result<Attacked, VerifyError> {
    pair::remove_leftovers(admin).await?;
    let pair = Pair::create(admin, config, level).await?;
    let attacked = attack_with(admin, config, proxy, &pair).await;
    let removed = pair.remove(admin).await;
    let mut attacked = attacked?;
    if let Err(error) = removed {
        attacked.findings.push(Finding {
            check: super::checks::known("canary_leftover"),
            object: format!("{} and {}", pair.attacker.slug, pair.victim.slug),
            found: error.to_string(),
            fix: Fix::Command("pgtenant verify".to_owned()),
        });
    }
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

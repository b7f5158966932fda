//! The secret behind the answers to unknown users: made once, and sealed anew when the master key is replaced.

use tokio_postgres::GenericClient;

use crate::auth::{DECOY_BYTES, DecoySecret, SEAL_NONCE_BYTES};
use crate::config::Secrets;
use crate::control::{ControlError, Outcome, Step};
use crate::registry::master;

/// Where the secret of a registry comes from that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The registry is new: random bytes.
    New,
    /// It was made when unknown users were answered with the master key: they get the same answers.
    Older,
}

/// Sees to it that the registry has the secret, sealed with the master key. What another key has sealed is replaced only
/// where that key is lost: it could not be had again.
pub(super) async fn ensure(
    client: &impl GenericClient,
    origin: Origin,
    secrets: &Secrets,
    key_is_lost: bool,
) -> Result<Step, ControlError> {
    let what = "the secret for answers to unknown users";
    let Some(sealed) = master::sealed_decoy(client).await? else {
        let secret = match origin {
            Origin::New => random()?,
            Origin::Older => secrets.oldest().first_decoy(),
        };
        seal(client, &secret, secrets).await?;
        return Ok(Step::new(Outcome::Created, what));
    };
    if DecoySecret::open(&sealed, &secrets.master_key).is_ok() {
        return Ok(Step::new(Outcome::Unchanged, what));
    }
    match master::open_decoy(Some(&sealed), secrets) {
        Ok(secret) => {
            seal(client, &secret, secrets).await?;
            return Ok(Step::new(Outcome::Changed, format!("{what}, sealed with the new master key")));
        }
        Err(error) if !key_is_lost => return Err(error.into()),
        Err(_) => {}
    }
    seal(client, &random()?, secrets).await?;
    let what = format!(
        "{what}, NEW, because the key that sealed it is lost: who has asked for a user before can tell now \
         whether there is one; restart all proxies"
    );
    Ok(Step::new(Outcome::Changed, what))
}

/// Seals what either key opens with the one in force. Whether it was sealed with the other one.
pub(super) async fn reseal(client: &impl GenericClient, secrets: &Secrets) -> Result<bool, ControlError> {
    let sealed = master::sealed_decoy(client).await?;
    let secret = master::open_decoy(sealed.as_deref(), secrets)?;
    if sealed.is_some_and(|sealed| DecoySecret::open(&sealed, &secrets.master_key).is_ok()) {
        return Ok(false);
    }
    seal(client, &secret, secrets).await?;
    Ok(true)
}

async fn seal(
    client: &impl GenericClient,
    secret: &DecoySecret,
    secrets: &Secrets,
) -> Result<(), ControlError> {
    let mut nonce = [0; SEAL_NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(ControlError::Random)?;
    Ok(master::set_sealed_decoy(client, &secret.seal(&secrets.master_key, nonce)).await?)
}

fn random() -> Result<DecoySecret, ControlError> {
    let mut bytes = [0; DECOY_BYTES];
    getrandom::fill(&mut bytes).map_err(ControlError::Random)?;
    Ok(DecoySecret::new(&bytes))
}

//! Users of a tenant: added, given another password, removed.

use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;

use crate::control::provision::generate_password;
use crate::control::{ControlError, Outcome, Step};
use crate::registry::{store, users};
use crate::tenant::{Access, Ident, Slug};

/// What was done, and the password where it was made here.
#[derive(Debug)]
pub struct UserChange {
    /// The tenant of the user.
    pub tenant: Slug,
    /// What was done.
    pub step: Step,
    /// To be shown once.
    pub generated: Option<SecretString>,
}

/// Adds a user of a tenant. One that is there, and is this tenant's with this access, is left as it is.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn add_user(
    client: &mut Client,
    slug: &Slug,
    user: &Ident,
    access: Access,
    password: Option<SecretString>,
) -> Result<UserChange, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, slug).await?;
    let found = store::summaries(&tx, Some(slug)).await?.pop();
    let tenant = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant;
    if let Some((owner, has)) = store::owner_of_user(&tx, user.as_str()).await? {
        if owner != tenant.id {
            return Err(ControlError::UserTaken(user.as_str().to_owned()));
        }
        if has != Some(access) {
            return Err(ControlError::UserDiffers(user.as_str().to_owned()));
        }
        let step = Step::new(Outcome::Unchanged, format!("user {}, its password too", user.as_str()));
        return Ok(UserChange { tenant: slug.clone(), step, generated: None });
    }
    if access == Access::ReadOnly && tenant.reader_role.is_none() {
        return Err(ControlError::NoReaderRole(slug.clone()));
    }
    let (verifier, generated) = verifier(password)?;
    if !store::insert_user(&tx, user, tenant.id, &verifier, access).await? {
        return Err(ControlError::UserTaken(user.as_str().to_owned()));
    }
    tx.commit().await?;
    let step = Step::new(Outcome::Created, format!("user {}", user.as_str()));
    Ok(UserChange { tenant: slug.clone(), step, generated })
}

/// Gives a user another password. Its sessions go on; from now on it logs in with the new one only.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn set_user_password(
    client: &mut Client,
    user: &Ident,
    password: Option<SecretString>,
) -> Result<UserChange, ControlError> {
    store::require_current(client).await?;
    let (verifier, generated) = verifier(password)?;
    let tenant = users::set_verifier(client, user, &verifier).await?;
    let tenant = tenant.ok_or_else(|| ControlError::UnknownUser(user.as_str().to_owned()))?;
    let step = Step::new(Outcome::Changed, format!("password of user {}", user.as_str()));
    Ok(UserChange { tenant, step, generated })
}

/// Removes a user. Running proxies end its sessions at once.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn remove_user(client: &mut Client, user: &Ident) -> Result<UserChange, ControlError> {
    store::require_current(client).await?;
    let tenant = users::remove(client, user).await?;
    let tenant = tenant.ok_or_else(|| ControlError::UnknownUser(user.as_str().to_owned()))?;
    let step = Step::new(Outcome::Removed, format!("user {}", user.as_str()));
    Ok(UserChange { tenant, step, generated: None })
}

fn verifier(password: Option<SecretString>) -> Result<(String, Option<SecretString>), ControlError> {
    let (password, is_generated) = match password {
        Some(password) => (password, false),
        None => (generate_password()?, true),
    };
    let verifier = scram_sha_256(password.expose_secret().as_bytes());
    Ok((verifier, is_generated.then_some(password)))
}

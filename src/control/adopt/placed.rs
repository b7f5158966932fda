//! Adopting a schema on another cluster than that of the installation's registry.

use tokio_postgres::Client;

use crate::auth::MasterKey;
use crate::config::Schemas;
use crate::control::adopt::{Adopted, Adoption, Known, enter, register, take};
use crate::control::placed::{Reserved, bring_up_in, held, release};
use crate::control::{ControlError, Run, provision};
use crate::registry::store;
use crate::tenant::{ClusterName, TenantId, TenantNames};

/// As [`adopt`](crate::control::adopt), on the cluster of this name. It is known and in service in `main` when it is the tenant's
/// there. Run again after whatever kept it from its end, it goes on.
///
/// # Errors
/// [`ControlError`]; nothing was changed on the cluster then, or what is to be done is done by running it again.
pub async fn adopt_at(
    (main, there): (&mut Client, &mut Client),
    adoption: &Adoption,
    cluster: &ClusterName,
    (master_key, schemas): (&MasterKey, &Schemas),
    run: Run,
) -> Result<Adopted, ControlError> {
    store::require_current(&*there).await?;
    let tx = main.transaction().await?;
    let entry = register(&tx, adoption, cluster, master_key).await?;
    let tenant = &entry.found.tenant;
    let reserved =
        Reserved { id: tenant.id, names: tenant.names.clone(), created: entry.created, comes: false };
    let how = (master_key, schemas, run);
    if run == Run::Dry {
        let done = on_cluster(there, adoption, (reserved.id, &reserved.names), how).await?;
        tx.rollback().await?;
        return Ok(Adopted { summary: entry.found, created: entry.created, ..done });
    }
    tx.commit().await?;
    let done = match on_cluster(there, adoption, (reserved.id, &reserved.names), how).await {
        Ok(done) => done,
        Err(error) => {
            release(main, there, &reserved).await;
            return Err(error);
        }
    };
    let tx = main.transaction().await?;
    let before = held(&tx, &adoption.slug).await?;
    bring_up_in(&tx, there, &before.tenant).await?;
    store::activate(&tx, reserved.id).await?;
    let summary = provision::read(&tx, &adoption.slug).await?;
    tx.commit().await?;
    Ok(Adopted { summary, created: entry.created, ..done })
}

/// In one transaction there, under the id and the names that `main` has given it.
async fn on_cluster(
    there: &mut Client,
    adoption: &Adoption,
    (id, names): (TenantId, &TenantNames),
    (master_key, schemas, run): (&MasterKey, &Schemas, Run),
) -> Result<Adopted, ControlError> {
    // What only `main` knows of a tenant.
    let known = Some(Known { id: id.0, name: None, stripe_customer_id: None });
    let bare = Adoption { known, ..adoption.clone() };
    let tx = there.transaction().await?;
    let entry = enter(&tx, &bare, (id, &ClusterName::MAIN), names.clone(), master_key).await?;
    if entry.found.tenant.id != id {
        return Err(ControlError::SlugTaken(adoption.slug.clone()));
    }
    let done = take(&tx, &bare, &entry, (master_key, schemas)).await?;
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(done)
}

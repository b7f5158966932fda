//! Requests of the HTTP API that must not count twice.

use tokio_postgres::{Error, GenericClient};

/// What is known of a request with this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is written down now, and is to be carried out.
    New,
    /// It is being carried out.
    Running,
    /// It has an answer: the status, and what was sealed.
    Answered(u16, Vec<u8>),
    /// The key was used for another request.
    Other,
}

/// Writes a request down, unless it is known. What is older than a day is forgotten, and what had no answer after two
/// minutes: whoever carried it out is gone.
///
/// # Errors
/// When the database refuses.
pub async fn begin(client: &impl GenericClient, key: &str, fingerprint: &[u8]) -> Result<Known, Error> {
    let forget = "DELETE FROM pgtenant.api_requests WHERE created_at < pg_catalog.now() - interval '1 day'
            OR status IS NULL AND created_at < pg_catalog.now() - interval '2 minutes'";
    client.execute(forget, &[]).await?;
    let insert =
        "INSERT INTO pgtenant.api_requests (key, fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    if client.execute(insert, &[&key, &fingerprint]).await? == 1 {
        return Ok(Known::New);
    }
    let find = "SELECT fingerprint = $2, status, answer FROM pgtenant.api_requests WHERE key = $1";
    let Some(row) = client.query_opt(find, &[&key, &fingerprint]).await? else {
        // Given up at this moment.
        return Ok(Known::Running);
    };
    let status: Option<i32> = row.try_get(1)?;
    Ok(match (row.try_get(0)?, status.and_then(|status| u16::try_from(status).ok())) {
        (false, _) => Known::Other,
        (true, Some(status)) => Known::Answered(status, row.try_get(2)?),
        (true, None) => Known::Running,
    })
}

/// Keeps the answer.
///
/// # Errors
/// When the database refuses.
pub async fn answer(client: &impl GenericClient, key: &str, status: u16, sealed: &[u8]) -> Result<(), Error> {
    let sql = "UPDATE pgtenant.api_requests SET status = $2, answer = $3 WHERE key = $1";
    client.execute(sql, &[&key, &i32::from(status), &sealed]).await.map(drop)
}

/// Forgets a request that came to nothing, so that it can be sent again.
///
/// # Errors
/// When the database refuses.
pub async fn forget(client: &impl GenericClient, key: &str) -> Result<(), Error> {
    client.execute("DELETE FROM pgtenant.api_requests WHERE key = $1", &[&key]).await.map(drop)
}

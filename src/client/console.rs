//! The admin console: a client that asked for it instead of a tenant's database.
//!
//! It has no tenant, no session and no server connection, and nothing that it sends is SQL for anybody. What it may say is
//! in [`crate::console`]; here are its bytes, and what its commands do.

mod desk;
mod visit;

use std::sync::Arc;

use crate::client::console::desk::Desk;
pub(super) use crate::client::console::visit::{Proof, Visitor, Visits};
use crate::client::{Shared, audit, farewell};
use crate::console::{Conversation, MAX_MESSAGE_BYTES, Next};
use crate::net::stream::Stream;
use crate::session::Refusal;
use crate::wire::frame::{FrameHead, HEAD_BYTES};

/// Room for one read.
const CHUNK: usize = 4 << 10;

/// Why a visit ends.
enum End {
    /// The client left, or broke the protocol and knows.
    Gone,
    /// It is told why.
    Told(Refusal),
}

/// Serves somebody who has logged in to the console, to the end.
pub(super) async fn run(shared: Arc<Shared>, mut stream: Stream, visitor: Visitor) {
    let peer = stream.peer();
    audit::console_begun(&visitor, peer);
    let mut inbox = visitor.early.clone();
    let expires = visitor.expires;
    let stop = shared.shutdown.clone();
    let mut desk = Desk::new(shared, &visitor);
    let end = {
        let talking = talk(&mut stream, &mut inbox, &mut desk);
        let expired = async {
            match expires {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = talking => end,
            () = expired => End::Told(farewell::expired(visitor.ends_with)),
            () = stop.cancelled() => End::Told(farewell::shutting_down()),
        }
    };
    if let End::Told(refusal) = end {
        super::say(&mut stream, &refusal).await;
    }
    audit::console_ended(&visitor);
}

/// Reads messages and writes answers until one of both cannot go on.
async fn talk(stream: &mut Stream, inbox: &mut Vec<u8>, desk: &mut Desk) -> End {
    let mut conversation = Conversation::default();
    loop {
        let mut out = Vec::new();
        loop {
            let (tag, body) = match message(inbox) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(refusal) => return End::Told(refusal),
            };
            let next = tokio::select! {
                biased;
                next = conversation.on_message(tag, &body, desk, &mut out) => next,
                // It may take long, and who has left waits for nothing.
                () = departure(stream, inbox) => return End::Gone,
            };
            if next == Next::End {
                let _ = stream.write_all(&out).await;
                return End::Gone;
            }
        }
        if stream.write_all(&out).await.is_err() {
            return End::Gone;
        }
        if fill(stream, inbox).await.is_none() {
            return End::Gone;
        }
    }
}

/// The next whole message, taken out.
fn message(inbox: &mut Vec<u8>) -> Result<Option<(u8, Vec<u8>)>, Refusal> {
    let head = FrameHead::parse(inbox).map_err(|error| Refusal::protocol(error.to_string()))?;
    let Some(head) = head else { return Ok(None) };
    if head.total > MAX_MESSAGE_BYTES {
        return Err(Refusal::protocol(format!(
            "messages to the console have {MAX_MESSAGE_BYTES} bytes at most"
        )));
    }
    if inbox.len() < head.total {
        return Ok(None);
    }
    let body = inbox[HEAD_BYTES..head.total].to_vec();
    inbox.drain(..head.total);
    Ok(Some((head.tag, body)))
}

/// Reads once. `None` at the end.
async fn fill(stream: &mut Stream, inbox: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; CHUNK];
    match stream.read(&mut chunk).await {
        Ok(0) | Err(_) => None,
        Ok(n) => {
            inbox.extend_from_slice(&chunk[..n]);
            Some(())
        }
    }
}

/// Resolves when the client leaves; what it says meanwhile is kept, as far as there is room.
async fn departure(stream: &mut Stream, inbox: &mut Vec<u8>) {
    while inbox.len() <= MAX_MESSAGE_BYTES {
        if fill(stream, inbox).await.is_none() {
            return;
        }
    }
    std::future::pending().await
}

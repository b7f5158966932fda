//! Bytes that the registry keeps and only the holder of the master key can read.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::zeroize::Zeroizing;
use thiserror::Error;

use crate::auth::MasterKey;

/// Random bytes that sealing takes.
pub const SEAL_NONCE_BYTES: usize = NONCE_LEN;

/// Why sealed bytes cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Sealed with another key, or not by us.
    #[error("sealed with another master key, or damaged")]
    Closed,
}

/// The nonce, then ChaCha20-Poly1305 of the bytes. No nonce is to be used twice. What was sealed under one label does not open under
/// another.
#[must_use]
pub fn seal(key: &MasterKey, label: &[u8], nonce: [u8; SEAL_NONCE_BYTES], bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    // Fails from 256 GiB on.
    let tag = cipher(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut sealed)
        .unwrap_or_else(|_| unreachable!("what is sealed is short"));
    [&nonce, sealed.as_slice(), tag.as_ref()].concat()
}

/// What [`seal`] made with the same key and label.
///
/// # Errors
/// [`SealError`].
pub fn open(key: &MasterKey, label: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, body) = sealed.split_first_chunk().ok_or(SealError::Closed)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(label), &mut body)
        .map_err(|_| SealError::Closed)?
        .len();
    body.truncate(length);
    Ok(body)
}

fn cipher(key: &MasterKey) -> LessSafeKey {
    // The only error is a wrong length.
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key.sealing_key());
    LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has 32 bytes")))
}

//! SCRAM-SHA-256 as the server plays it (RFC 5802, RFC 7677), from a stored verifier.
//!
//! The messages are pgwire's work; the checks around it are the ones it leaves to its caller.

use pgwire::api::auth::sasl::scram::{ScramSecret, ScramServerAuth, ScramServerAuthWaitingForClientFinal};
use thiserror::Error;

use crate::auth::Verifier;
use crate::wire::view::cstr;

/// The mechanism offered. Without TLS there is no channel to bind to, so no `-PLUS`.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// Why an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScramError {
    /// A message is not what the exchange has at this point.
    #[error("malformed SCRAM message")]
    Malformed,
    /// Another mechanism than offered.
    #[error("client selected an invalid SASL authentication mechanism")]
    Mechanism,
    /// The proof does not fit the verifier.
    #[error("password authentication failed")]
    WrongPassword,
}

/// The exchange after the client's first message.
#[derive(Debug)]
pub struct Challenge {
    state: ScramServerAuthWaitingForClientFinal,
}

/// Reads the body of SASLInitialResponse and makes the server's first message.
///
/// # Errors
/// [`ScramError`].
pub fn begin(body: &[u8], verifier: &Verifier) -> Result<(String, Challenge), ScramError> {
    let (mechanism, rest) = cstr(body).ok_or(ScramError::Malformed)?;
    if mechanism != MECHANISM.as_bytes() {
        return Err(ScramError::Mechanism);
    }
    let (length, data) = rest.split_first_chunk::<4>().ok_or(ScramError::Malformed)?;
    if usize::try_from(i32::from_be_bytes(*length)) != Ok(data.len()) {
        return Err(ScramError::Malformed);
    }
    // `p=` asks for channel binding, which only the -PLUS mechanism has.
    if !matches!(data.first(), Some(b'n' | b'y')) {
        return Err(ScramError::Malformed);
    }
    let secret = ScramSecret::Verifier {
        salt: verifier.salt.clone(),
        iterations: verifier.iterations.get() as usize,
        stored_key: verifier.stored_key.to_vec(),
        server_key: verifier.server_key.to_vec(),
    };
    let (message, state) = ScramServerAuth::new()
        .on_client_first_message_with_secret(data, secret)
        .map_err(|_| ScramError::Malformed)?;
    Ok((message, Challenge { state }))
}

impl Challenge {
    /// Checks the body of SASLResponse and makes the server's final message.
    ///
    /// # Errors
    /// [`ScramError`]. A proof that cannot be checked is a wrong password like any other.
    pub fn finish(self, body: &[u8]) -> Result<String, ScramError> {
        self.state.on_client_final_message(body).map_err(|_| ScramError::WrongPassword)
    }
}

#[cfg(test)]
mod tests {
    use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
    use postgres_protocol::password::scram_sha_256;

    use super::*;
    use crate::auth::MasterKey;

    fn initial(mechanism: &str, data: &[u8]) -> Vec<u8> {
        let length = i32::try_from(data.len()).unwrap().to_be_bytes();
        [mechanism.as_bytes(), &[0], &length, data].concat()
    }

    fn exchange(verifier: &Verifier, password: &[u8]) -> Result<(), ScramError> {
        let mut client = ScramSha256::new(password, ChannelBinding::unsupported());
        let (first, challenge) = begin(&initial(MECHANISM, client.message()), verifier)?;
        client.update(first.as_bytes()).unwrap();
        let last = challenge.finish(client.message())?;
        client.finish(last.as_bytes()).unwrap();
        Ok(())
    }

    #[test]
    fn right_password_is_proved_to_both_sides() {
        let verifier = Verifier::parse(&scram_sha_256(b"secret")).unwrap();
        assert_eq!(exchange(&verifier, b"secret"), Ok(()));
        assert_eq!(exchange(&verifier, b"Secret"), Err(ScramError::WrongPassword));
    }

    #[test]
    fn unknown_user_gets_an_exchange_that_no_password_wins() {
        let key = MasterKey::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(exchange(&Verifier::mock(&key, "nobody"), b""), Err(ScramError::WrongPassword));
    }

    #[test]
    fn other_mechanism_channel_binding_and_cut_messages_are_refused() {
        let verifier = Verifier::parse(&scram_sha_256(b"secret")).unwrap();
        let first = b"n,,n=,r=abcdefghijklmnop";
        let whole = initial(MECHANISM, first);
        assert!(begin(&whole, &verifier).is_ok());
        let refused = |body: &[u8]| begin(body, &verifier).unwrap_err();
        assert_eq!(refused(&initial("SCRAM-SHA-256-PLUS", first)), ScramError::Mechanism);
        assert_eq!(
            refused(&initial(MECHANISM, b"p=tls-server-end-point,,n=,r=abcdefgh")),
            ScramError::Malformed
        );
        for cut in 0..whole.len() {
            assert!(begin(&whole[..cut], &verifier).is_err(), "cut at {cut}");
        }
    }
}

//! SCRAM-SHA-256 as the server plays it (RFC 5802, RFC 7677), from a stored verifier.
//!
//! The messages are pgwire's work; the checks around it are the ones it leaves to its caller.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::{ScramSecret, ScramServerAuth, ScramServerAuthWaitingForClientFinal};
use thiserror::Error;

use crate::auth::Verifier;
use crate::wire::view::cstr;

/// The mechanism that is always offered.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// The one with channel binding. Without TLS there is no channel to bind to.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// What a client sends first when it binds its proof to the server's certificate (RFC 5802, section 7).
const BOUND: &[u8] = b"p=tls-server-end-point,";

/// Why an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScramError {
    /// A message is not what the exchange has at this point.
    #[error("malformed SCRAM message")]
    Malformed,
    /// Another mechanism than offered.
    #[error("client selected an invalid SASL authentication mechanism")]
    Mechanism,
    /// The client could bind its proof to the channel and believes that we cannot: somebody between told it so.
    #[error("SCRAM channel binding negotiation error")]
    Downgrade,
    /// The proof is bound to another certificate than the one shown: somebody is between.
    #[error("SCRAM channel binding check failed")]
    Binding,
    /// The proof does not fit the verifier.
    #[error("password authentication failed")]
    WrongPassword,
}

/// The certificate a client was shown, for it to bind its proof to.
#[derive(Clone)]
pub struct Binding {
    auth: ScramServerAuth,
    /// What the client's last message begins with.
    expected: Arc<str>,
}

impl Binding {
    /// For a certificate in DER and its `tls-server-end-point`. `None` where no proof can be bound to one of its kind.
    #[must_use]
    pub fn new(certificate: &[u8], end_point: &[u8]) -> Option<Self> {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(certificate)
        );
        let mut auth = ScramServerAuth::new();
        auth.configure_certificate(pem.as_bytes()).ok()?;
        let header = [BOUND, b",", end_point].concat();
        Some(Self { auth, expected: format!("c={},", STANDARD.encode(header)).into() })
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding")
    }
}

/// The mechanisms offered, the best first.
#[must_use]
pub const fn mechanisms(binding: Option<&Binding>) -> &'static [&'static str] {
    if binding.is_some() { &[MECHANISM_PLUS, MECHANISM] } else { &[MECHANISM] }
}

/// The exchange after the client's first message.
#[derive(Debug)]
pub struct Challenge {
    state: ScramServerAuthWaitingForClientFinal,
    /// Where the proof is bound.
    expected: Option<Arc<str>>,
}

/// Reads the body of SASLInitialResponse and makes the server's first message. With a `binding`, which is there only
/// where the channel is encrypted, the client may bind its proof to it.
///
/// # Errors
/// [`ScramError`].
pub fn begin(
    body: &[u8],
    verifier: &Verifier,
    binding: Option<&Binding>,
) -> Result<(String, Challenge), ScramError> {
    let (mechanism, rest) = cstr(body).ok_or(ScramError::Malformed)?;
    let plus = mechanism == MECHANISM_PLUS.as_bytes() && binding.is_some();
    if !plus && mechanism != MECHANISM.as_bytes() {
        return Err(ScramError::Mechanism);
    }
    let (length, data) = rest.split_first_chunk::<4>().ok_or(ScramError::Malformed)?;
    if usize::try_from(i32::from_be_bytes(*length)) != Ok(data.len()) {
        return Err(ScramError::Malformed);
    }
    // `p` binds, which is what -PLUS is for and nothing else; `y` would bind if we could; `n` cannot.
    match (data.first(), plus, binding) {
        (Some(b'p'), true, _) if data.starts_with(BOUND) => {}
        (Some(b'n'), false, _) | (Some(b'y'), false, None) => {}
        (Some(b'y'), false, Some(_)) => return Err(ScramError::Downgrade),
        _ => return Err(ScramError::Malformed),
    }
    let secret = ScramSecret::Verifier {
        salt: verifier.salt.clone(),
        iterations: verifier.iterations.get() as usize,
        stored_key: verifier.stored_key.to_vec(),
        server_key: verifier.server_key.to_vec(),
    };
    let auth = binding.map_or_else(ScramServerAuth::new, |binding| binding.auth.clone());
    let (message, state) =
        auth.on_client_first_message_with_secret(data, secret).map_err(|_| ScramError::Malformed)?;
    let expected = binding.filter(|_| plus).map(|binding| Arc::clone(&binding.expected));
    Ok((message, Challenge { state, expected }))
}

impl Challenge {
    /// Checks the body of SASLResponse and makes the server's final message.
    ///
    /// # Errors
    /// [`ScramError`]. A proof that cannot be checked is a wrong password like any other.
    pub fn finish(self, body: &[u8]) -> Result<String, ScramError> {
        if self.expected.is_some_and(|expected| !body.starts_with(expected.as_bytes())) {
            return Err(ScramError::Binding);
        }
        self.state.on_client_final_message(body).map_err(|_| ScramError::WrongPassword)
    }
}

#[cfg(test)]
mod tests {
    use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
    use postgres_protocol::password::scram_sha_256;

    use super::*;
    use crate::auth::DecoySecret;

    fn initial(mechanism: &str, data: &[u8]) -> Vec<u8> {
        let length = i32::try_from(data.len()).unwrap().to_be_bytes();
        [mechanism.as_bytes(), &[0], &length, data].concat()
    }

    fn exchange(verifier: &Verifier, password: &[u8]) -> Result<(), ScramError> {
        let mut client = ScramSha256::new(password, ChannelBinding::unsupported());
        let (first, challenge) = begin(&initial(MECHANISM, client.message()), verifier, None)?;
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
        let key = DecoySecret::new(&[7; 32]);
        assert_eq!(exchange(&Verifier::mock(&key, "nobody"), b""), Err(ScramError::WrongPassword));
    }

    #[test]
    fn other_mechanism_channel_binding_and_cut_messages_are_refused() {
        let verifier = Verifier::parse(&scram_sha_256(b"secret")).unwrap();
        let first = b"n,,n=,r=abcdefghijklmnop";
        let whole = initial(MECHANISM, first);
        assert!(begin(&whole, &verifier, None).is_ok());
        let refused = |body: &[u8]| begin(body, &verifier, None).unwrap_err();
        assert_eq!(refused(&initial("SCRAM-SHA-256-PLUS", first)), ScramError::Mechanism);
        assert_eq!(
            refused(&initial(MECHANISM, b"p=tls-server-end-point,,n=,r=abcdefgh")),
            ScramError::Malformed
        );
        for cut in 0..whole.len() {
            assert!(begin(&whole[..cut], &verifier, None).is_err(), "cut at {cut}");
        }
    }

    /// A certificate that is shown, and its hash.
    fn shown() -> (Vec<u8>, Vec<u8>) {
        use sha2::Digest;
        let made = rcgen::generate_simple_self_signed(vec!["db.example".to_owned()]).unwrap();
        let hash = sha2::Sha256::digest(made.cert.der()).to_vec();
        (made.cert.der().to_vec(), hash)
    }

    fn bound_exchange(seen: Vec<u8>, binding: &Binding) -> Result<(), ScramError> {
        let verifier = Verifier::parse(&scram_sha_256(b"secret")).unwrap();
        let mut client = ScramSha256::new(b"secret", ChannelBinding::tls_server_end_point(seen));
        let (first, challenge) = begin(&initial(MECHANISM_PLUS, client.message()), &verifier, Some(binding))?;
        client.update(first.as_bytes()).unwrap();
        let last = challenge.finish(client.message())?;
        client.finish(last.as_bytes()).unwrap();
        Ok(())
    }

    #[test]
    fn proof_is_bound_to_the_certificate_that_was_shown() {
        let (certificate, hash) = shown();
        let binding = Binding::new(&certificate, &hash).unwrap();
        assert_eq!(bound_exchange(hash, &binding), Ok(()));
        let (_, of_somebody_between) = shown();
        assert_eq!(bound_exchange(of_somebody_between, &binding), Err(ScramError::Binding));
    }

    #[test]
    fn client_that_was_told_there_is_no_binding_is_refused_where_there_is_one() {
        let verifier = Verifier::parse(&scram_sha_256(b"secret")).unwrap();
        let (certificate, hash) = shown();
        let binding = Binding::new(&certificate, &hash);
        let says = |mechanism, first: &str| {
            begin(&initial(mechanism, first.as_bytes()), &verifier, binding.as_ref()).map(|_| ())
        };
        let (bare, bound) = ("n=,r=abcdefghijklmnop", "p=tls-server-end-point,,");
        assert_eq!(says(MECHANISM, &format!("y,,{bare}")), Err(ScramError::Downgrade));
        assert_eq!(says(MECHANISM, &format!("n,,{bare}")), Ok(()));
        assert_eq!(says(MECHANISM_PLUS, &format!("{bound}{bare}")), Ok(()));
        // The mechanism and what is said of the channel do not fit each other.
        for (mechanism, flag) in [
            (MECHANISM, bound),
            (MECHANISM_PLUS, "n,,"),
            (MECHANISM_PLUS, "y,,"),
            (MECHANISM_PLUS, "p=tls-unique,,"),
        ] {
            assert_eq!(says(mechanism, &format!("{flag}{bare}")), Err(ScramError::Malformed), "{flag}");
        }
        assert!(begin(&initial(MECHANISM, format!("y,,{bare}").as_bytes()), &verifier, None).is_ok());
    }
}

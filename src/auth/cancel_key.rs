//! Keys of cancel requests that every proxy of an installation knows for one of theirs, and what proxies tell each other of
//! such requests: a load balancer brings one to any of them.
//!
//! BackendKeyData has four bytes for a key before protocol 3.2. Half of a key is random, the other half a MAC of that half and the
//! process id, under the master key. Whoever guesses has to guess both; whoever recorded the key of a session that is over knows
//! nothing of the next session with that process id.

use secrecy::zeroize::Zeroizing;

use crate::auth::api_key::{from_hex, hex};
use crate::auth::{MasterKey, SEAL_NONCE_BYTES, open, same, seal};

/// Bytes of the longest key that is told: as long as we make them.
pub const LONGEST_KEY: usize = 32;

/// Bytes of the proof in a long key. In a short one it is half.
const LONG_PROOF: usize = 8;

/// What is sealed: the same bytes sealed as anything else are refused.
const LABEL: &[u8] = b"pgtenant/v1/cancel";

/// Kind, id, process id, length of the key, key.
const WORD_BYTES: usize = 1 + 8 + 4 + 1 + LONGEST_KEY;

/// The same sealed: nonce and tag.
const SEALED_BYTES: usize = SEAL_NONCE_BYTES + WORD_BYTES + 16;

const fn proof_bytes(key: usize) -> usize {
    if key / 2 < LONG_PROOF { key / 2 } else { LONG_PROOF }
}

/// Makes the last bytes of a random key the proof of it.
pub fn complete(master: &MasterKey, pid: i32, key: &mut [u8]) {
    let length = proof_bytes(key.len());
    let (random, proof) = key.split_at_mut(key.len() - length);
    proof.copy_from_slice(&master.cancel_proof(pid, random)[..length]);
}

/// Whether a proxy with this master key made the key. A short one that nobody made passes in one of 65,536 cases.
#[must_use]
pub fn is_made_with(master: &MasterKey, pid: i32, key: &[u8]) -> bool {
    let length = proof_bytes(key.len());
    let (random, proof) = key.split_at(key.len() - length);
    length > 0 && same(proof, &master.cancel_proof(pid, random)[..length])
}

/// What one proxy tells all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A cancel request for a client that is not here.
    Wanted {
        /// Names the question in the answer.
        id: u64,
        /// Of the request.
        pid: i32,
        /// Of the request.
        key: Vec<u8>,
    },
    /// It was here, and was carried out.
    Done {
        /// Of the question.
        id: u64,
    },
}

impl Word {
    /// As a notification's payload: nobody without the master key can read it, or make one. `None` for a key that is none
    /// of ours. No nonce is to be used twice.
    #[must_use]
    pub fn seal(&self, master: &MasterKey, nonce: [u8; SEAL_NONCE_BYTES]) -> Option<String> {
        let mut word = Zeroizing::new([0; WORD_BYTES]);
        let (kind, id, pid, key) = match self {
            Self::Wanted { id, pid, key } => (0, *id, *pid, key.as_slice()),
            Self::Done { id } => (1, *id, 0, &[][..]),
        };
        word[0] = kind;
        word[1..9].copy_from_slice(&id.to_be_bytes());
        word[9..13].copy_from_slice(&pid.to_be_bytes());
        word[13] = u8::try_from(key.len()).ok()?;
        word.get_mut(14..14 + key.len())?.copy_from_slice(key);
        Some(hex(&seal(master, LABEL, nonce, word.as_slice())))
    }

    /// Reads what [`seal`](Self::seal) made.
    #[must_use]
    pub fn open(master: &MasterKey, payload: &str) -> Option<Self> {
        let sealed: [u8; SEALED_BYTES] = from_hex(payload)?;
        let word = open(master, LABEL, &sealed).ok()?;
        let word: &[u8; WORD_BYTES] = word.as_slice().try_into().ok()?;
        let id = u64::from_be_bytes(*word[1..].first_chunk()?);
        let pid = i32::from_be_bytes(*word[9..].first_chunk()?);
        match word[0] {
            0 => Some(Self::Wanted { id, pid, key: word.get(14..14 + usize::from(word[13]))?.to_vec() }),
            1 => Some(Self::Done { id }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(digits: &str) -> MasterKey {
        MasterKey::parse(&digits.repeat(32)).unwrap()
    }

    #[test]
    fn key_is_known_to_whoever_has_the_master_key_and_for_its_process_id_only() {
        for length in [4, 32] {
            let mut key = vec![7; length];
            complete(&master("ab"), 42, &mut key);
            assert!(is_made_with(&master("ab"), 42, &key));
            assert!(!is_made_with(&master("cd"), 42, &key) && !is_made_with(&master("ab"), 43, &key));
            key[0] ^= 1;
            assert!(!is_made_with(&master("ab"), 42, &key));
        }
        for nothing in [&[][..], &[1]] {
            assert!(!is_made_with(&master("ab"), 1, nothing));
        }
    }

    #[test]
    fn other_random_bytes_have_another_proof() {
        let proofs: std::collections::HashSet<Vec<u8>> = (0..=255)
            .map(|byte| {
                let mut key = vec![byte; 4];
                complete(&master("ab"), 42, &mut key);
                key.split_off(2)
            })
            .collect();
        assert!(proofs.len() > 250, "{}", proofs.len());
    }

    #[test]
    fn word_is_read_with_its_master_key_and_no_other() {
        let wanted = |length| Word::Wanted { id: u64::MAX - 1, pid: 7, key: vec![9; length] };
        for word in [wanted(4), wanted(32), Word::Done { id: 3 }] {
            let sealed = word.seal(&master("ab"), [5; SEAL_NONCE_BYTES]).unwrap();
            assert_eq!(Word::open(&master("ab"), &sealed), Some(word));
            assert_eq!(Word::open(&master("cd"), &sealed), None);
            let mut damaged = sealed.into_bytes();
            damaged[40] ^= 1;
            assert_eq!(Word::open(&master("ab"), &String::from_utf8(damaged).unwrap()), None);
        }
        assert_eq!(wanted(33).seal(&master("ab"), [5; SEAL_NONCE_BYTES]), None);
        for nonsense in ["", "zz", &"00".repeat(SEALED_BYTES), "pgtenant"] {
            assert_eq!(Word::open(&master("ab"), nonsense), None);
        }
    }
}

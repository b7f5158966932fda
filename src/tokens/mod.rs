//! The keys that tokens are checked with, kept fresh, and the time.
//!
//! What a token says is judged by [`crate::auth::jwt`], which is pure.

mod fetch;
mod file;

pub use file::read_secret;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use secrecy::ExposeSecret;
use thiserror::Error;

use crate::auth::UnixTime;
use crate::auth::jwt::{self, Claims, IssueKey, KeyError, KeySet, TokenError};
use crate::config::auth::Auth;
use crate::telemetry::Counters;
use crate::tokens::fetch::Remote;
use crate::tokens::file::Stamp;

/// How often it is looked whether a file with keys has changed.
const LOOK: Duration = Duration::from_secs(2);

/// Bits of a mode that let anybody but the owner read or write.
const OTHERS_MAY: u32 = 0o066;

/// Why tokens cannot be checked, or made.
#[derive(Debug, Error)]
#[error("{key}: {}: {why}", path.display())]
pub struct KeyFileError {
    /// The key of the configuration.
    pub key: &'static str,
    /// The file it names.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: FileProblem,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Others may read a secret.
    #[error("others can read or write it (mode {0:03o}); run: chmod 600 on it")]
    Open(u32),
    /// It should hold certificates.
    #[error("no certificate in PEM (`-----BEGIN CERTIFICATE-----`) in it")]
    NoCertificate,
    /// Nothing in it can be used.
    #[error("{0}")]
    Key(#[from] KeyError),
}

impl FileProblem {
    fn of(self, key: &'static str, path: &Path) -> KeyFileError {
        KeyFileError { key, path: path.to_owned(), why: self }
    }
}

/// Checks tokens.
#[derive(Debug)]
pub struct Tokens {
    auth: Auth,
    counters: Arc<Counters>,
    /// What is not read again: the shared secret, and the key of our own tokens.
    fixed: KeySet,
    files: RwLock<Vec<KeyFile>>,
    remote: Option<Arc<Remote>>,
    current: RwLock<Arc<KeySet>>,
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    keys: KeySet,
}

impl Tokens {
    /// Reads all keys; `None` where neither tokens nor API keys are taken.
    ///
    /// # Errors
    /// The first file that cannot be used: a proxy that should take tokens and cannot does not start.
    pub fn open(auth: &Auth, counters: Arc<Counters>) -> Result<Option<Arc<Self>>, KeyFileError> {
        if !auth.is_on() {
            return Ok(None);
        }
        let fixed = fixed_keys(auth)?;
        let files = auth.token_keys.iter().map(|path| KeyFile::open(path)).collect::<Result<Vec<_>, _>>()?;
        let ca = auth.token_keys_ca.as_deref();
        let remote = auth.token_keys_url.as_deref().map(|url| Remote::new(url, ca)).transpose()?;
        let current = RwLock::new(Arc::new(union(&fixed, &files)));
        let (auth, files) = (auth.clone(), RwLock::new(files));
        let remote = remote.map(Arc::new);
        Ok(Some(Arc::new(Self { auth, counters, fixed, files, remote, current })))
    }

    /// Checks a token at this moment. One with a key that is not known may wait until the keys were fetched again.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let verified = self.verify_now(token);
        match (&verified, &self.remote) {
            (Err(TokenError::UnknownKey), Some(remote)) if remote.ask().await => self.verify_now(token),
            _ => verified,
        }
    }

    fn verify_now(&self, token: &str) -> Result<Claims, TokenError> {
        let keys = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        jwt::verify(token, &keys, &self.auth.rules, now())
    }

    /// Reads files again that have changed, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        match self.remote.clone() {
            None => Arc::clone(&self).watch_files().await,
            Some(remote) => {
                tokio::join!(Arc::clone(&self).watch_files(), self.follow(&remote));
            }
        }
    }

    /// Fetches keys when that is due.
    async fn follow(&self, remote: &Arc<Remote>) {
        loop {
            remote.due().await;
            let fetching = Arc::clone(remote);
            let fetched = tokio::task::spawn_blocking(move || fetching.fetch()).await;
            let well = matches!(fetched, Ok(Ok(_)));
            match fetched {
                Ok(Ok(keys)) => {
                    tracing::debug!(url = remote.url(), keys = keys.len(), "fetched the keys of tokens");
                    self.rebuild();
                }
                Ok(Err(error)) => {
                    self.counters.key_load_failed();
                    tracing::error!(
                        url = remote.url(),
                        error,
                        "cannot fetch the keys of tokens; they stay as they were"
                    );
                }
                // It panicked, or the process ends.
                Err(_) => tokio::time::sleep(LOOK).await,
            }
            remote.tell(well);
        }
    }

    async fn watch_files(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let this = Arc::clone(&self);
            // Files may be on a disk that does not answer.
            let _ = tokio::task::spawn_blocking(move || this.look()).await;
        }
    }

    /// Takes over what has changed. A file that cannot be used leaves the keys as they were.
    fn look(&self) {
        let mut changed = false;
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        for file in files.iter_mut() {
            let stamp = file::stamp(&file.path);
            if stamp == file.stamp {
                continue;
            }
            // Also where it fails: a file is not read again and again, but once for each of its states.
            file.stamp = stamp;
            match read_keys(&file.path) {
                Ok(keys) => {
                    tracing::info!(file = %file.path.display(), keys = keys.len(), "read the keys of tokens again");
                    file.keys = keys;
                    changed = true;
                }
                Err(error) => {
                    self.counters.key_load_failed();
                    tracing::error!(%error, "the keys of tokens stay as they were");
                }
            }
        }
        drop(files);
        if changed {
            self.rebuild();
        }
    }

    /// Puts together what there is.
    fn rebuild(&self) {
        let mut keys = union(&self.fixed, &self.files.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(remote) = &self.remote {
            keys.add(&remote.keys.read().unwrap_or_else(PoisonError::into_inner));
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl KeyFile {
    fn open(path: &Path) -> Result<Self, KeyFileError> {
        // Before it is read: what changes in between is read once more.
        let stamp = file::stamp(path);
        Ok(Self { path: path.to_owned(), stamp, keys: read_keys(path)? })
    }
}

fn read_keys(path: &Path) -> Result<KeySet, KeyFileError> {
    const KEY: &str = "auth.token_keys";
    let text = file::read_public(path).map_err(|error| FileProblem::Unreadable(error).of(KEY, path))?;
    let (keys, left_out) = KeySet::read(&text).map_err(|error| FileProblem::from(error).of(KEY, path))?;
    if !left_out.is_empty() {
        tracing::info!(file = %path.display(), left_out = left_out.join("; "), "some keys are not used");
    }
    Ok(keys)
}

fn fixed_keys(auth: &Auth) -> Result<KeySet, KeyFileError> {
    let mut keys = KeySet::default();
    if let Some(path) = &auth.token_secret_file {
        const KEY: &str = "auth.token_secret_file";
        let secret = secret(KEY, path)?;
        let secret = KeySet::secret(secret.expose_secret().trim().as_bytes());
        keys.add(&secret.map_err(|error| FileProblem::from(error).of(KEY, path))?);
    }
    if let Some(path) = &auth.issue_key {
        let public = issue_key(path)?.public();
        keys.add(&public.map_err(|error| FileProblem::from(error).of(ISSUE_KEY, path))?);
    }
    Ok(keys)
}

const ISSUE_KEY: &str = "auth.issue_key";

/// Reads the private key of `pgtenant token issue`.
///
/// # Errors
/// [`KeyFileError`].
pub fn issue_key(path: &Path) -> Result<IssueKey, KeyFileError> {
    let text = secret(ISSUE_KEY, path)?;
    IssueKey::parse(text.expose_secret()).map_err(|error| FileProblem::from(error).of(ISSUE_KEY, path))
}

fn secret(key: &'static str, path: &Path) -> Result<secrecy::SecretString, KeyFileError> {
    let file = read_secret(path).map_err(|error| FileProblem::Unreadable(error).of(key, path))?;
    if file.mode & OTHERS_MAY != 0 {
        return Err(FileProblem::Open(file.mode & 0o777).of(key, path));
    }
    Ok(file.text)
}

fn union(fixed: &KeySet, files: &[KeyFile]) -> KeySet {
    let mut keys = fixed.clone();
    files.iter().for_each(|file| keys.add(&file.keys));
    keys
}

/// The time as tokens count it. A clock from before 1970 finds every token not valid yet, or for ever: it is taken for
/// the end of time instead, at which every one has expired.
#[must_use]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime(since.map_or(u64::MAX / 2, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    macro_rules! key {
        ($name:literal) => {
            include_str!(concat!("../../tests/keys/", $name))
        };
    }

    fn tokens(auth: &Auth) -> Result<Option<Arc<Tokens>>, String> {
        Tokens::open(auth, Arc::default()).map_err(|error| error.to_string())
    }

    fn count(tokens: &Tokens) -> usize {
        tokens.current.read().unwrap().len()
    }

    #[test]
    fn file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.pem");
        fs::write(&path, key!("rsa.pub.pem")).unwrap();
        let auth = Auth { token_keys: vec![path.clone()], ..Auth::default() };
        let tokens = tokens(&auth).unwrap().unwrap();
        tokens.look();
        assert_eq!(count(&tokens), 1);
        fs::write(&path, [key!("rsa.pub.pem"), key!("p256.pub.pem")].concat()).unwrap();
        tokens.look();
        assert_eq!(count(&tokens), 2);
        for broken in ["", "-----BEGIN PUBLIC KEY-----", key!("rsa.pem")] {
            fs::write(&path, broken).unwrap();
            tokens.look();
            assert_eq!(count(&tokens), 2, "{broken}");
        }
        fs::remove_file(&path).unwrap();
        tokens.look();
        assert_eq!((count(&tokens), tokens.counters.snapshot().key_load_failures), (2, 4));
        fs::write(&path, key!("p384.pub.pem")).unwrap();
        tokens.look();
        assert_eq!(count(&tokens), 1);
    }

    #[test]
    fn file_that_is_missing_open_to_others_or_no_key_is_refused_with_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let with = |change: fn(&mut Auth, PathBuf)| {
            let mut auth = Auth::default();
            change(&mut auth, path.clone());
            tokens(&auth).map(drop).unwrap_err()
        };
        let secret = |auth: &mut Auth, path| auth.token_secret_file = Some(path);
        let issue = |auth: &mut Auth, path| auth.issue_key = Some(path);
        let keys = |auth: &mut Auth, path| auth.token_keys = vec![path];
        assert!(with(keys).starts_with("auth.token_keys: ") && with(keys).contains("cannot be read"));
        fs::write(&path, "hunter2").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(with(secret).contains("chmod 600"), "{}", with(secret));
        assert!(with(issue).contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(with(secret).contains("at least 32 bytes") && !with(secret).contains("hunter2"));
        assert!(with(issue).contains("openssl genpkey -algorithm ed25519"));
        assert!(with(keys).contains("neither PEM"));
        assert!(tokens(&Auth::default()).unwrap().is_none());
    }
}

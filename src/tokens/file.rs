//! Files with keys and secrets.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use crate::config::file::SecretFile;

/// Most bytes that are read of a file with secrets: a file with all tenants has half a kilobyte for each.
const MAX_SECRET_BYTES: u64 = 64 * 1024 * 1024;
/// The same of a file with public keys.
pub(super) const MAX_KEYS_BYTES: u64 = 256 * 1024;

/// The bit of a mode that lets a file's group read it. Where the file has a list of its own of who may, the bit stands for that list.
const GROUP_READS: u32 = 0o040;

/// Reads a file that holds a secret, with its mode.
///
/// # Errors
/// The system's, or that it is no plain file.
pub fn read_secret(path: &Path) -> io::Result<SecretFile> {
    read_secret_or(path, std::env::var_os("CREDENTIALS_DIRECTORY").as_deref().map(Path::new))
}

/// `credentials` is the directory that systemd made for this service alone, if it did. Root owns what is in it, and a list lets the
/// service's account read it, which `stat` shows as a group that may.
fn read_secret_or(path: &Path, credentials: Option<&Path>) -> io::Result<SecretFile> {
    let file = open(path)?;
    // Of the open file, so that it is the mode of what is read.
    let mut mode = file.metadata()?.permissions().mode();
    if credentials.is_some() && path.parent() == credentials {
        mode &= !GROUP_READS;
    }
    let mut text = String::new();
    let read = file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_SECRET_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is far too long"));
    }
    Ok(SecretFile { text: text.into(), mode })
}

fn open(path: &Path) -> io::Result<File> {
    // Before it is opened: opening a named pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
    }
    File::open(path)
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

/// `None` where there is no such file.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), size: metadata.len(), inode: metadata.ino() })
}

/// Reads a file with public keys.
pub(super) fn read_public(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = open(path)?.take(MAX_KEYS_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_KEYS_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is far too long for a file with keys"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_may_read_what_systemd_passes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        fs::write(&path, "x").unwrap();
        let mode = |mode, credentials: Option<&Path>| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read_secret_or(&path, credentials).unwrap().mode & 0o777
        };
        assert_eq!(mode(0o440, Some(dir.path())), 0o400);
        assert_eq!(mode(0o464, Some(dir.path())), 0o424);
        assert_eq!(mode(0o440, Some(Path::new("/run/credentials/other.service"))), 0o440);
        assert_eq!(mode(0o440, None), 0o440);
    }
}

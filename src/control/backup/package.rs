//! A backup as files: the directory `NAME.pgtenant` with `dump`, `manifest.json` and `SHA256SUMS`.
//!
//! It is written beside its place under a hidden name, and has its own name when all of it is on the disk. The checksums,
//! which `sha256sum -c` reads too, are against damage. They are not against somebody who can write them anew: what a dump may
//! do is bounded by who runs it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::control::backup::{BackupError, Manifest};

/// End of a backup's name.
pub(super) const SUFFIX: &str = ".pgtenant";

const DUMP: &str = "dump";
const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";

/// Largest manifest that is read.
const MOST_MANIFEST: u64 = 64 << 20;

/// How much is read or written at once.
pub(super) const CHUNK: usize = 64 * 1024;

/// One that is being written. Dropping it leaves nothing behind.
pub(super) struct Draft {
    hidden: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Draft {
    /// Makes the hidden directory. Whatever is at the target, a link too, stays as it is and is an error.
    pub(super) fn create(target: &Path) -> Result<Self, BackupError> {
        let name = target.file_name().unwrap_or_else(|| OsStr::new("backup"));
        refuse_existing(target)?;
        let mut random = [0; 6];
        getrandom::fill(&mut random).map_err(crate::control::ControlError::Random)?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(
            random.iter().map(|byte| format!("{byte:02x}")).fold(".".to_owned(), |all, byte| all + &byte),
        );
        let hidden = parent(target).join(hidden);
        DirBuilder::new().mode(0o700).create(&hidden).map_err(BackupError::file("create", &hidden))?;
        Ok(Self { hidden, target: target.to_owned(), finished: false })
    }

    /// The file for the dump.
    pub(super) fn dump(&self) -> Result<(PathBuf, File), BackupError> {
        let path = self.hidden.join(DUMP);
        create(&path).map(|file| (path, file))
    }

    /// Gives it its name.
    pub(super) fn finish(mut self, manifest: &Manifest, dump_sum: &str) -> Result<(), BackupError> {
        let mut text = serde_json::to_vec_pretty(manifest)
            .map_err(|error| io::Error::other(error.to_string()))
            .map_err(BackupError::file("write", self.hidden.join(MANIFEST)))?;
        text.push(b'\n');
        let sums = format!("{dump_sum}  {DUMP}\n{}  {MANIFEST}\n", hex(&Sha256::digest(&text)));
        for (name, content) in [(MANIFEST, &text[..]), (SUMS, sums.as_bytes())] {
            let path = self.hidden.join(name);
            let mut file = create(&path)?;
            let written = file.write_all(content).and_then(|()| file.sync_all());
            written.map_err(BackupError::file("write", &path))?;
        }
        sync_directory(&self.hidden)?;
        // A directory takes the place of nothing, or of an empty directory.
        refuse_existing(&self.target)?;
        fs::rename(&self.hidden, &self.target).map_err(BackupError::file("create", &self.target))?;
        self.finished = true;
        sync_directory(&parent(&self.target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // The reason is told already.
            let _ = fs::remove_dir_all(&self.hidden);
        }
    }
}

/// One that was read, and is whole.
pub(super) struct Package {
    pub(super) manifest: Manifest,
    /// The very file whose checksum is right.
    pub(super) dump: File,
}

impl Package {
    /// Opens a backup and compares its checksums.
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let [dump_path, manifest_path, sums_path] = [DUMP, MANIFEST, SUMS].map(|name| path.join(name));
        let sums = read(&sums_path, 4096)?;
        let sum_of = |name: &str| {
            let text = std::str::from_utf8(&sums).ok()?;
            let line = text.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix("  "))?;
            Some(line.to_owned()).filter(|sum| sum.len() == 64)
        };
        let expected = |name: &str| {
            sum_of(name)
                .ok_or_else(|| BackupError::damaged(&sums_path, format!("it has no checksum of {name}")))
        };
        let (dump_sum, manifest_sum) = (expected(DUMP)?, expected(MANIFEST)?);
        let text = read(&manifest_path, MOST_MANIFEST)?;
        if hex(&Sha256::digest(&text)) != manifest_sum {
            return Err(BackupError::damaged(&manifest_path, "its checksum is not that of SHA256SUMS"));
        }
        let manifest = Manifest::read(&text).map_err(|why| BackupError::damaged(&manifest_path, why))?;
        let mut dump = open(&dump_path)?;
        let size = dump.metadata().map_err(BackupError::file("read", &dump_path))?.len();
        if size != manifest.dump_bytes {
            let why = format!("it has {size} bytes, and not the {} of the manifest", manifest.dump_bytes);
            return Err(BackupError::damaged(&dump_path, why));
        }
        if sum(&mut dump).map_err(BackupError::file("read", &dump_path))? != dump_sum {
            return Err(BackupError::damaged(&dump_path, "its checksum is not that of SHA256SUMS"));
        }
        Ok(Self { manifest, dump })
    }
}

fn refuse_existing(target: &Path) -> Result<(), BackupError> {
    match fs::symlink_metadata(target) {
        Ok(_) => Err(BackupError::Exists(target.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::file("look at", target)(error)),
    }
}

fn parent(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// For its owner only: rows, and verifiers of passwords, are in it.
fn create(path: &Path) -> Result<File, BackupError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(BackupError::file("create", path))
}

/// A file itself, not what a link leads to.
fn open(path: &Path) -> Result<File, BackupError> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = opened.map_err(BackupError::file("open", path))?;
    if !file.metadata().map_err(BackupError::file("look at", path))?.is_file() {
        return Err(BackupError::damaged(path, "it is no file"));
    }
    Ok(file)
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, BackupError> {
    let mut text = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut text).map_err(BackupError::file("read", path))?;
    if text.len() as u64 > most {
        return Err(BackupError::damaged(path, format!("it is longer than {most} bytes")));
    }
    Ok(text)
}

fn sync_directory(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(BackupError::file("write", path))
}

fn sum(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&hasher.finalize())),
            length => hasher.update(&chunk[..length]),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::control::backup::manifest::{FORMAT, TenantRow};

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            pgtenant: "0.1.0".into(),
            server_version: 150_018,
            pg_dump: 15,
            created_at: "2026-01-01T00:00:00Z".into(),
            tenant: TenantRow {
                slug: "acme".into(),
                name: "Acme".into(),
                stripe_customer_id: None,
                status: "active".into(),
                level: "dedicated".into(),
                limits: BTreeMap::new(),
                settings: BTreeMap::new(),
                schema: "tenant_acme".into(),
                role: "tenant_acme".into(),
                reader_role: None,
                created_at: "2026-01-01T00:00:00Z".into(),
            },
            tables: vec![],
            dump_bytes: 5,
            migrations: vec![],
            users: None,
        }
    }

    fn written(target: &Path) -> Result<(), BackupError> {
        let draft = Draft::create(target)?;
        draft.dump()?.1.write_all(b"PGDMP").unwrap();
        draft.finish(&manifest(), &hex(&Sha256::digest(b"PGDMP")))
    }

    #[test]
    fn written_backup_is_its_owners_and_can_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("acme.pgtenant");
        written(&target).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&target), 0o700);
        for name in [DUMP, MANIFEST, SUMS] {
            assert_eq!(mode(&target.join(name)), 0o600, "{name}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
        assert_eq!(Package::open(&target).unwrap().manifest, manifest());
    }

    #[test]
    fn what_is_there_already_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("acme.pgtenant");
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        fs::write(dir.path().join("file"), "mine").unwrap();
        for (at, to) in [("a", "elsewhere"), ("b", "file"), ("c", "nowhere")] {
            symlink(dir.path().join(to), dir.path().join(at)).unwrap();
            assert!(matches!(written(&dir.path().join(at)), Err(BackupError::Exists(_))), "{at}");
        }
        assert!(matches!(written(&dir.path().join("file")), Err(BackupError::Exists(_))));
        written(&target).unwrap();
        assert!(matches!(written(&target), Err(BackupError::Exists(_))));
        assert_eq!(fs::read_to_string(dir.path().join("file")).unwrap(), "mine");
        assert_eq!(fs::read_dir(dir.path().join("elsewhere")).unwrap().count(), 0);
    }

    #[test]
    fn draft_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let draft = Draft::create(&dir.path().join("acme.pgtenant")).unwrap();
        draft.dump().unwrap().1.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_changed_byte_and_every_missing_end_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("acme.pgtenant");
        written(&target).unwrap();
        for name in [DUMP, MANIFEST, SUMS] {
            let path = target.join(name);
            let right = fs::read(&path).unwrap();
            for at in 0..right.len() {
                let mut wrong = right.clone();
                wrong[at] ^= 1;
                fs::write(&path, &wrong).unwrap();
                assert!(Package::open(&target).is_err(), "{name}, byte {at}");
            }
            fs::write(&path, &right[..right.len() - 2]).unwrap();
            assert!(Package::open(&target).is_err(), "{name} is cut");
            fs::remove_file(&path).unwrap();
            assert!(Package::open(&target).is_err(), "{name} is not there");
            symlink("/dev/zero", &path).unwrap();
            assert!(Package::open(&target).is_err(), "{name} is a link");
            fs::remove_file(&path).unwrap();
            fs::write(&path, &right).unwrap();
        }
        Package::open(&target).unwrap();
    }
}

//! The configuration from where it really is: the file and this process's environment.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::by_hand::ByHand;
use crate::config::file::{self, Input, SecretFile};
use crate::config::keys;
use crate::config::problem::{Place, Problem, Problems};
use crate::config::{Config, Guard, Schemas};
use crate::tokens::read_secret;

/// Where the configuration is; part of every command that needs one.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Configuration file in TOML; docs/config.md has every key
    #[arg(long, value_name = "FILE", env = "PGTENANT_CONFIG")]
    pub config: PathBuf,
}

impl ConfigArgs {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// Everything that is wrong; [`crate::cli::run`] prints it and exits with 2.
    pub fn load(&self) -> Result<Config, Problems> {
        self.load_with(&ByHand::new())
    }

    /// The same with what is set by hand, which wins over both.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load_with(&self, by_hand: &ByHand) -> Result<Config, Problems> {
        let variable = |path: &String| {
            let row = keys::ROWS.iter().find(|row| row.path() == *path);
            row.map(|row| OsString::from(row.variable()))
        };
        let set: Vec<(OsString, OsString)> =
            by_hand.iter().filter_map(|(path, value)| Some((variable(path)?, value.into()))).collect();
        let others = std::env::vars_os().filter(|(name, _)| !set.iter().any(|(own, _)| own == name));
        let environment: Vec<_> = others.chain(set.clone()).collect();
        self.read(&environment, &read_secret)
    }

    /// The same, for a command that works on the registry.
    ///
    /// # Errors
    /// Everything that is wrong; that there is no registry, where the tenants stand in a file.
    pub fn load_with_registry(&self) -> Result<Config, Problems> {
        let config = self.load()?;
        let Some(file) = &config.tenants.file else { return Ok(config) };
        let mut problems = Problems::default();
        problems.push(Problem {
            place: Place::File { name: self.name(), line: None },
            key: Some("tenants.file".to_owned()),
            wrong: format!(
                "the tenants stand in {}, so there is no registry for this command",
                file.path.display()
            ),
            remedy:
                "edit that file and reload the proxy; or set tenants.file to \"off\" and run `pgtenant init`"
                    .to_owned(),
        });
        Err(problems)
    }

    /// Reads the file of another installation: this environment speaks of this one.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load_without_environment(&self) -> Result<Config, Problems> {
        self.read(&[], &read_secret)
    }

    /// Reads what the guard goes by. The rest must be right too, but the master key is not looked at: who
    /// checks statements need not have it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load_without_key(&self) -> Result<(Guard, Schemas), Problems> {
        self.load_any_key().map(|config| (config.guard, config.schemas))
    }

    /// Reads everything, with a made-up master key: for who opens nothing with it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(in crate::cli) fn load_any_key(&self) -> Result<Config, Problems> {
        let secret = |name: &OsString| {
            let mut secrets = keys::ROWS.iter().filter(|row| row.section == "secrets");
            secrets.any(|row| *name == *row.variable())
                || [keys::MASTER_KEY_VARIABLE, keys::PREVIOUS_MASTER_KEY_VARIABLE]
                    .iter()
                    .any(|short| *name == **short)
        };
        let mut environment: Vec<_> = std::env::vars_os().filter(|(name, _)| !secret(name)).collect();
        // A variable wins over a file that is named in the configuration.
        environment.push((keys::MASTER_KEY_VARIABLE.into(), "0".repeat(64).into()));
        environment.push(("PGTENANT_SECRETS_PREVIOUS_MASTER_KEY_FILE".into(), "off".into()));
        environment.push(("PGTENANT_TENANTS_FILE".into(), "off".into()));
        // Nobody of the console's logs in here, and their passwords are in a file.
        for users in ["PGTENANT_CONSOLE_ADMIN_USERS", "PGTENANT_CONSOLE_STATS_USERS"] {
            environment.retain(|(name, _)| name != users);
            environment.push((users.into(), "".into()));
        }
        let no_secret = |_: &Path| Err(io::ErrorKind::Unsupported.into());
        self.read(&environment, &no_secret)
    }

    fn read(
        &self,
        environment: &[(OsString, OsString)],
        read_file: &dyn Fn(&Path) -> io::Result<SecretFile>,
    ) -> Result<Config, Problems> {
        let name = self.name();
        let text = fs::read(&self.config)
            .and_then(|bytes| {
                String::from_utf8(bytes)
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
            })
            .map_err(|error| unreadable(&name, &error))?;
        file::read(&Input { name: &name, text: &text, environment, read_file })
    }

    /// The file's name, as it stands in messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.config.display().to_string()
    }
}

fn unreadable(name: &str, error: &io::Error) -> Problems {
    let mut problems = Problems::default();
    problems.push(Problem {
        place: Place::File { name: name.to_owned(), line: None },
        key: None,
        wrong: format!("the configuration file cannot be read: {error}"),
        remedy: "name a readable TOML file with --config or PGTENANT_CONFIG; config/minimal.toml is one to begin with"
            .to_owned(),
    });
    problems
}

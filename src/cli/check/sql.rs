//! `pgtenant check sql`: what the guard makes of a file of statements, without a database.

mod report;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use crate::cli::check::sql::report::{Report, Tally};
use crate::cli::connect::connect_reader;
use crate::cli::load::ConfigArgs;
use crate::cli::{EXIT_USAGE, block_on, out};
use crate::config::{GuardMode, PublicSchema};
use crate::control::{ControlError, hardening_state};
use crate::guard::explain::{Explained, Ruling};
use crate::guard::script::{Foreign, Lines, Part, Script};
use crate::guard::{Guard, Scope};
use crate::registry::store;
use crate::tenant::{ChannelPrefix, Ident, Level, Slug, TenantId, TenantNames};

/// Longest text that is read, in bytes: it is held in memory while it is checked.
const MAX_BYTES: u64 = 256 << 20;

/// How many things that are no SQL are listed before the rest is only counted.
const MAX_LISTED: usize = 10;

/// Say of each statement of a file whether the guard would allow it, and why not
///
/// Needs no database and no master key: the names follow from the slug, or are given, and the common schemas are those of the
/// configuration. With --registry the database says what the tenant's names and its level are. Exits with 0 when everything is allowed, 1 when something is refused, 2 when the
/// command line, the configuration or the file is wrong.
#[derive(Args, Debug)]
pub(in crate::cli) struct SqlArgs {
    /// Configuration file in TOML; docs/config.md has every key
    #[arg(long, value_name = "FILE", env = "PGTENANT_CONFIG")]
    config: Option<PathBuf>,
    /// The tenant that would send it, by its short name; it need not exist
    #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
    tenant: Slug,
    /// The tenant's schema, where its name does not follow from the slug: that of a tenant that was renamed or adopted, or whose
    /// slug was another's before
    #[arg(long, value_name = "NAME", value_parser = Ident::parse)]
    schema: Option<Ident>,
    /// The tenant's role [default: called as its schema]
    #[arg(long, value_name = "NAME", value_parser = Ident::parse, requires = "schema")]
    role: Option<Ident>,
    /// Ask the registry for schema, role, level and hardening: needs the database and the master key, as the proxy does
    #[arg(long, conflicts_with_all = ["schema", "role", "level", "hardened"])]
    registry: bool,
    /// Who enforces the wall: PostgreSQL's privileges (dedicated), or the guard with them (shared)
    #[arg(long, value_name = "LEVEL", default_value = "dedicated", value_parser = ["dedicated", "shared"])]
    level: String,
    /// The database is hardened, which counts at level shared only
    #[arg(long)]
    hardened: bool,
    /// Print a JSON array with an object for each statement; docs/operations.md has its fields
    #[arg(long)]
    json: bool,
    /// File with SQL, as psql reads it; - or nothing for standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// `config` and `json` are what stands in front of the word `sql`.
pub(in crate::cli) fn run(args: &SqlArgs, config: Option<&PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let Some(config) = args.config.as_ref().or(config) else {
        return Ok(wrong("name the configuration file with --config or PGTENANT_CONFIG; see --help"));
    };
    let file = ConfigArgs { config: config.clone() };
    let whose = if args.registry { asked(&file, &args.tenant)? } else { args.said() };
    let (mut config, schemas) = file.load_without_key()?;
    // What it would refuse is the question, whatever is done about it.
    let only_reports = config.mode == GuardMode::Report;
    config.mode = GuardMode::Enforce;
    let Whose { names, level, hardened } = whose;
    let scope = Scope {
        tenant: TenantId(Uuid::nil()),
        schema: names.schema,
        role: names.role,
        channels: ChannelPrefix::new(&[0; 32]),
        public_is_own: config.public_schema == PublicSchema::Tenant,
        shared_schemas: std::iter::once(schemas.global).chain(config.extra_schemas.clone()).collect(),
        extra_functions: config.extra_functions.iter().cloned().collect(),
        extra_settings: config.extra_settings.iter().map(|name| name.as_str().into()).collect(),
        level,
        hardened: hardened && level == Level::Shared,
        access: crate::tenant::Access::ReadWrite,
    };
    let name = args.name();
    let text = match args.read() {
        Ok(text) => text,
        Err(error) => return Ok(wrong(&format!("{name}: {error}"))),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some(problem) = foreign_parts(&name, text) {
        return Ok(wrong(&problem));
    }
    let guard = Guard::new(&config);
    let output = BufWriter::new(io::stdout().lock());
    let mut report = if args.json || json { Report::json(output) } else { Report::text(output) };
    let tally = check(&guard, text, &scope, &mut report)
        .and_then(|tally| {
            report.end(&tally, &scope, only_reports)?;
            Ok(tally)
        })
        .or_else(|error| match error.kind() {
            // Who closed the output has read enough, but an exit code of 0 would be a promise.
            io::ErrorKind::BrokenPipe => Ok(Tally { refused: 1, ..Tally::default() }),
            _ => Err(error),
        })?;
    Ok(if tally.refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What statements are judged for.
struct Whose {
    names: TenantNames,
    level: Level,
    hardened: bool,
}

/// What the registry has of the tenant.
fn asked(file: &ConfigArgs, slug: &Slug) -> anyhow::Result<Whose> {
    let config = file.load()?;
    block_on(async {
        let client = connect_reader(&config).await?;
        store::require_current(&client).await?;
        let found = store::summaries(&client, Some(slug)).await.map_err(ControlError::from)?.pop();
        let tenant = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant;
        let hardened = hardening_state(&client).await?.is_in_force();
        Ok(Whose { names: tenant.names, level: tenant.level, hardened })
    })
}

/// Judges part after part, so that no more than one of them is held in parsed form.
fn check(guard: &Guard, text: &str, scope: &Scope, report: &mut Report<impl io::Write>) -> io::Result<Tally> {
    let mut lines = Lines::new(text);
    let mut tally = Tally::default();
    for part in Script::new(text) {
        let Part::Sql { start, text: sql } = part else { continue };
        for explained in guard.explain(sql, scope) {
            tally.count(&explained);
            let place = lines.find(start + explained.span.start);
            let stopped_at = explained.stopped_at.map(|at| lines.find(start + at));
            let statement = &sql[explained.span.clone()];
            report.statement(statement, place, stopped_at, &explained)?;
        }
    }
    // A message that carries all of it must itself be short enough, and hold no data.
    tally.too_long = (text.len() > guard.max_statement_bytes()).then(|| guard.max_statement_bytes());
    Ok(tally)
}

/// What keeps the text from being checked, for people.
fn foreign_parts(name: &str, text: &str) -> Option<String> {
    let mut lines = Lines::new(text);
    let mut found = Vec::new();
    let mut more = 0;
    for part in Script::new(text) {
        let Part::Foreign { start, what } = part else { continue };
        if found.len() == MAX_LISTED {
            more += 1;
            continue;
        }
        let (line, column) = lines.find(start);
        found.push(format!("{name}:{line}:{column}: {}", remedy(what)));
    }
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    (!found.is_empty()).then(|| found.join("\n"))
}

fn remedy(what: Foreign<'_>) -> String {
    match what {
        Foreign::MetaCommand(command) if command.trim_end() == "\\." => {
            "\\. ends the data of a COPY … FROM STDIN, and there is none here; remove the line".to_owned()
        }
        Foreign::MetaCommand(command) => {
            let name = command.split_whitespace().next().unwrap_or_default();
            let instead = match name {
                "\\copy" => "write the COPY … FROM STDIN or TO STDOUT that psql makes of it",
                "\\i" | "\\ir" | "\\include" => "check the file that it names by itself",
                "\\gexec" | "\\gset" => "write out the statements that it makes",
                _ => "remove it, or run psql with --echo-hidden or --echo-queries and check what it sends",
            };
            format!("{} is a command of psql and no SQL: {instead}", report::shown(name))
        }
        Foreign::BehindCopy => {
            "data is expected behind COPY … FROM STDIN, on the next line: move what stands here to a line \
             behind the end of the data"
                .to_owned()
        }
        Foreign::OpenCopy => {
            "the data of this COPY … FROM STDIN has no end: end it with a line that is \\. and nothing else"
                .to_owned()
        }
    }
}

fn wrong(problem: &str) -> ExitCode {
    out::error(format_args!("pgtenant: {problem}"));
    ExitCode::from(EXIT_USAGE)
}

impl SqlArgs {
    fn said(&self) -> Whose {
        let names = match &self.schema {
            None => TenantNames::for_slug(&self.tenant),
            Some(schema) => {
                let role = self.role.as_ref().unwrap_or(schema).clone();
                TenantNames { schema: schema.clone(), role }
            }
        };
        Whose { names, level: Level::from_word(&self.level).unwrap_or_default(), hardened: self.hardened }
    }

    fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }

    fn name(&self) -> String {
        self.path().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }

    fn read(&self) -> Result<String, String> {
        let input: Box<dyn Read> = match self.path() {
            Some(path) => Box::new(
                File::open(path)
                    .map_err(|error| format!("it cannot be read: {error}; name a file with SQL"))?,
            ),
            None => {
                if io::stdin().is_terminal() {
                    out::error("pgtenant: reading SQL from the terminal; end with Ctrl-D");
                }
                Box::new(io::stdin())
            }
        };
        let mut bytes = Vec::new();
        input
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("it cannot be read: {error}; name a file with SQL"))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!(
                "it is longer than {} MiB: split it, or leave the data out (pg_dump --schema-only)",
                MAX_BYTES >> 20
            ));
        }
        String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
            format!("line {line} is not UTF-8; convert the file, for example with iconv")
        })
    }
}

impl Tally {
    fn count(&mut self, explained: &Explained) {
        self.statements += 1;
        match explained.judged.verdict {
            Ruling::Allow => {}
            Ruling::Rewritten => self.rewritten += 1,
            Ruling::Refuse => self.refused += 1,
        }
        self.differ_among_others += usize::from(explained.among_others.is_some());
    }
}

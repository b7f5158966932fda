//! How a value is read: numbers, durations, sizes, words. [`names`] and [`address`] have the rest.
//!
//! A value is repeated in an error only where it cannot be a secret put in the wrong place.

mod address;
mod auth;
mod names;

pub(in crate::config) use address::{
    absolute_path_or_off, addresses, addresses_or_none, collide, directory_or_off, domain_or_off,
    file_or_off, host, hosts, key_file, key_file_or_off, pem_files, port, tls_by_address,
};
pub(in crate::config) use auth::{
    admin_tokens, claim, claim_value, client_certificates, file_or_off as secret_file_or_off, files,
    https_url_or_off, leeway, lifetime, lifetime_or_off, on_or_off, token_user, without_tls,
};
pub(in crate::config) use names::{
    cluster, console_users, database, database_or_off, extra_settings, functions, role, schema, schemas,
    setting_name, settings, tenants_own,
};

use std::time::Duration;

use toml::de::DeValue;

use crate::config::monitor::{MetricsAccess, TokensFrom};
use crate::config::tls::{ClientCertificate, ListenMode, ServerMode};
use crate::config::{GuardMode, LogFormat, LogStatements, PublicSchema, ResetPolicy};
use crate::telemetry;
use crate::tenant::Level;

/// What is wrong with a value, and the remedy.
#[derive(Debug)]
pub(in crate::config) struct Wrong {
    pub(in crate::config) wrong: String,
    pub(in crate::config) remedy: String,
}

impl Wrong {
    pub(in crate::config) fn new(wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), remedy: remedy.into() }
    }
}

/// A value as it was given.
#[derive(Clone, Copy)]
pub(in crate::config) enum Given<'a> {
    /// By an environment variable.
    Variable(&'a str),
    /// In TOML.
    Toml(&'a DeValue<'a>),
}

impl<'a> Given<'a> {
    fn text(self) -> Result<&'a str, Wrong> {
        match self {
            Self::Variable(text) => Ok(text),
            Self::Toml(DeValue::String(text)) => Ok(text),
            Self::Toml(other) => {
                Err(Wrong::new(format!("expected text, found {}", article(other)), "write it in quotes"))
            }
        }
    }

    fn integer(self) -> Result<i64, Wrong> {
        let remedy = "write a whole number, without quotes and without a unit";
        let found = match self {
            Self::Variable(text) => match text.parse() {
                Ok(number) => return Ok(number),
                Err(_) => shown(text),
            },
            Self::Toml(DeValue::Integer(digits)) => {
                match i64::from_str_radix(digits.as_str(), digits.radix()) {
                    Ok(number) => return Ok(number),
                    Err(_) => digits.to_string(),
                }
            }
            Self::Toml(other) => article(other),
        };
        Err(Wrong::new(format!("expected a number, found {found}"), remedy))
    }

    /// A list of texts; in a variable separated by commas, or written as in TOML.
    fn list(self) -> Result<Vec<String>, Wrong> {
        match self {
            Self::Variable(text) if text.trim_start().starts_with('[') => match DeValue::parse(text) {
                Ok(value) => Given::Toml(value.get_ref()).list(),
                Err(error) => Err(Wrong::new(
                    format!("not a list in TOML: {}", error.message()),
                    "separate the entries by commas, without brackets and quotes",
                )),
            },
            Self::Variable(text) => Ok(text
                .split(',')
                .map(str::trim)
                .filter(|entry| !entry.is_empty())
                .map(str::to_owned)
                .collect()),
            Self::Toml(DeValue::Array(entries)) => {
                entries.iter().map(|entry| Given::Toml(entry.get_ref()).text().map(str::to_owned)).collect()
            }
            Self::Toml(other) => Err(Wrong::new(
                format!("expected a list, found {}", article(other)),
                "write the entries in quotes, between [ and ], separated by commas",
            )),
        }
    }
}

/// A whole number within bounds.
pub(in crate::config) fn count<const MIN: i64, const MAX: i64>(given: Given<'_>) -> Result<usize, Wrong> {
    let number = given.integer()?;
    if number < MIN {
        return Err(Wrong::new(format!("{number} is too small"), format!("give at least {MIN}")));
    }
    match usize::try_from(number) {
        Ok(count) if number <= MAX => Ok(count),
        _ => Err(Wrong::new(format!("{number} is too large"), format!("give at most {MAX}"))),
    }
}

/// The same for a `u32`.
pub(in crate::config) fn small_count<const MIN: i64, const MAX: i64>(given: Given<'_>) -> Result<u32, Wrong> {
    let number = count::<MIN, MAX>(given)?;
    u32::try_from(number)
        .map_err(|_| Wrong::new(format!("{number} is too large"), format!("give at most {MAX}")))
}

/// A number, or `None` for the word `all`.
pub(in crate::config) fn count_or_all<const MIN: i64, const MAX: i64>(
    given: Given<'_>,
) -> Result<Option<usize>, Wrong> {
    count_or::<MIN, MAX>("all", given)
}

/// A number, or `None` for the word `auto`.
pub(in crate::config) fn count_or_auto<const MIN: i64, const MAX: i64>(
    given: Given<'_>,
) -> Result<Option<usize>, Wrong> {
    count_or::<MIN, MAX>("auto", given)
}

fn count_or<const MIN: i64, const MAX: i64>(
    none: &'static str,
    given: Given<'_>,
) -> Result<Option<usize>, Wrong> {
    match given {
        Given::Variable(word) if word == none => Ok(None),
        Given::Toml(DeValue::String(word)) if word == none => Ok(None),
        Given::Toml(DeValue::String(word)) => Err(Wrong::new(
            format!("expected a number or \"{none}\", found {}", shown(word)),
            format!("write a whole number without quotes, or \"{none}\""),
        )),
        _ => count::<MIN, MAX>(given).map(Some),
    }
}

/// Longest duration: far beyond any use, and safe to add to any clock.
const MAX_DURATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Shortest duration that timers keep.
const MIN_DURATION: Duration = Duration::from_millis(1);

/// A duration above zero.
pub(in crate::config) fn duration(given: Given<'_>) -> Result<Duration, Wrong> {
    match off_or_duration(given, MIN_DURATION, MAX_DURATION)? {
        Some(duration) => Ok(duration),
        None => Err(Wrong::new(
            "this time limit cannot be zero or off",
            "give a time above zero, for example \"30s\"",
        )),
    }
}

/// A duration; zero, `"0"` and `"off"` are no time at all.
pub(in crate::config) fn duration_or_zero(given: Given<'_>) -> Result<Duration, Wrong> {
    Ok(duration_or_off(given)?.unwrap_or(Duration::ZERO))
}

/// A duration, or `None` for zero and `"off"`.
pub(in crate::config) fn duration_or_off(given: Given<'_>) -> Result<Option<Duration>, Wrong> {
    off_or_duration(given, MIN_DURATION, MAX_DURATION)
}

/// What Linux takes as keepalive idle time (tcp(7), `TCP_KEEPIDLE`): whole seconds, up to 32767.
pub(in crate::config) fn keepalive_or_off(given: Given<'_>) -> Result<Option<Duration>, Wrong> {
    off_or_duration(given, Duration::from_secs(1), Duration::from_secs(9 * 60 * 60))
}

/// What Linux counts in milliseconds of 32 bits (tcp(7), `TCP_USER_TIMEOUT`), as far as it makes sense.
pub(in crate::config) fn user_timeout_or_off(given: Given<'_>) -> Result<Option<Duration>, Wrong> {
    off_or_duration(given, Duration::from_secs(1), Duration::from_secs(24 * 60 * 60))
}

/// At least ten seconds, or `None`: it looks at all tenants.
pub(in crate::config) fn interval_or_off(given: Given<'_>) -> Result<Option<Duration>, Wrong> {
    off_or_duration(given, Duration::from_secs(10), MAX_DURATION)
}

/// Words such as `table_granted` or `table_granted:tenant_acme.notes`. Which of them there are is known elsewhere.
pub(in crate::config) fn findings(given: Given<'_>) -> Result<Vec<String>, Wrong> {
    let list = given.list()?;
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match list.iter().find(|entry| !is_id(entry.split(':').next().unwrap_or_default())) {
        None => Ok(list),
        Some(bad) => Err(Wrong::new(
            format!("{} is no finding", shown(bad)),
            "write the id of a finding, or id:object as `pgtenant verify` prints them",
        )),
    }
}

/// At least a second, or `None`.
pub(in crate::config) fn period_or_off(given: Given<'_>) -> Result<Option<Duration>, Wrong> {
    off_or_duration(given, Duration::from_secs(1), MAX_DURATION)
}

/// Between a second and a minute.
pub(in crate::config) fn check_period(given: Given<'_>) -> Result<Duration, Wrong> {
    off_or_duration(given, Duration::from_secs(1), Duration::from_secs(60))?
        .ok_or_else(|| Wrong::new("this period cannot be zero or off", "write a duration such as \"5s\""))
}

fn off_or_duration(given: Given<'_>, min: Duration, max: Duration) -> Result<Option<Duration>, Wrong> {
    let unit = |number: &str| {
        Wrong::new(
            format!("the number {number} has no unit"),
            format!("write it with a unit, for example \"{number}s\" or \"{number}min\""),
        )
    };
    let text = match given {
        Given::Toml(DeValue::Integer(digits)) if digits.as_str() == "0" => return Ok(None),
        Given::Toml(DeValue::Integer(digits)) => return Err(unit(digits.as_str())),
        _ => given.text()?.trim(),
    };
    if text == "off" {
        return Ok(None);
    }
    if text != "0" && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unit(text));
    }
    let duration = humantime::parse_duration(text).map_err(|_| {
        Wrong::new(
            format!("{} is not a duration", shown(text)),
            "write numbers with units: ms, s, min, h, day; for example \"30s\" or \"1h 30min\"",
        )
    })?;
    if duration.is_zero() {
        return Ok(None);
    }
    let written = humantime::format_duration;
    if duration < min {
        return Err(Wrong::new(
            format!("{} is too short", shown(text)),
            format!("give at least {}", written(min)),
        ));
    }
    if duration > max {
        return Err(Wrong::new(
            format!("{} is too long", shown(text)),
            format!("give at most {}", written(max)),
        ));
    }
    Ok(Some(duration))
}

/// Binary units. Decimal ones are refused, because PostgreSQL reads `1MB` as 1024 kB and others do not.
const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// A size in bytes.
pub(in crate::config) fn size<const MIN: u64, const MAX: u64>(given: Given<'_>) -> Result<usize, Wrong> {
    let bytes = match given {
        Given::Toml(DeValue::Integer(_)) => u64::try_from(given.integer()?).unwrap_or(0),
        _ => written_size(given.text()?.trim())?,
    };
    match usize::try_from(bytes) {
        Ok(_) if bytes < MIN => {
            Err(Wrong::new(format!("{bytes} bytes are too few"), format!("give at least {}", in_units(MIN))))
        }
        Ok(size) if bytes <= MAX => Ok(size),
        _ => {
            Err(Wrong::new(format!("{bytes} bytes are too many"), format!("give at most {}", in_units(MAX))))
        }
    }
}

fn written_size(text: &str) -> Result<u64, Wrong> {
    let bad = || {
        Wrong::new(
            format!("{} is not a size", shown(text)),
            "write a whole number of bytes, or one with B, KiB, MiB or GiB, for example \"64MiB\"",
        )
    };
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((text, 1));
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(bad)
}

fn in_units(bytes: u64) -> String {
    let (unit, factor) =
        [UNITS[2], UNITS[1], UNITS[0]].into_iter().find(|(_, factor)| bytes >= *factor).unwrap_or(UNITS[3]);
    format!("{}{unit}", bytes / factor)
}

/// `on_need` or `always`.
pub(in crate::config) fn reset_policy(given: Given<'_>) -> Result<ResetPolicy, Wrong> {
    one_of(given, &[("on_need", ResetPolicy::OnNeed), ("always", ResetPolicy::Always)])
}

/// `enforce` or `report`.
pub(in crate::config) fn guard_mode(given: Given<'_>) -> Result<GuardMode, Wrong> {
    one_of(given, &[("enforce", GuardMode::Enforce), ("report", GuardMode::Report)])
}

/// `refuse` or `tenant`.
pub(in crate::config) fn public_schema(given: Given<'_>) -> Result<PublicSchema, Wrong> {
    one_of(given, &[("refuse", PublicSchema::Refuse), ("tenant", PublicSchema::Tenant)])
}

/// `loopback` or `anywhere`.
pub(in crate::config) fn tokens_from(given: Given<'_>) -> Result<TokensFrom, Wrong> {
    one_of(given, &[("loopback", TokensFrom::Loopback), ("anywhere", TokensFrom::Anywhere)])
}

/// `loopback`, `open` or `token`.
pub(in crate::config) fn metrics_access(given: Given<'_>) -> Result<MetricsAccess, Wrong> {
    let words = [
        ("loopback", MetricsAccess::Loopback),
        ("open", MetricsAccess::Open),
        ("token", MetricsAccess::Token),
    ];
    one_of(given, &words)
}

/// `off`, `preferred` or `required`.
pub(in crate::config) fn listen_tls(given: Given<'_>) -> Result<ListenMode, Wrong> {
    let words =
        [("off", ListenMode::Off), ("preferred", ListenMode::Preferred), ("required", ListenMode::Required)];
    one_of(given, &words)
}

/// `optional` or `required`.
pub(in crate::config) fn client_certificate(given: Given<'_>) -> Result<ClientCertificate, Wrong> {
    one_of(given, &[("optional", ClientCertificate::Optional), ("required", ClientCertificate::Required)])
}

/// As libpq's `sslmode`, without the words that let somebody between choose.
pub(in crate::config) fn server_tls(given: Given<'_>) -> Result<ServerMode, Wrong> {
    let modes = [ServerMode::Off, ServerMode::Require, ServerMode::VerifyCa, ServerMode::VerifyFull];
    one_of(given, &modes.map(|mode| (mode.as_str(), mode)))
}

/// `dedicated` or `shared`.
pub(in crate::config) fn level(given: Given<'_>) -> Result<Level, Wrong> {
    one_of(given, &[Level::Dedicated, Level::Shared].map(|level| (level.as_str(), level)))
}

/// `text` or `json`.
pub(in crate::config) fn log_format(given: Given<'_>) -> Result<LogFormat, Wrong> {
    one_of(given, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

/// `redacted` or `full`.
pub(in crate::config) fn log_statements(given: Given<'_>) -> Result<LogStatements, Wrong> {
    one_of(given, &[("redacted", LogStatements::Redacted), ("full", LogStatements::Full)])
}

fn one_of<T: Copy>(given: Given<'_>, words: &[(&str, T)]) -> Result<T, Wrong> {
    let text = given.text()?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        Wrong::new(format!("{} is not known here", shown(text)), format!("write {}", known.join(" or ")))
    })
}

/// A filter for log lines.
pub(in crate::config) fn filter(given: Given<'_>) -> Result<String, Wrong> {
    let text = given.text()?;
    let remedy = "write a level (error, warn, info, debug, trace), or levels by module, \
                  for example \"info,pgtenant::pool=debug\"";
    if text.trim().is_empty() {
        return Err(Wrong::new("an empty filter would log nothing", format!("{remedy}; or \"off\"")));
    }
    match telemetry::check_filter(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => Err(Wrong::new(format!("{} is not a log filter: {why}", shown(text)), remedy)),
    }
}

/// Text that is never shown.
pub(in crate::config) fn secret(given: Given<'_>) -> Result<String, Wrong> {
    given.text().map(str::to_owned)
}

/// A value in an error: escaped, and cut where it is long.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        return format!("{text:?}");
    }
    format!("{:?}…", text.chars().take(MOST).collect::<String>())
}

/// What a TOML value is, for "found …".
fn article(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "text in quotes".to_owned(),
        DeValue::Integer(digits) => format!("the number {digits}"),
        DeValue::Float(digits) => format!("the number {digits}"),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

//! Slugs and identifiers, parsed once. The only code that quotes an SQL identifier.

use std::fmt;

use thiserror::Error;

/// PostgreSQL cuts identifiers to this many bytes (`NAMEDATALEN - 1`).
const MAX_IDENTIFIER_BYTES: usize = 63;

/// Prefix of a tenant's schema and role.
const TENANT_PREFIX: &str = "tenant_";

/// The same of the role that only reads; as long, so that it fits too.
const READER_PREFIX: &str = "reader_";

/// What the slugs of the tenants begin with that `pgtenant verify` makes for its attack, and removes again.
const CANARY_PREFIX: &str = "pgtenant_canary_";

/// A tenant's short name: `^[a-z0-9_]+$`, short enough that `tenant_<slug>` is a whole identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

/// Why a text is no slug.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SlugError {
    /// Nothing there.
    #[error("a slug cannot be empty; use lower-case letters, digits and underscores")]
    Empty,
    /// A character outside `[a-z0-9_]`.
    #[error("a slug holds only lower-case letters, digits and underscores, not {0:?}")]
    Character(char),
    /// Too long together with the prefix.
    #[error(
        "a slug is at most {max} bytes long (with the prefix `{TENANT_PREFIX}` it must fit PostgreSQL's {MAX_IDENTIFIER_BYTES}), this one has {0}",
        max = MAX_IDENTIFIER_BYTES - TENANT_PREFIX.len()
    )]
    TooLong(usize),
}

impl Slug {
    /// Reads a slug.
    ///
    /// # Errors
    /// [`SlugError`] names the first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        if text.is_empty() {
            return Err(SlugError::Empty);
        }
        if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_')) {
            return Err(SlugError::Character(bad));
        }
        if TENANT_PREFIX.len() + text.len() > MAX_IDENTIFIER_BYTES {
            return Err(SlugError::TooLong(text.len()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of a tenant that `pgtenant verify` attacks with. Nobody's customer: it is there for some seconds.
    #[must_use]
    pub fn is_canary(&self) -> bool {
        self.0.starts_with(CANARY_PREFIX)
    }

    /// Of one of the two of a run, if the parts are short and of a slug's characters.
    ///
    /// # Errors
    /// [`SlugError`].
    pub fn canary(run: &str, which: &str) -> Result<Self, SlugError> {
        Self::parse(&format!("{CANARY_PREFIX}{run}_{which}"))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An SQL identifier as PostgreSQL stores it: 1 to 63 bytes, no NUL. `Display` quotes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ident(String);

/// Why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentError {
    /// Empty, or more bytes than PostgreSQL keeps: cutting it could make two names one.
    #[error("an identifier has 1 to {MAX_IDENTIFIER_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// A NUL byte.
    #[error("an identifier cannot hold a NUL byte")]
    Nul,
}

impl Ident {
    /// Reads an identifier exactly as given: no folding, no cutting.
    ///
    /// # Errors
    /// [`IdentError`] when PostgreSQL would not keep it as it is.
    pub fn parse(text: &str) -> Result<Self, IdentError> {
        if text.is_empty() || text.len() > MAX_IDENTIFIER_BYTES {
            return Err(IdentError::Length(text.len()));
        }
        if text.contains('\0') {
            return Err(IdentError::Nul);
        }
        Ok(Self(text.to_owned()))
    }

    /// The bare name, as the catalog holds it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    /// Always quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_identifier(&self.0))
    }
}

/// A name in double quotes (PostgreSQL documentation, section 4.1.1), of whatever length: for names that
/// are no [`Ident`] of ours, such as those of settings.
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The names of a tenant's things in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantNames {
    /// The schema with its tables.
    pub schema: Ident,
    /// The role its server connections log in as.
    pub role: Ident,
}

impl TenantNames {
    /// The names a new tenant gets: `tenant_<slug>` for both.
    #[must_use]
    pub fn for_slug(slug: &Slug) -> Self {
        let name = Ident(format!("{TENANT_PREFIX}{slug}"));
        Self { schema: name.clone(), role: name }
    }

    /// Other names for a tenant of this slug, where the usual ones are another's: `tenant_<slug>_<number>`, the slug cut where
    /// it would not fit.
    #[must_use]
    pub fn numbered(slug: &Slug, number: u32) -> Self {
        let end = format!("_{number}");
        let room = MAX_IDENTIFIER_BYTES - TENANT_PREFIX.len() - end.len();
        // A slug is ASCII.
        let slug = slug.as_str();
        let name = Ident(format!("{TENANT_PREFIX}{}{end}", &slug[..slug.len().min(room)]));
        Self { schema: name.clone(), role: name }
    }

    /// The role of those that may only read, beside a role that derives from a slug: `reader_` for `tenant_`.
    #[must_use]
    pub fn reader(&self) -> Option<Ident> {
        let rest = self.role.as_str().strip_prefix(TENANT_PREFIX)?;
        Some(Ident(format!("{READER_PREFIX}{rest}")))
    }

    /// The role of those that may only read a new tenant's data: `reader_<slug>`. No tenant's own role begins like
    /// that, whatever its slug.
    #[must_use]
    pub fn reader_for_slug(slug: &Slug) -> Ident {
        Ident(format!("{READER_PREFIX}{slug}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slug_of_letters_digits_and_underscores_is_kept() {
        assert_eq!(Slug::parse("acme_2").map(|s| s.to_string()), Ok("acme_2".into()));
    }

    #[test]
    fn slug_with_quote_dash_upper_case_or_accent_is_refused() {
        for (text, bad) in
            [("a'b", '\''), ("a\"b", '"'), ("a-b", '-'), ("Acme", 'A'), ("é", 'é'), ("a b", ' ')]
        {
            assert_eq!(Slug::parse(text), Err(SlugError::Character(bad)), "{text}");
        }
        assert_eq!(Slug::parse(""), Err(SlugError::Empty));
    }

    #[test]
    fn slug_fits_an_identifier_together_with_its_prefix() {
        assert!(Slug::parse(&"a".repeat(56)).is_ok());
        assert_eq!(Slug::parse(&"a".repeat(57)), Err(SlugError::TooLong(57)));
        assert_eq!(Slug::parse(&"a".repeat(70)), Err(SlugError::TooLong(70)));
    }

    #[test]
    fn canaries_have_slugs_that_no_tenant_gets() {
        assert!(Slug::canary("0a1b", "a").unwrap().is_canary());
        assert!(!Slug::parse("canary").unwrap().is_canary());
    }

    #[test]
    fn identifier_is_always_quoted() {
        let name = Ident::parse("we\"ird").unwrap();
        assert_eq!(name.to_string(), "\"we\"\"ird\"");
    }

    #[test]
    fn identifier_that_postgresql_would_cut_is_refused() {
        assert_eq!(Ident::parse(&"x".repeat(64)), Err(IdentError::Length(64)));
        assert_eq!(Ident::parse("a\0b"), Err(IdentError::Nul));
    }

    #[test]
    fn numbered_names_fit_and_have_a_reader_beside_them() {
        let slug = Slug::parse("acme").unwrap();
        let names = TenantNames::numbered(&slug, 2);
        assert_eq!(names.role.as_str(), "tenant_acme_2");
        assert_eq!(names.reader().unwrap().as_str(), "reader_acme_2");
        let long = Slug::parse(&"a".repeat(56)).unwrap();
        assert_eq!(TenantNames::numbered(&long, 12).role.as_str().len(), 63);
    }

    #[test]
    fn tenant_names_carry_the_prefix() {
        let names = TenantNames::for_slug(&Slug::parse("acme").unwrap());
        assert_eq!(names.schema.as_str(), "tenant_acme");
        assert_eq!(names.role.as_str(), "tenant_acme");
    }
}

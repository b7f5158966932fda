//! What is wrong with a configuration, in words an operator can act on.

use std::fmt;

use serde::Serialize;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// The configuration file, and the line where that is known (the first is 1).
    File {
        /// The file as it was named on the command line.
        name: String,
        /// The line the value stands in; `None` when the point is that it stands nowhere.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
    },
    /// The PostgreSQL server, as it was found.
    Server {
        /// Where it was asked.
        address: String,
    },
    /// This machine, as it was found.
    Machine,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Self::File { name, line: None } => f.write_str(name),
            Self::Variable { name } => write!(f, "environment variable {name}"),
            Self::Server { address } => write!(f, "server {address}"),
            Self::Machine => f.write_str("this machine"),
        }
    }
}

/// One thing to put right. Holds no secret: values are only repeated where they cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The key as `section.key`; `None` when no single key is to blame.
    pub key: Option<String>,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}\n    {}", self.wrong, self.remedy)
    }
}

/// Everything that is wrong: in the file's order, then the environment, this machine, the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// How many there are, in words.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.0.len() {
            1 => "1 problem with the configuration".to_owned(),
            count => format!("{count} problems with the configuration"),
        }
    }

    /// The value, if there is one and nothing is wrong.
    ///
    /// # Errors
    /// The problems, sorted by place.
    pub fn unless_any<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                // Stable: problems of one line stay in the order they were found.
                self.0.sort_by(|a, b| order(&a.place).cmp(&order(&b.place)));
                Err(self)
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.0.iter().enumerate() {
            let gap = if nth == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Lines of the file first, then what is missing from it, then the environment.
fn order(place: &Place) -> (u8, usize, &str) {
    match place {
        Place::File { line: Some(line), .. } => (0, *line, ""),
        Place::File { line: None, .. } => (1, 0, ""),
        Place::Variable { name } => (2, 0, name),
        Place::Machine => (3, 0, ""),
        Place::Server { address } => (4, 0, address),
    }
}

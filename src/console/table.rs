//! Tables, and how their rows travel.

use crate::console::messages;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `text`.
    Text,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `numeric`, without fractions: what PgBouncer has for what may grow large.
    Numeric,
}

impl Type {
    /// Its number in `pg_type`.
    #[must_use]
    pub const fn oid(self) -> u32 {
        match self {
            Self::Text => 25,
            Self::Int4 => 23,
            Self::Int8 => 20,
            Self::Numeric => 1700,
        }
    }

    /// Its size there.
    pub(super) const fn size(self) -> i16 {
        match self {
            Self::Int4 => 4,
            Self::Int8 => 8,
            Self::Text | Self::Numeric => -1,
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// Of a `text`.
    Text(String),
    /// Of any of the others.
    Number(u64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Number(yes.into())
    }
}

impl From<i32> for Value {
    /// Process ids, which are not negative.
    fn from(number: i32) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(0))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What its columns are.
    pub columns: &'static [Column],
    /// Its rows, each with a value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// In which form a client wants a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Binary,
}

impl Table {
    /// Appends a row as a message.
    pub(super) fn write_row(&self, out: &mut Vec<u8>, row: &[Value], format: impl Fn(usize) -> Format) {
        let columns = self.columns.iter().zip(row).enumerate();
        let fields = columns.map(|(at, (column, value))| encode(column.kind, value, format(at)));
        messages::data_row(out, &fields.collect::<Vec<_>>());
    }
}

/// A value as it travels; `None` for NULL.
fn encode(kind: Type, value: &Value, format: Format) -> Option<Vec<u8>> {
    match (value, format, kind) {
        (Value::Null, ..) => None,
        (Value::Text(text), ..) => Some(text.clone().into_bytes()),
        // What is too large for its column is shown as the largest there is.
        (Value::Number(number), Format::Text, Type::Int4) => {
            Some(i32::try_from(*number).unwrap_or(i32::MAX).to_string().into_bytes())
        }
        (Value::Number(number), Format::Text, Type::Int8) => {
            Some(i64::try_from(*number).unwrap_or(i64::MAX).to_string().into_bytes())
        }
        (Value::Number(number), Format::Text, Type::Numeric) | (Value::Number(number), _, Type::Text) => {
            Some(number.to_string().into_bytes())
        }
        (Value::Number(number), Format::Binary, Type::Int4) => {
            Some(i32::try_from(*number).unwrap_or(i32::MAX).to_be_bytes().to_vec())
        }
        (Value::Number(number), Format::Binary, Type::Int8) => {
            Some(i64::try_from(*number).unwrap_or(i64::MAX).to_be_bytes().to_vec())
        }
        (Value::Number(number), Format::Binary, Type::Numeric) => Some(numeric(*number)),
    }
}

/// As `numeric_send` writes it: the number of digits to the base 10,000, the weight of the first, sign and scale, and
/// the digits without zeros at the end.
fn numeric(number: u64) -> Vec<u8> {
    let (mut digits, mut rest) = (Vec::new(), number);
    while rest > 0 {
        digits.push((rest % 10_000) as u16);
        rest /= 10_000;
    }
    let weight = digits.len().saturating_sub(1) as u16;
    digits.reverse();
    while digits.last() == Some(&0) {
        digits.pop();
    }
    [&[digits.len() as u16, weight, 0, 0], digits.as_slice()]
        .concat()
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taken from PostgreSQL: `select encode(numeric_send(n), 'hex')`.
    #[test]
    fn numeric_is_written_as_the_server_writes_it() {
        let hex = |number| numeric(number).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (number, expected) in [
            (0, "0000000000000000"),
            (1, "00010000000000000001"),
            (9_999, "0001000000000000270f"),
            (10_000, "00010001000000000001"),
            (12_345, "000200010000000000010929"),
            (120_000_000, "0002000200000000000107d0"),
        ] {
            assert_eq!(hex(number), expected, "{number}");
        }
    }

    #[test]
    fn numbers_too_large_for_their_column_are_the_largest_there_is() {
        let large = Value::Number(u64::MAX);
        assert_eq!(encode(Type::Int4, &large, Format::Binary), Some(i32::MAX.to_be_bytes().to_vec()));
        assert_eq!(encode(Type::Int8, &large, Format::Binary), Some(i64::MAX.to_be_bytes().to_vec()));
        assert_eq!(encode(Type::Int4, &Value::Null, Format::Binary), None);
        assert_eq!(encode(Type::Numeric, &Value::Number(7), Format::Text), Some(b"7".to_vec()));
    }
}

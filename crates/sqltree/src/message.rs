//! Reading one message's fields from its bytes (protobuf encoding, "Message Structure").

use std::str;

use thiserror::Error;

use crate::table::{FieldInfo, Kind, Shape, lookup};

/// The bytes are not what the table says a tree looks like. The parser and the table disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the parse tree does not match its definition")]
pub struct Malformed;

/// One node of the tree: its kind, and its fields as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Message<'t> {
    kind: Kind,
    bytes: &'t [u8],
}

/// The value of one field.
#[derive(Clone, Copy, Debug)]
pub enum Value<'t> {
    /// A number, a flag, or a value of an enumeration.
    Number(u64),
    /// A string.
    Text(&'t str),
    /// A node. `None` for a list entry that holds nothing.
    Message(Option<Message<'t>>),
    /// Something without meaning for a reader of names: a floating-point number, or packed numbers.
    Other,
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'t> {
    /// Its number; the constants are in [`crate::field`].
    pub number: u32,
    /// Its name in the definition.
    pub name: &'static str,
    /// What it holds.
    pub value: Value<'t>,
}

impl<'t> Message<'t> {
    pub(crate) const fn new(kind: Kind, bytes: &'t [u8]) -> Self {
        Self { kind, bytes }
    }

    pub(crate) const fn bytes(&self) -> &'t [u8] {
        self.bytes
    }

    /// Which node it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The fields that are set, in the order of their numbers.
    #[must_use]
    pub const fn fields(&self) -> Fields<'t> {
        Fields { kind: self.kind, rest: self.bytes }
    }

    /// A string field; empty when it is not set.
    ///
    /// This and the other readers of single fields stop at malformed bytes. A [`crate::Walk`] over the
    /// same tree reports them.
    #[must_use]
    pub fn text(&self, number: u32) -> &'t str {
        match self.value(number) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A number field; 0 when it is not set.
    #[must_use]
    pub fn number(&self, number: u32) -> u64 {
        match self.value(number) {
            Some(Value::Number(value)) => value,
            _ => 0,
        }
    }

    /// A flag.
    #[must_use]
    pub fn flag(&self, number: u32) -> bool {
        self.number(number) != 0
    }

    /// A field that holds one node.
    #[must_use]
    pub fn child(&self, number: u32) -> Option<Self> {
        match self.value(number) {
            Some(Value::Message(child)) => child,
            _ => None,
        }
    }

    /// A field that holds a list of nodes; entries that hold nothing are left out.
    #[must_use]
    pub const fn children(&self, number: u32) -> Children<'t> {
        Children { fields: self.fields(), number }
    }

    fn value(&self, number: u32) -> Option<Value<'t>> {
        self.fields().map_while(Result::ok).find(|field| field.number == number).map(|field| field.value)
    }
}

/// Iterator over the fields of a message.
#[derive(Clone, Debug)]
pub struct Fields<'t> {
    kind: Kind,
    rest: &'t [u8],
}

impl<'t> Iterator for Fields<'t> {
    type Item = Result<Field<'t>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = read_field(self.kind, &mut self.rest);
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Iterator over the nodes of a list field.
#[derive(Clone, Debug)]
pub struct Children<'t> {
    fields: Fields<'t>,
    number: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = Message<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let field = self.fields.next()?.ok()?;
            if field.number == self.number
                && let Value::Message(Some(child)) = field.value
            {
                return Some(child);
            }
        }
    }
}

/// Takes the next field of a message of this kind off `rest`.
pub(crate) fn read_field<'t>(kind: Kind, rest: &mut &'t [u8]) -> Result<Field<'t>, Malformed> {
    let key = varint(rest)?;
    let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
    let info = lookup(kind, number).ok_or(Malformed)?;
    let value = read_value(info, key & 7, rest)?;
    Ok(Field { number, name: info.name, value })
}

fn read_value<'t>(info: &FieldInfo, wire_type: u64, rest: &mut &'t [u8]) -> Result<Value<'t>, Malformed> {
    match (info.shape, wire_type) {
        (Shape::Number, 0) => varint(rest).map(Value::Number),
        (Shape::Number, 2) if info.repeated => delimited(rest).map(|_| Value::Other),
        (Shape::Double, 1) => take(rest, 8).map(|_| Value::Other),
        (Shape::Text, 2) => str::from_utf8(delimited(rest)?).map(Value::Text).map_err(|_| Malformed),
        (Shape::Message(Kind::Node), 2) => unwrap_node(delimited(rest)?).map(Value::Message),
        (Shape::Message(kind), 2) => Ok(Value::Message(Some(Message::new(kind, delimited(rest)?)))),
        _ => Err(Malformed),
    }
}

/// A `Node` only says which kind of message it holds: it is read through.
fn unwrap_node(mut bytes: &[u8]) -> Result<Option<Message<'_>>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    match read_field(Kind::Node, &mut bytes)?.value {
        Value::Message(Some(message)) if bytes.is_empty() && message.kind != Kind::Node => Ok(Some(message)),
        _ => Err(Malformed),
    }
}

fn delimited<'t>(rest: &mut &'t [u8]) -> Result<&'t [u8], Malformed> {
    let length = usize::try_from(varint(rest)?).map_err(|_| Malformed)?;
    take(rest, length)
}

fn take<'t>(rest: &mut &'t [u8], length: usize) -> Result<&'t [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, left) = rest.split_first().ok_or(Malformed)?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

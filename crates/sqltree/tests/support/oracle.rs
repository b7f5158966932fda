//! A second opinion on what a tree holds: pg_query decodes it into structs, serde visits all of them.
//!
//! The serializer below is complete by construction (every struct derives `Serialize`), and shares
//! nothing with the walk under test but the C library.

use std::collections::BTreeMap;
use std::fmt;

use pgtenant_sqltree::{Malformed, Tree, Value, Walk};
use serde::ser::{self, Serialize};

/// How often each message, and each string in each field, occurs: `RangeVar` or `RangeVar.relname=t`.
pub(crate) type Census = BTreeMap<String, usize>;

/// Both opinions on a text. `None` when the text does not parse, or pg_query's decoder gives up on its
/// depth.
pub(crate) fn both(text: &str) -> Option<(Census, Census)> {
    let tree = pgtenant_sqltree::parse(text).ok()?;
    let decoded = pg_query::parse(text, 0).ok()?;
    let mut oracle = Oracle::default();
    decoded.protobuf.serialize(&mut oracle).expect("the oracle never fails");
    Some((by_walk(&tree).expect("a well-formed tree"), oracle.census))
}

fn name(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

fn by_walk(tree: &Tree) -> Result<Census, Malformed> {
    let mut census = Census::new();
    for visit in Walk::new(tree.root()) {
        let message = visit?.message;
        *census.entry(name(message.kind().name())).or_default() += 1;
        for field in message.fields() {
            let field = field?;
            if let Value::Text(text) = field.value
                && !text.is_empty()
            {
                let key = format!("{}.{}={text}", name(message.kind().name()), name(field.name));
                *census.entry(key).or_default() += 1;
            }
        }
    }
    Ok(census)
}

#[derive(Default)]
struct Oracle {
    census: Census,
    structs: Vec<&'static str>,
    field: &'static str,
}

#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("never")
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl ser::SerializeStruct for &mut Oracle {
    type Ok = ();
    type Error = Never;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Never> {
        let outer = std::mem::replace(&mut self.field, key);
        value.serialize(&mut **self)?;
        self.field = outer;
        Ok(())
    }

    fn end(self) -> Result<(), Never> {
        self.structs.pop();
        Ok(())
    }
}

impl ser::SerializeSeq for &mut Oracle {
    type Ok = ();
    type Error = Never;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Never> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

macro_rules! ignore {
    ($($method:ident: $type:ty),*) => { $(fn $method(self, _: $type) -> Result<(), Never> { Ok(()) })* };
}

impl ser::Serializer for &mut Oracle {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Self;
    type SerializeTuple = ser::Impossible<(), Never>;
    type SerializeTupleStruct = ser::Impossible<(), Never>;
    type SerializeTupleVariant = ser::Impossible<(), Never>;
    type SerializeMap = ser::Impossible<(), Never>;
    type SerializeStruct = Self;
    type SerializeStructVariant = ser::Impossible<(), Never>;

    ignore!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str);

    fn serialize_str(self, text: &str) -> Result<(), Never> {
        if !text.is_empty() {
            let owner = self.structs.last().expect("a string is in a struct");
            let key = format!("{}.{}={text}", name(owner), name(self.field));
            *self.census.entry(key).or_default() += 1;
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Never> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Never> {
        Err(Never)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Never> {
        Err(Never)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Never> {
        Err(Never)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Never> {
        Err(Never)
    }

    fn serialize_struct(self, struct_name: &'static str, _: usize) -> Result<Self, Never> {
        if struct_name != "Node" {
            *self.census.entry(name(struct_name)).or_default() += 1;
        }
        self.structs.push(struct_name);
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Never> {
        Err(Never)
    }
}

//! From the located tree to types, through serde; an error knows its keys and its place.
//!
//! This file must not know formats. The words for what was expected are those of a plan file, not
//! those of Rust: "a map", "a list", "a whole number".

use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use tidegate_core::{KeyPath, Segment};

use super::tree::{Entry, Node, Position, Value};

/// Reads a value of any type from a tree.
pub(super) fn from_tree<T: de::DeserializeOwned>(root: &Node) -> Result<T, Misfit> {
    T::deserialize(root).map_err(|misfit| misfit.at_place(root.at))
}

/// Reads a value of any type from what stands under a key.
pub(super) fn from_entry<T: de::DeserializeOwned>(entry: &Entry) -> Result<T, Misfit> {
    T::deserialize(&entry.node).map_err(|misfit| misfit.under_key(entry, entry.place()))
}

/// Something that is not what was expected.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) what: String,
    at: Option<Position>,
    /// From the inside out.
    path: Vec<Segment>,
}

impl Misfit {
    pub(super) fn at(&self) -> Position {
        self.at.unwrap_or(Position::START)
    }

    pub(super) fn path(&self) -> KeyPath {
        KeyPath(self.path.iter().rev().cloned().collect())
    }

    fn new(what: String) -> Self {
        Self { what, at: None, path: Vec::new() }
    }

    /// Not what was expected, in words for people.
    fn expected(node: &Node, expected: &str) -> Self {
        Self::new(format!("found {}; expected {expected}", node.value.words()))
    }

    /// At this place, unless a place further inside is known.
    fn at_place(mut self, at: Position) -> Self {
        self.at.get_or_insert(at);
        self
    }

    fn under(mut self, segment: Segment, at: Position) -> Self {
        self.path.push(segment);
        self.at_place(at)
    }

    fn under_key(self, entry: &Entry, at: Position) -> Self {
        self.under(Segment::Key(entry.key.clone()), at)
    }
}

impl std::error::Error for Misfit {}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("found {found}; expected {}", in_words(&expected.to_string())))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown {found:?}; {}", one_of(expected)))
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown key {found:?}; {}", one_of(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key {field} is missing; expected it here"))
    }
}

/// Rust's names of numbers, in the words of a plan file.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number of 0 to 255",
        "u16" => "a whole number of 0 to 65535",
        "u32" => "a whole number of 0 to 4294967295",
        "i8" | "i16" | "i32" | "i64" => "a smaller whole number",
        other => other,
    }
}

fn one_of(names: &[&str]) -> String {
    match names {
        [] => "expected no key at all".to_owned(),
        [one] => format!("expected {one}"),
        many => format!("expected one of {}", many.join(", ")),
    }
}

impl Value {
    /// For people: what was found.
    fn words(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Unsigned(value) => format!("the number {value}"),
            Self::Signed(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Text(text) => {
                let short: String = text.chars().take(40).collect();
                format!("the text {short:?}")
            }
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

/// Methods that read a plain value, with the words for it.
macro_rules! plain {
    ($($method:ident: $pattern:pat => $words:literal,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.value {
                $pattern => self.deserialize_any(visitor),
                _ => Err(Misfit::expected(self, $words)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    plain! {
        deserialize_bool: Value::Bool(_) => "true or false",
        deserialize_u8: Value::Unsigned(_) => "a whole number of zero or more",
        deserialize_u16: Value::Unsigned(_) => "a whole number of zero or more",
        deserialize_u32: Value::Unsigned(_) => "a whole number of zero or more",
        deserialize_u64: Value::Unsigned(_) => "a whole number of zero or more",
        deserialize_i8: Value::Unsigned(_) | Value::Signed(_) => "a whole number",
        deserialize_i16: Value::Unsigned(_) | Value::Signed(_) => "a whole number",
        deserialize_i32: Value::Unsigned(_) | Value::Signed(_) => "a whole number",
        deserialize_i64: Value::Unsigned(_) | Value::Signed(_) => "a whole number",
        deserialize_f32: Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) => "a number",
        deserialize_f64: Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) => "a number",
        deserialize_str: Value::Text(_) => "a text (put it in quotes)",
        deserialize_string: Value::Text(_) => "a text (put it in quotes)",
        deserialize_seq: Value::List(_) => "a list",
        deserialize_map: Value::Map(_) => "a map",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.value {
            Value::Map(_) => self.deserialize_any(visitor),
            _ if fields.is_empty() => Err(Misfit::expected(self, "an empty map: {}")),
            _ => {
                let keys = format!("a map with {}", fields.join(", "));
                Err(Misfit::expected(self, &keys))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.value {
            Value::Text(name) => visitor.visit_enum(Name(name)),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Variant(entry)),
                [] => Err(Misfit::new(format!("found an empty map; {}", one_of(variants)))),
                [_, second, ..] => {
                    let (count, expected) = (entries.len(), variants.join(", "));
                    let what = format!("found {count} keys; expected exactly one of {expected}");
                    Err(Misfit::new(what).at_place(second.at))
                }
            },
            _ => Err(Misfit::expected(self, &one_of(variants).replacen("expected ", "", 1))),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The items of a list, one after another.
struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        let value = seed.deserialize(item);
        value.map(Some).map_err(|misfit| misfit.under(Segment::Item(index), item.at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len().saturating_sub(self.next))
    }
}

/// The entries of a map, one after another.
struct Entries<'de> {
    entries: &'de [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key = seed.deserialize(entry.key.as_str().into_deserializer());
        key.map(Some).map_err(|misfit: Misfit| misfit.under_key(entry, entry.at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(Misfit::new("a value was asked for twice".to_owned()));
        };
        self.next += 1;
        let value = seed.deserialize(&entry.node);
        value.map_err(|misfit| misfit.under_key(entry, entry.place()))
    }
}

/// An enum written as a name.
struct Name<'de>(&'de str);

impl<'de> EnumAccess<'de> for Name<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Misfit> {
        Ok((seed.deserialize(self.0.into_deserializer())?, self))
    }
}

impl Name<'_> {
    fn says_too_little(&self) -> Misfit {
        Misfit::new(format!("found {:?} alone; expected it as a key, with its own keys", self.0))
    }
}

impl<'de> VariantAccess<'de> for Name<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Misfit> {
        Err(self.says_too_little())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(self.says_too_little())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Misfit> {
        Err(self.says_too_little())
    }
}

/// An enum written as a map of one key.
struct Variant<'de>(&'de Entry);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Misfit> {
        let name = seed.deserialize(self.0.key.as_str().into_deserializer());
        let name = name.map_err(|misfit: Misfit| misfit.under_key(self.0, self.0.at))?;
        Ok((name, self))
    }
}

impl<'de> Variant<'de> {
    fn inside<T>(&self, read: Result<T, Misfit>) -> Result<T, Misfit> {
        read.map_err(|misfit| misfit.under_key(self.0, self.0.place()))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        self.inside(<()>::deserialize(&self.0.node))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        self.inside(seed.deserialize(&self.0.node))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.inside(self.0.node.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.inside(self.0.node.deserialize_struct("", fields, visitor))
    }
}

//! CBOR as JSON's values, for fakes that speak it.
//!
//! A time is a number of seconds on the way in, and `{"$time": seconds}` on the way out. It must not
//! know any service.

use aws_smithy_cbor::{Decoder, Encoder, data::Type, decode::DeserializeError};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

/// The key of an object that stands for a time.
const TIME: &str = "$time";

/// A time, as [`encode`] writes it.
pub(super) fn time(seconds: i64) -> Value {
    json!({ TIME: seconds })
}

/// The body of a request.
///
/// # Panics
/// When it is something else.
pub(super) fn decode(body: &[u8]) -> Value {
    value(&mut Decoder::new(body)).expect("the SDK sends CBOR")
}

fn value(from: &mut Decoder<'_>) -> Result<Value, DeserializeError> {
    Ok(match from.datatype()? {
        Type::Map | Type::MapIndef => {
            let (mut left, mut object) = (from.map()?, Map::new());
            while goes_on(from, &mut left)? {
                let key = from.string()?;
                object.insert(key, value(from)?);
            }
            Value::Object(object)
        }
        Type::Array | Type::ArrayIndef => {
            let (mut left, mut list) = (from.list()?, Vec::new());
            while goes_on(from, &mut left)? {
                list.push(value(from)?);
            }
            Value::Array(list)
        }
        Type::String | Type::StringIndef => Value::String(from.string()?),
        Type::Bool => Value::Bool(from.boolean()?),
        Type::Tag => json!(from.timestamp()?.secs()),
        Type::F32 => json!(from.float()?),
        Type::F64 => json!(from.double()?),
        Type::Null => {
            from.null()?;
            Value::Null
        }
        _ => json!(from.long()?),
    })
}

/// Whether a list or a map has another member: by its length, or until its end is marked.
fn goes_on(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, DeserializeError> {
    match left {
        Some(0) => Ok(false),
        Some(n) => {
            *n -= 1;
            Ok(true)
        }
        None if from.datatype()? == Type::Break => {
            from.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

/// The body of a reply. Members that are null are left out.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut to = Encoder::new(Vec::new());
    write(&mut to, value);
    to.into_writer()
}

fn write(to: &mut Encoder, value: &Value) {
    match value {
        Value::Null => drop(to.null()),
        Value::Bool(yes) => drop(to.boolean(*yes)),
        Value::String(text) => drop(to.str(text)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => drop(to.long(whole)),
            None => drop(to.double(number.as_f64().unwrap_or_default())),
        },
        Value::Array(items) => {
            to.array(items.len());
            items.iter().for_each(|item| write(to, item));
        }
        Value::Object(members) => match members.get(TIME).and_then(Value::as_i64) {
            Some(seconds) => drop(to.timestamp(&DateTime::from_secs(seconds))),
            None => {
                let there = || members.iter().filter(|(_, member)| !member.is_null());
                to.map(there().count());
                for (key, member) in there() {
                    to.str(key);
                    write(to, member);
                }
            }
        },
    }
}

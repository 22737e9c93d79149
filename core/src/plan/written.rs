//! Checks written where they are used: a gate or the guards may hold a check instead of a name.
//!
//! This file must not decide what a check means; it only gives every check a name and a place.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{CheckSpec, GateSpec, KeyPath, PlanSpec, StrategySpec};

/// A check by name, or written out where it is used. One that is written out is called after its
/// metric.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckRef {
    /// The name of a check that stands under `checks`.
    Name(String),
    /// The check itself.
    Here(Box<CheckSpec>),
}

impl CheckRef {
    /// The name it is known by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Here(check) => &check.metric,
        }
    }
}

impl From<&str> for CheckRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for CheckRef {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl Serialize for CheckRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Name(name) => serializer.serialize_str(name),
            Self::Here(check) => check.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CheckRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RefVisitor)
    }
}

struct RefVisitor;

impl<'de> de::Visitor<'de> for RefVisitor {
    type Value = CheckRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a check, or a check such as {metric: errors}")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<CheckRef, E> {
        Ok(CheckRef::from(name))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<CheckRef, A::Error> {
        let check = CheckSpec::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(CheckRef::Here(Box::new(check)))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for CheckRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckRef".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let check = generator.subschema_for::<CheckSpec>();
        schemars::json_schema!({
            "oneOf": [{"type": "string"}, check],
            "description": "The name of a check, or a check written out; it is then called after its metric.",
        })
    }
}

impl StrategySpec {
    /// Every gate as written, with its place below `strategy`.
    pub fn gates_mut(&mut self) -> Vec<(KeyPath, &mut GateSpec)> {
        let at = KeyPath::of("strategy");
        match self {
            Self::Canary(canary) => {
                let at = at.key("canary");
                let steps = canary.steps.iter_mut().enumerate();
                let place = at.key("steps");
                let steps = steps.map(|(n, step)| (place.item(n).key("gate"), &mut step.gate));
                let at = at.key("platform");
                let waits = canary.platform.iter_mut().flat_map(|platform| {
                    [
                        (at.key("ready"), &mut platform.ready),
                        (at.key("step"), &mut platform.step),
                        (at.key("termination"), &mut platform.termination),
                    ]
                });
                steps.chain(waits).collect()
            }
            Self::BlueGreen(switch) => {
                let at = at.key("blue_green");
                let preview = at.key("preview").key("gate");
                let preview = switch.preview.iter_mut().map(|p| (preview.clone(), &mut p.gate));
                let place = at.key("steps");
                let steps = switch.steps.iter_mut().enumerate();
                let steps = steps.map(|(n, step)| (place.item(n).key("gate"), &mut step.gate));
                preview
                    .chain([(at.key("before"), &mut switch.before)])
                    .chain(steps)
                    .chain([(at.key("after"), &mut switch.after)])
                    .collect()
            }
            Self::Rolling(rolling) => {
                let at = at.key("rolling").key("gates");
                let each = rolling.gates.each_batch.iter_mut();
                let each = each.map(|gate| (at.key("each_batch"), gate));
                let place = at.key("at");
                let parts = rolling.gates.at.iter_mut().enumerate();
                let parts = parts.map(|(n, part)| (place.item(n).key("gate"), &mut part.gate));
                each.chain(parts).collect()
            }
        }
    }
}

impl PlanSpec {
    /// Moves every check that is written where it is used to `checks`, and leaves its name there.
    /// Gives the places they came from, by name.
    ///
    /// One whose name another check has stays where it is, unless the two are equal; such a plan
    /// does not compile.
    pub fn gather_checks(&mut self) -> BTreeMap<String, KeyPath> {
        let mut places = BTreeMap::new();
        let Self { strategy, checks, guards, .. } = self;
        let gates = strategy.gates_mut().into_iter();
        let lists = gates.map(|(at, gate)| (at.key("checks"), &mut gate.checks));
        for (at, list) in lists.chain([(KeyPath::of("guards"), guards)]) {
            for (nth, written) in list.iter_mut().enumerate() {
                let CheckRef::Here(check) = written else { continue };
                let name = check.metric.clone();
                let known = checks.entry(name.clone()).or_insert_with(|| {
                    places.insert(name.clone(), at.item(nth));
                    (**check).clone()
                });
                if *known == **check {
                    *written = CheckRef::Name(name);
                }
            }
        }
        places
    }
}

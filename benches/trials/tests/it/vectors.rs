//! Reference vectors: what an independent library, or fifty-digit arithmetic, says the answer is.
//!
//! Reads the cases, compares answers, and counts. Which function answers which method stands in the
//! tables of the `vectors_*` modules.

use std::collections::BTreeMap;

use serde_json::Value;

/// One case, as the file has it.
#[derive(Debug)]
pub(crate) struct Case {
    /// `<method>-NNN`.
    pub(crate) id: String,
    /// What is computed.
    pub(crate) method: String,
    input: Value,
    params: Value,
    expected: Value,
    /// Absolute and relative.
    tolerance: (f64, f64),
}

/// The answers to a case, by name.
pub(crate) type Outputs = Value;

/// Answers, each under its name.
pub(crate) fn named<const N: usize>(answers: [(&'static str, Value); N]) -> Outputs {
    answers.into_iter().map(|(name, answer)| (name.to_owned(), answer)).collect()
}

/// Answers cases of one method.
pub(crate) type Runner = fn(&Case) -> Outputs;

/// Runners of some methods, by name.
pub(crate) type Table = &'static [(&'static str, Runner)];

/// All cases of the file.
pub(crate) fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors.json");
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().iter().map(Case::read).collect()
}

/// Runs every case of the table's methods; panics with all that differ. Prints for each method how
/// many cases it has, and the largest part of their tolerance that an answer used.
pub(crate) fn check(table: Table) {
    let mut used: BTreeMap<_, _> = table.iter().map(|(method, _)| (*method, (0, 0.0))).collect();
    let mut wrong = Vec::new();
    for case in cases() {
        let Some((method, run)) = table.iter().find(|(method, _)| *method == case.method) else {
            continue;
        };
        let outputs = run(&case);
        let (count, most) = used.entry(method).or_default();
        *count += 1;
        *most = case.tolerance_used(&outputs).fold(*most, |most, (_, used)| f64::max(most, used));
        wrong.extend(case.differences(&outputs));
    }
    for (method, (count, most)) in &used {
        println!("{method}: {count} cases, at most {most:.1e} of the tolerance used");
        assert!(*count > 0, "{method} has no case");
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

impl Case {
    fn read(case: &Value) -> Self {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let tolerance = |key: &str| case["tolerance"][key].as_f64().unwrap();
        Self {
            id: text("id"),
            method: text("method"),
            input: case["input"].clone(),
            params: case["params"].clone(),
            expected: case["expected"].clone(),
            tolerance: (tolerance("abs"), tolerance("rel")),
        }
    }

    /// The value under this name, in the input or the parameters.
    pub(crate) fn value(&self, name: &str) -> &Value {
        self.input
            .get(name)
            .or_else(|| self.params.get(name))
            .unwrap_or_else(|| panic!("{} has no {name}", self.id))
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> f64 {
        number(self.value(name))
    }

    /// A whole number.
    pub(crate) fn whole(&self, name: &str) -> u32 {
        u32::try_from(self.value(name).as_u64().unwrap()).unwrap()
    }

    /// A word.
    pub(crate) fn word(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap()
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap()
    }

    /// A list of numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<f64> {
        numbers(self.value(name))
    }

    /// A list of lists of numbers.
    pub(crate) fn rows(&self, name: &str) -> Vec<Vec<f64>> {
        self.value(name).as_array().unwrap().iter().map(numbers).collect()
    }

    /// The entries at the positions `at`, which count from 1.
    pub(crate) fn at<T: Clone>(&self, series: &[T]) -> Vec<T> {
        self.list("at").iter().map(|place| series[*place as usize - 1].clone()).collect()
    }

    /// What is expected and was not answered, one sentence each.
    fn differences(&self, outputs: &Outputs) -> Vec<String> {
        let wrong = self.tolerance_used(outputs).filter(|(_, used)| *used > 1.0);
        let sentence = |(name, _): (&str, f64)| {
            let (got, expected) = (outputs.get(name), &self.expected[name]);
            format!("{} {name}: {got:?}, not {expected}", self.id)
        };
        wrong.map(sentence).collect()
    }

    /// Each expected name, and how much of the tolerance its answer uses: above one is wrong.
    fn tolerance_used(&self, outputs: &Outputs) -> impl Iterator<Item = (&str, f64)> {
        self.expected.as_object().unwrap().iter().map(|(name, expected)| {
            let used = outputs.get(name).map_or(f64::INFINITY, |got| self.used(got, expected));
            (name.as_str(), used)
        })
    }

    fn used(&self, got: &Value, expected: &Value) -> f64 {
        match (got, expected) {
            (Value::Array(got), Value::Array(expected)) if got.len() == expected.len() => {
                got.iter().zip(expected).map(|(g, e)| self.used(g, e)).fold(0.0, f64::max)
            }
            (Value::Number(got), Value::Number(expected)) if expected.is_f64() => {
                let (got, expected) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
                let tolerance = self.tolerance.0 + self.tolerance.1 * expected.abs();
                if got == expected { 0.0 } else { (got - expected).abs() / tolerance }
            }
            // Whole numbers, truth values and words, infinities among them, are equal or wrong.
            (Value::Number(got), Value::Number(expected)) => {
                if got.as_f64() == expected.as_f64() {
                    0.0
                } else {
                    f64::INFINITY
                }
            }
            _ => {
                if got == expected {
                    0.0
                } else {
                    f64::INFINITY
                }
            }
        }
    }
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap(),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// A number as the file writes it.
pub(crate) fn written(number: f64) -> Value {
    if number == f64::INFINITY {
        Value::from("inf")
    } else if number == f64::NEG_INFINITY {
        Value::from("-inf")
    } else {
        Value::from(number)
    }
}

/// A list of numbers as the file writes them.
pub(crate) fn written_all(numbers: impl IntoIterator<Item = f64>) -> Value {
    numbers.into_iter().map(written).collect()
}

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

/// Runs every case of the table's methods; panics with all that differ. Gives cases per method.
pub(crate) fn check(table: Table) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> = table.iter().map(|(method, _)| (*method, 0)).collect();
    let mut wrong = Vec::new();
    for case in cases() {
        if let Some((method, run)) = table.iter().find(|(method, _)| *method == case.method) {
            *counts.entry(method).or_default() += 1;
            wrong.extend(case.differences(&run(&case)));
        }
    }
    println!("{counts:#?}");
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.values().all(|count| *count > 0), "a method of the table has no case");
    counts
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
        let expected = self.expected.as_object().unwrap();
        let differs = |(name, expected): (&String, &Value)| {
            let got = outputs.get(name);
            let same = got.is_some_and(|got| self.same(got, expected));
            (!same).then(|| format!("{} {name}: {got:?}, not {expected}", self.id))
        };
        expected.iter().filter_map(differs).collect()
    }

    fn same(&self, got: &Value, expected: &Value) -> bool {
        match (got, expected) {
            (Value::Array(got), Value::Array(expected)) => {
                got.len() == expected.len()
                    && got.iter().zip(expected).all(|(got, expected)| self.same(got, expected))
            }
            (Value::Number(got), Value::Number(expected)) => {
                let (got, expected) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
                (got - expected).abs() <= self.tolerance.0 + self.tolerance.1 * expected.abs()
            }
            // Truth values and words, infinities among them, are equal or wrong.
            _ => got == expected,
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

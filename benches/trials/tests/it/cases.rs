//! The reference vectors: numbers that other people's libraries computed.

use serde_json::Value;

/// One case of `vectors.json`; its README says what each method computes.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) method: String,
    input: Value,
    params: Value,
    expected: Value,
    abs: f64,
    rel: f64,
}

/// What a method makes of a case: its name for each number or word, and what it got.
pub(crate) type Runner = fn(&Case) -> Vec<(&'static str, Value)>;

/// All cases, in the file's order.
pub(crate) fn all() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../../vectors.json")).unwrap();
    let case = |case: &Value| Case {
        id: case["id"].as_str().unwrap().to_owned(),
        method: case["method"].as_str().unwrap().to_owned(),
        input: case["input"].clone(),
        params: case["params"].clone(),
        expected: case["expected"].clone(),
        abs: case["tolerance"]["abs"].as_f64().unwrap(),
        rel: case["tolerance"]["rel"].as_f64().unwrap(),
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

impl Case {
    /// A list of numbers of the input.
    pub(crate) fn list(&self, name: &str) -> Vec<f64> {
        self.input[name].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
    }

    /// A number of the parameters.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.params[name].as_f64().unwrap()
    }

    /// A word of the parameters.
    pub(crate) fn word(&self, name: &str) -> &str {
        self.params[name].as_str().unwrap()
    }

    /// Holds what was got against what was expected: everything expected, and nothing else.
    pub(crate) fn check(&self, got: &[(&str, Value)]) {
        assert_eq!(got.len(), self.expected.as_object().unwrap().len(), "{}", self.id);
        for (name, got) in got {
            let expected = &self.expected[name];
            let same = match (got.as_f64(), expected.as_f64()) {
                (Some(got), Some(expected)) => {
                    (got - expected).abs() <= self.abs + self.rel * expected.abs()
                }
                _ => got == expected,
            };
            assert!(same, "{} {name}: got {got}, expected {expected}", self.id);
        }
    }
}

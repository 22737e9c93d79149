//! Reference cases: an input, the parameters, and the answer of an independent implementation.

use serde_json::Value;

/// One case of `vectors.json`.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) method: String,
    fields: Value,
}

impl Case {
    /// All cases of the file.
    pub(crate) fn all() -> Vec<Self> {
        let file: Value =
            serde_json::from_str(include_str!("../../vectors.json")).expect("the vectors are JSON");
        let cases = file["cases"].as_array().expect("the vectors have cases");
        let text =
            |case: &Value, key: &str| case[key].as_str().expect("a case has names").to_owned();
        let read = |case: &Value| Self {
            id: text(case, "id"),
            method: text(case, "method"),
            fields: case.clone(),
        };
        cases.iter().map(read).collect()
    }

    /// A value of the input or, if it is not there, of the parameters.
    pub(crate) fn value(&self, key: &str) -> &Value {
        let input = &self.fields["input"][key];
        let found = if input.is_null() { &self.fields["params"][key] } else { input };
        assert!(!found.is_null(), "{}: no {key}", self.id);
        found
    }

    pub(crate) fn number(&self, key: &str) -> f64 {
        to_number(self.value(key)).expect(key)
    }

    pub(crate) fn count(&self, key: &str) -> u32 {
        u32::try_from(self.value(key).as_u64().expect(key)).expect(key)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.value(key).as_bool().expect(key)
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.value(key).as_str().expect(key)
    }

    pub(crate) fn numbers(&self, key: &str) -> Vec<f64> {
        to_numbers(self.value(key)).expect(key)
    }

    /// The entries at the positions `at`, which count from 1.
    pub(crate) fn at<T: Clone>(&self, series: &[T]) -> Vec<T> {
        self.numbers("at").iter().map(|position| series[*position as usize - 1].clone()).collect()
    }

    /// How far off each expected output is, in units of its tolerance: up to 1 passes.
    pub(crate) fn deviations(&self, outputs: &Value) -> Vec<(String, f64)> {
        let expected = self.fields["expected"].as_object().expect("a case expects outputs");
        expected
            .iter()
            .map(|(name, expected)| (name.clone(), self.deviation(&outputs[name], expected)))
            .collect()
    }

    fn deviation(&self, got: &Value, expected: &Value) -> f64 {
        if let (Some(got), Some(expected)) = (got.as_array(), expected.as_array()) {
            let each =
                got.iter().zip(expected).map(|(got, expected)| self.deviation(got, expected));
            return if got.len() == expected.len() {
                each.fold(0.0, f64::max)
            } else {
                f64::INFINITY
            };
        }
        let (Some(number), Some(wanted)) = (to_number(got), to_number(expected)) else {
            return if got == expected { 0.0 } else { f64::INFINITY };
        };
        let exact = expected.is_i64() || expected.is_u64() || wanted.is_infinite();
        if number == wanted {
            0.0
        } else if exact || number.is_nan() {
            f64::INFINITY
        } else {
            let tolerance = &self.fields["tolerance"];
            let part = |key: &str| to_number(&tolerance[key]).expect("a case has tolerances");
            (number - wanted).abs() / (part("abs") + part("rel") * wanted.abs())
        }
    }
}

/// A number as an output; JSON has no infinities.
pub(crate) fn output(number: f64) -> Value {
    if number == f64::INFINITY {
        "inf".into()
    } else if number == f64::NEG_INFINITY {
        "-inf".into()
    } else {
        number.into()
    }
}

/// A list of numbers as an output.
pub(crate) fn outputs(numbers: impl IntoIterator<Item = f64>) -> Value {
    numbers.into_iter().map(output).collect()
}

/// A list of numbers, or nothing.
pub(crate) fn to_numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(to_number).collect()
}

fn to_number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
}

//! As much of metric maths as tests need: identifiers and numbers with `+ - * /` between them, worked
//! out from left to right.

use std::collections::BTreeMap;

use super::data::Points;

/// A series worked out of others.
///
/// # Errors
/// What is not understood.
pub(super) fn evaluated(expression: &str, of: &BTreeMap<&str, Points>) -> Result<Points, String> {
    let mut words = expression.split_whitespace();
    let mut result = operand(words.next().unwrap_or_default(), of)?;
    while let Some(operator) = words.next() {
        let next = operand(words.next().unwrap_or_default(), of)?;
        result = joined(&result, operator, &next)?;
    }
    match result {
        Operand::Series(points) => Ok(points),
        Operand::Number(_) => Err(format!("{expression} is no series")),
    }
}

enum Operand {
    Number(f64),
    Series(Points),
}

impl Operand {
    fn at(&self, at: u64) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Series(points) => points.get(&at).copied(),
        }
    }

    fn times(&self) -> Vec<u64> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Series(points) => points.keys().copied().collect(),
        }
    }
}

fn operand(word: &str, of: &BTreeMap<&str, Points>) -> Result<Operand, String> {
    let series = of.get(word).map(|points| Operand::Series(points.clone()));
    let number = word.parse().ok().map(Operand::Number);
    series.or(number).ok_or_else(|| format!("{word:?} is not understood"))
}

fn joined(one: &Operand, operator: &str, other: &Operand) -> Result<Operand, String> {
    let apply: fn(f64, f64) -> f64 = match operator {
        "+" => |a, b| a + b,
        "-" => |a, b| a - b,
        "*" => |a, b| a * b,
        "/" => |a, b| a / b,
        _ => return Err(format!("{operator:?} is not understood")),
    };
    let mut times = one.times();
    times.extend(other.times());
    let at = |at: &u64| Some((*at, apply(one.at(*at)?, other.at(*at)?)));
    Ok(Operand::Series(times.iter().filter_map(at).filter(|(_, n)| n.is_finite()).collect()))
}

//! Expressions of metric maths: which identifiers they name, so that those can be given names that are
//! unique in a call that carries the queries of many rollouts.
//!
//! It must not know what the functions in an expression mean; CloudWatch does.

use std::collections::BTreeSet;

/// The longest expression (`GetMetricData`, `MetricDataQuery`).
const LONGEST: usize = 2_048;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it was written.
    Text(String),
    /// One of the identifiers.
    Of(String),
}

/// Why an expression can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MathsError {
    /// Empty, or longer than CloudWatch takes.
    #[error("an expression has 1 to 2048 characters, this one has {0}")]
    Length(usize),
    /// An identifier that does not begin with a lowercase letter, or has other characters than letters,
    /// digits and underscores.
    #[error(
        "{0:?} is no identifier; expected a lowercase letter, then letters, digits and underscores"
    )]
    Malformed(String),
    /// An identifier that stands for nothing.
    #[error("{0:?} is in the expression, and nothing says what it stands for")]
    Unknown(String),
    /// Something that the expression does not use.
    #[error("{0:?} is not in the expression")]
    Unused(String),
}

/// Divides an expression at its identifiers. Texts in quotes are left alone.
pub(super) fn parse<'a>(
    expression: &str,
    known: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Piece>, MathsError> {
    if expression.trim().is_empty() || expression.len() > LONGEST {
        return Err(MathsError::Length(expression.len()));
    }
    let known: BTreeSet<&String> = known.into_iter().collect();
    if let Some(bad) = known.iter().find(|name| !is_identifier(name)) {
        return Err(MathsError::Malformed((*bad).clone()));
    }
    let mut used = BTreeSet::new();
    let mut pieces = Vec::new();
    for token in tokens(expression) {
        if !is_identifier(token) {
            pieces.push(Piece::Text(token.to_owned()));
        } else if known.contains(&token.to_owned()) {
            used.insert(token);
            pieces.push(Piece::Of(token.to_owned()));
        } else {
            return Err(MathsError::Unknown(token.to_owned()));
        }
    }
    match known.iter().find(|name| !used.contains(name.as_str())) {
        Some(unused) => Err(MathsError::Unused((*unused).clone())),
        None => Ok(pieces),
    }
}

/// A lowercase letter, then letters, digits and underscores: functions and operators in words are in
/// capitals.
fn is_identifier(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_lowercase()) && token.chars().all(is_in_word)
}

const fn is_in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Words, texts in quotes, and single characters between them.
fn tokens(mut rest: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |quote| quote + 2),
            _ if is_in_word(first) => rest.find(|c| !is_in_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str, known: &[&str]) -> Result<Vec<String>, MathsError> {
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        let pieces = parse(expression, &known)?;
        let renamed = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Of(name) => format!("x_{name}"),
        });
        Ok(renamed.collect())
    }

    #[test]
    fn identifiers_are_renamed_and_nothing_else() {
        let renamed = |expression, known: &[&str]| of(expression, known).unwrap().concat();
        assert_eq!(
            renamed("100*errors/requests", &["errors", "requests"]),
            "100*x_errors/x_requests"
        );
        assert_eq!(renamed("IF(m1 > 1e3, FILL(m1, 0))", &["m1"]), "IF(x_m1 > 1e3, FILL(x_m1, 0))");
        let search = "SUM(SEARCH('{Shop,arm} errors m1', \"Sum\")) / m1";
        assert_eq!(renamed(search, &["m1"]), search.replace("/ m1", "/ x_m1"));
        assert_eq!(renamed("m1 + m10", &["m1", "m10"]), "x_m1 + x_m10");
    }

    #[test]
    fn each_thing_that_is_wrong_with_an_expression_is_said() {
        for (expression, known, wrong) in [
            (" ", vec![], MathsError::Length(1)),
            ("m1", vec!["M1"], MathsError::Malformed("M1".to_owned())),
            ("m1 + m2", vec!["m1"], MathsError::Unknown("m2".to_owned())),
            ("m1", vec!["m1", "m2"], MathsError::Unused("m2".to_owned())),
            ("'m1'", vec!["m1"], MathsError::Unused("m1".to_owned())),
        ] {
            assert_eq!(of(expression, &known), Err(wrong));
        }
        let long = "1".repeat(2_049);
        assert_eq!(of(&long, &[]), Err(MathsError::Length(2_049)));
        assert_eq!(of("'never closed", &[]).unwrap(), ["'never closed"]);
    }
}

//! Documents and small words. Must not know commands.

use serde::Serialize;

/// The version of every JSON shape in `docs/cli.md`. A key may be added within one version; none is
/// taken away or given another meaning.
const VERSION: u32 = 1;

/// One JSON document.
#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    command: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

/// The JSON document of a command, indented. Serializing what the commands print can not fail; if
/// it did, the reason would be printed in its place.
pub(crate) fn document<T: Serialize>(command: &str, body: &T) -> String {
    let document = Document { version: VERSION, command, body };
    serde_json::to_string_pretty(&document).unwrap_or_else(|error| error.to_string())
}

/// The JSON document of a command on one line, for commands that print one a line.
pub(crate) fn line<T: Serialize>(command: &str, body: &T) -> String {
    let document = Document { version: VERSION, command, body };
    serde_json::to_string(&document).unwrap_or_else(|error| error.to_string())
}

/// A count with thin groups of three, as `1 234 567`.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_are_grouped_from_the_right() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(count(n), text);
        }
    }
}

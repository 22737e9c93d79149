//! The law that a restart changes nothing: a judge that begins anew, is given the looks that were
//! stored, and then the rest, says what it would have said.

use tidegate_core::{Judge, Judgement, Look};

use super::{Kept, judgements, tried};
use crate::strategies::{self, Series};

/// Wherever a rollout is interrupted, a judge that begins anew and is given the stored looks again goes
/// on as the one before it would have; looks mean the same once they were written as JSON and read
/// back; and of two that are at work at once, neither knows of the other.
///
/// # Errors
/// The looks after which two of them differ, and how.
pub fn a_restart_changes_nothing(judge: &dyn Judge) -> Kept {
    let law = "a restart changes nothing";
    let series = (strategies::plain_looks(), strategies::plain_looks());
    tried(law, series, |(Series(history), Series(looks))| {
        let whole = judgements(judge.begin_after(history), looks);
        for cut in 0..=looks.len() {
            cut_at(judge, (history, looks), cut, &whole)?;
        }
        let (history, looks) = (read_back(history)?, read_back(looks)?);
        let stored = judgements(judge.begin_after(&history), &looks);
        same(&whole, &stored, "read back from JSON")
    })
}

/// The judge is interrupted after `cut` looks, and another one goes on beside it.
fn cut_at(
    judge: &dyn Judge,
    (history, looks): (&[Look], &[Look]),
    cut: usize,
    whole: &[Judgement],
) -> Result<(), String> {
    let (stored, rest) = looks.split_at(cut);
    let mut first = judge.begin_after(history);
    let mut before: Vec<_> = stored.iter().map(|look| first.look(look)).collect();
    let mut second = judge.begin_after(history);
    let mut after: Vec<_> = stored.iter().map(|look| second.look(look)).collect();
    for look in rest {
        before.push(first.look(look));
        after.push(second.look(look));
    }
    same(whole, &before, &format!("beside another one that began at look {}", cut + 1))?;
    same(whole, &after, &format!("begun anew after {cut} looks"))
}

/// Compared as text, which tells every number apart and finds one that is none equal to itself.
fn same(whole: &[Judgement], other: &[Judgement], how: &str) -> Result<(), String> {
    let pairs = whole.iter().zip(other).enumerate();
    let mut texts = pairs.map(|(nth, (a, b))| (nth, format!("{a:?}"), format!("{b:?}")));
    match texts.find(|(_, a, b)| a != b) {
        None => Ok(()),
        Some((nth, a, b)) => Err(format!("at look {} it says\n{a},\n{how}\n{b}", nth + 1)),
    }
}

fn read_back(looks: &[Look]) -> Result<Vec<Look>, String> {
    let text = serde_json::to_string(looks).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
}

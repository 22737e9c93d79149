//! Figures beside their limits, and the list of those that were missed.

use crate::figures::{Delays, Rate, percent, trimmed};

/// Keeps count of goals.
#[derive(Clone, Debug, Default)]
pub struct Goals {
    within: u32,
    missed: Vec<String>,
}

impl Goals {
    /// Notes whether a goal was met, and says so after the figure and the limit.
    fn note(&mut self, what: &str, shown: &str, limit: &str, met: bool) -> String {
        if met {
            self.within += 1;
            format!("{shown}, {limit} within")
        } else {
            self.missed.push(format!("{what}: {shown}, limit {limit}"));
            format!("{shown}, {limit} **MISSED**")
        }
    }

    /// A rate whose upper limit may not exceed this share.
    pub fn rate(&mut self, what: &str, rate: Rate, most: f64) -> String {
        let limit = format!("≤ {}", trimmed(most * 100.0));
        self.note(what, &rate.show(), &limit, rate.upper() <= most)
    }

    /// A rate whose upper limit may not exceed one share, and which itself is not below another:
    /// what is well below wastes time.
    pub fn rate_between(&mut self, what: &str, rate: Rate, least: f64, most: f64) -> String {
        let limit = format!("{}–{}", trimmed(least * 100.0), trimmed(most * 100.0));
        let met = rate.share() >= least && rate.upper() <= most;
        self.note(what, &rate.show(), &limit, met)
    }

    /// A quantile of delays that may not exceed so many looks.
    pub fn looks(&mut self, what: &str, delays: &Delays, quantile: f64, most: u16) -> String {
        let looks = delays.quantile(quantile);
        let shown = looks.map_or("never".to_owned(), |looks| looks.to_string());
        self.note(what, &shown, &format!("≤ {most}"), looks.is_some_and(|looks| looks <= most))
    }

    /// A number that may not exceed another.
    pub fn number(&mut self, what: &str, number: f64, most: f64) -> String {
        self.note(what, &format!("{number:.2}"), &format!("≤ {most:.2}"), number <= most)
    }

    /// A number that is off another by no more than this share of it.
    pub fn near(&mut self, what: &str, number: f64, other: f64, share: f64) -> String {
        let off = number / other - 1.0;
        let shown = format!("{}{} %", if off < 0.0 { "−" } else { "+" }, percent(off.abs()));
        self.note(what, &shown, &format!("± {} %", trimmed(share * 100.0)), off.abs() <= share)
    }

    /// Goals met and goals missed.
    #[must_use]
    pub fn counts(&self) -> (u32, usize) {
        (self.within, self.missed.len())
    }

    /// A sentence, and a list of what was missed.
    #[must_use]
    pub fn summary(&self) -> String {
        let (within, missed) = self.counts();
        let mut text = format!("{within} figures are within their limits, {missed} are not.\n");
        self.missed.iter().for_each(|one| text.push_str(&format!("\n* {one}")));
        if !self.missed.is_empty() {
            text.push('\n');
        }
        text
    }
}

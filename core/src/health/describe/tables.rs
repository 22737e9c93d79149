//! Tables of counts.

use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Pearson's chi-square test of independence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contingency {
    /// The sum of squared deviations over what was expected.
    pub statistic: f64,
    /// The chance of one as large if rows and columns are independent.
    pub p: f64,
    /// Degrees of freedom: rows less one times columns less one.
    pub degrees: u32,
}

/// Whether the rows of a table have the same shares. `continuity` moves each deviation of a table of
/// two by two by up to one half towards zero (Yates). None for a table that is ragged, smaller than
/// two by two, too large, or has an empty row or column.
#[must_use]
pub fn chi_square(table: &[&[f64]], continuity: bool) -> Option<Contingency> {
    let columns = table.first()?.len();
    let possible = |row: &&[f64]| {
        row.len() == columns && row.iter().all(|count| count.is_finite() && *count >= 0.0)
    };
    if table.len() < 2 || columns < 2 || !table.iter().all(possible) {
        return None;
    }
    let row_sums: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let column_sums: Vec<f64> =
        (0..columns).map(|column| table.iter().filter_map(|row| row.get(column)).sum()).collect();
    let total: f64 = row_sums.iter().sum();
    let degrees = u32::try_from((table.len() - 1).checked_mul(columns - 1)?).ok()?;
    let continuity = if continuity && degrees == 1 { 0.5 } else { 0.0 };
    let mut statistic = 0.0;
    for (row, row_sum) in table.iter().zip(&row_sums) {
        for (count, column_sum) in row.iter().zip(&column_sums) {
            let expected = row_sum * column_sum / total;
            let off = (count - expected).abs();
            let off = off - off.min(continuity);
            statistic += off * off / expected;
        }
    }
    if !statistic.is_finite() {
        return None;
    }
    let p = ChiSquared::new(f64::from(degrees)).ok()?.sf(statistic);
    Some(Contingency { statistic, p, degrees })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_say_nothing_have_no_test() {
        for bad in [
            &[][..],
            &[&[1.0, 2.0][..]],
            &[&[1.0], &[2.0]],
            &[&[1.0, 2.0], &[1.0]],
            &[&[0.0, 0.0], &[1.0, 2.0]],
            &[&[0.0, 1.0], &[0.0, 2.0]],
            &[&[f64::NAN, 1.0], &[1.0, 2.0]],
        ] {
            assert_eq!(chi_square(bad, true), None, "{bad:?}");
        }
        let same = chi_square(&[&[10.0, 20.0], &[30.0, 60.0]], true).unwrap();
        assert_eq!((same.statistic, same.p), (0.0, 1.0));
    }
}

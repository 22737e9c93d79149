//! From p-values to e-values (Vovk and Wang, "E-values: calibration, combination and applications", Annals of
//! Statistics 49, 2021).

/// A way to turn a p-value into an e-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calibrator {
    /// `kappa p^(kappa-1)`, for `kappa` in (0, 1).
    Power {
        /// Small values pay more for tiny p-values, and less for all others.
        kappa: f64,
    },
    /// The power calibrator averaged over all `kappa`: `(1 - p + p ln p)/(p ln^2 p)`.
    Averaged,
}

/// The e-value of a p-value in [0, 1]. Not a logarithm; infinite at 0.
pub fn p_to_e(p: f64, calibrator: Calibrator) -> f64 {
    match calibrator {
        Calibrator::Power { kappa } => kappa * p.powf(kappa - 1.0),
        Calibrator::Averaged if p == 0.0 => f64::INFINITY,
        Calibrator::Averaged => second_order_exponential(-p.ln()),
    }
}

/// `(exp(x) - 1 - x)/x^2` for `x >= 0`, which is 1/2 at 0.
fn second_order_exponential(x: f64) -> f64 {
    /// Below this, the difference has lost more digits than the series leaves out.
    const SMALL: f64 = 0.01;
    if x < SMALL {
        return 0.5 + x / 6.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)));
    }
    (x.exp_m1() - x) / (x * x)
}

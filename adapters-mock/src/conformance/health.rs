//! Laws of [`HealthMetrics`].

use tidegate_core::{HealthMetrics, Look, Query, Window};

use super::{Kept, Laws, Report, ensure, unexpected};

/// Health metrics over a target whose past is known.
pub struct HealthSubject<P> {
    /// The metrics.
    pub port: P,
    /// Asks for a metric whose value is clearly higher for the candidate, over a complete window
    /// in which both arms had traffic.
    pub busy: Query,
    /// A complete window in which the candidate had no traffic.
    pub idle: Window,
    /// A window that has not ended or not arrived yet.
    pub young: Window,
}

impl<P: HealthMetrics> HealthSubject<P> {
    async fn look(&self, query: &Query) -> Result<Look, String> {
        self.port.look(query).await.map_err(unexpected)
    }

    fn over(&self, window: Window) -> Query {
        Query { window, ..self.busy.clone() }
    }
}

/// Checks health metrics; `make` gives a fresh subject for each law.
///
/// # Errors
/// The laws that broke.
pub async fn health<P: HealthMetrics>(make: impl AsyncFn() -> HealthSubject<P>) -> Report {
    let mut laws = Laws::default();
    laws.note("the window returned lies within the one asked", within(make().await).await);
    laws.note("a finished window is complete, with both arms", finished(make().await).await);
    laws.note("an unfinished window is not complete", unfinished(make().await).await);
    laws.note("an arm without traffic is absent", no_zero(make().await).await);
    laws.note("the arms are not swapped", not_swapped(make().await).await);
    laws.note("the numbers can be true", plausible(make().await).await);
    laws.note("measuring twice gives the same", same_twice(make().await).await);
    laws.note("an unknown metric gives no number", unknown(make().await).await);
    laws.report()
}

async fn within<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let asked = subject.busy.window;
    // Shifted by a part of any period, so that a source that aligns has to.
    for window in [asked, Window { from: asked.from.moved(1_234), to: asked.to.moved(-777) }] {
        let got = subject.look(&subject.over(window)).await?.window;
        ensure!(got.lies_in(window), "{window:?} was asked for, and {got:?} is returned");
    }
    Ok(())
}

async fn finished<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let look = subject.look(&subject.busy).await?;
    ensure!(look.complete && !look.failed, "a finished window is not complete: {look:?}");
    ensure!(look.stable.is_some() && look.candidate.is_some(), "an arm is missing: {look:?}");
    Ok(())
}

async fn unfinished<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let look = subject.look(&subject.over(subject.young)).await?;
    ensure!(!look.complete, "a window that has not arrived is called complete: {look:?}");
    Ok(())
}

async fn no_zero<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let look = subject.look(&subject.over(subject.idle)).await?;
    ensure!(look.candidate.is_none(), "an arm without traffic has {:?}", look.candidate);
    Ok(())
}

async fn not_swapped<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let look = subject.look(&subject.busy).await?;
    let value = |measurement: Option<tidegate_core::Measurement>| measurement?.value();
    let (old, new) = (value(look.stable), value(look.candidate));
    let higher = new > old;
    ensure!(higher, "the candidate is the higher one, and {new:?} against {old:?} is measured");
    Ok(())
}

async fn plausible<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let look = subject.look(&subject.busy).await?;
    for measurement in [look.stable, look.candidate].into_iter().flatten() {
        ensure!(!measurement.is_absurd(), "{measurement:?} can not be true");
    }
    Ok(())
}

async fn same_twice<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let first = subject.look(&subject.busy).await?;
    let second = subject.look(&subject.busy).await?;
    // Compared as text, because a NaN is not equal to itself.
    let same = format!("{first:?}") == format!("{second:?}");
    ensure!(same, "{first:?}, then {second:?}");
    Ok(())
}

async fn unknown<P: HealthMetrics>(subject: HealthSubject<P>) -> Kept {
    let query = Query { metric: "no-such-metric".to_owned(), ..subject.busy.clone() };
    match subject.port.look(&query).await {
        Ok(look) => {
            let empty = look.stable.is_none() && look.candidate.is_none();
            ensure!(empty || look.failed, "a metric that does not exist measures {look:?}");
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

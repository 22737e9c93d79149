//! Laws of [`Observer`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_core::{Notice, Observer, Seq};

use super::{Kept, Laws, Report, ensure};

/// How long hundred notices may take together; more is blocking.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(1);

/// An observer, and a way to see what it was told.
pub struct ObserverSubject<P> {
    /// The observer.
    pub port: P,
    /// A notice of a record.
    pub notice: fn(Seq) -> Notice,
    /// What it has passed on so far; absent if nothing can tell.
    pub told: Option<Box<dyn Fn() -> Vec<Notice> + Send + Sync>>,
}

/// Checks an observer; `make` gives a fresh subject for each law.
///
/// # Errors
/// The laws that broke.
pub async fn observer<P: Observer>(make: impl AsyncFn() -> ObserverSubject<P>) -> Report {
    let mut laws = Laws::default();
    laws.note("a notice is taken without blocking", quick(&make().await));
    laws.note("a notice never panics", calm(&make().await));
    laws.note("notices are passed on once, in order, unchanged", passed_on(&make().await));
    laws.report()
}

fn tell<P: Observer>(subject: &ObserverSubject<P>, n: u64) -> Result<(), ()> {
    let notice = (subject.notice)(Seq(n));
    catch_unwind(AssertUnwindSafe(|| subject.port.decided(&notice))).map_err(|_| ())
}

fn quick<P: Observer>(subject: &ObserverSubject<P>) -> Kept {
    // Real time on purpose: paused time does not see a thread that blocks.
    let begin = std::time::Instant::now();
    for n in 1..=100 {
        // A panic is another law's affair.
        let _ = tell(subject, n);
        ensure!(begin.elapsed() < LIMIT, "{n} notices took {:?}", begin.elapsed());
    }
    Ok(())
}

fn calm<P: Observer>(subject: &ObserverSubject<P>) -> Kept {
    for n in [0, 1, 1, u64::MAX] {
        ensure!(tell(subject, n).is_ok(), "the notice of record {n} made it panic");
    }
    Ok(())
}

fn passed_on<P: Observer>(subject: &ObserverSubject<P>) -> Kept {
    let Some(told) = &subject.told else { return Ok(()) };
    let given: Vec<Notice> = (1..=3).map(|n| (subject.notice)(Seq(n))).collect();
    for n in 1..=3 {
        let _ = tell(subject, n);
    }
    let got = told();
    let seqs = |notices: &[Notice]| notices.iter().map(|notice| notice.seq.0).collect::<Vec<_>>();
    ensure!(got == given, "records {:?} were told, {:?} passed on", seqs(&given), seqs(&got));
    Ok(())
}

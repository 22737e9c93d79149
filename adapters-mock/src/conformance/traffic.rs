//! Laws of [`TrafficShifter`].

use tidegate_core::{
    Call, Extra, FailureKind, Revisions, RoutingKind, SafetyClass, Span, Split, Target,
    TrafficReading, TrafficShifter, Version, Weight,
};

use super::{Kept, Laws, Report, call, done, ensure, pause, unexpected};

/// A traffic shifter over a target at rest, with all of its own traffic on stable.
pub struct TrafficSubject<P> {
    /// The shifter.
    pub port: P,
    /// The target it is tried on.
    pub target: Target,
    /// Two revisions that can get traffic.
    pub revisions: Revisions,
    /// Changes the candidate's share past the shifter, as a person would; absent if nothing can.
    pub interfere: Option<Box<dyn Fn(Weight) + Send + Sync>>,
}

impl<P: TrafficShifter> TrafficSubject<P> {
    fn call(&self, n: u64, route: u8) -> Call {
        call(&self.target, &self.revisions, n, route)
    }

    async fn read(&self) -> Result<TrafficReading, String> {
        self.port.observe(&self.target, &self.revisions).await.map_err(unexpected)
    }

    /// Shifts one route as the engine does: a share of what both arms get, with the version just read.
    async fn shift(&self, n: u64, route: u8, to: Weight) -> Kept {
        let (split, version) = self.prepared(route, to).await?;
        done(self.port.shift(&self.call(n, route), split, version.as_ref()).await)
    }

    async fn prepared(&self, route: u8, to: Weight) -> Result<(Split, Option<Version>), String> {
        let reading = self.read().await?;
        let found = reading.routes.get(usize::from(route)).ok_or("the route is not reported")?;
        let conditional = self.port.ability().shift.class == SafetyClass::CompareAndSet;
        Ok((Split::candidate(to), found.version.clone().filter(|_| conditional)))
    }

    /// Waits until a route's candidate has this share, and holds it.
    async fn sees(&self, route: u8, wanted: Weight) -> Kept {
        let ability = self.port.ability();
        let mut seen = None;
        for _ in 0..patience(ability.propagation) {
            let reading = self.read().await?;
            seen = reading.routes.get(usize::from(route)).map(|one| one.split.of_arms());
            if seen == Some(wanted) {
                return Ok(());
            }
            pause().await;
        }
        Err(format!("route {route} was given {wanted}, and {seen:?} is read"))
    }
}

/// How many polls are enough for a change to be seen.
fn patience(propagation: Span) -> u64 {
    propagation.0 / 1_000 + 30
}

/// Checks a traffic shifter; `make` gives a fresh subject for each law.
///
/// # Errors
/// The laws that broke.
pub async fn traffic<P: TrafficShifter>(make: impl AsyncFn() -> TrafficSubject<P>) -> Report {
    let mut laws = Laws::default();
    let ability = make().await.port.ability();
    laws.note("every route is reported", every_route(make().await).await);
    let RoutingKind::Split { grid } = ability.routing else {
        laws.note("without a router a shift is refused", no_router(make().await).await);
        return laws.report();
    };
    let steps = Steps::of(grid);
    laws.note("what was set is read back", read_back(make().await, steps).await);
    laws.note("a shift is absolute", absolute(make().await, steps).await);
    laws.note("a repeated call does nothing more", repeated(make().await, steps).await);
    laws.note("a weight on the grid is exact", exact(make().await, steps, grid).await);
    laws.note("a weight off the grid is refused or exact", off_grid(make().await, grid).await);
    laws.note("what else hangs on the route is kept", others_kept(make().await, steps).await);
    laws.note("each route is set by itself", one_route(make().await, steps).await);
    laws.note("the target is read, not remembered", not_remembered(make().await, steps).await);
    if ability.shift.class == SafetyClass::CompareAndSet {
        laws.note("a stale version conflicts", conflicts(make().await, steps).await);
    }
    if ability.mirror || ability.test_traffic {
        laws.note("mirror and test traffic are read back", extra(make().await, grid).await);
    }
    laws.report()
}

/// Two different weights that any grid can set.
#[derive(Clone, Copy)]
struct Steps {
    high: Weight,
    low: Weight,
}

impl Steps {
    fn of(grid: Weight) -> Self {
        let on_grid = |percent| Weight::percent(percent).on_grid(grid).max(grid);
        let low = on_grid(10);
        let high = on_grid(20);
        Self { low, high: if high == low { Weight::FULL } else { high } }
    }
}

async fn every_route<P: TrafficShifter>(subject: TrafficSubject<P>) -> Kept {
    let (wanted, got) = (subject.port.ability().routes, subject.read().await?.routes.len());
    ensure!(got == usize::from(wanted) && got > 0, "{wanted} routes declared, {got} reported");
    Ok(())
}

async fn no_router<P: TrafficShifter>(subject: TrafficSubject<P>) -> Kept {
    let to = Split::candidate(Weight::percent(50));
    let refused = subject.port.shift(&subject.call(1, 0), to, None).await;
    ensure!(refused.is_err(), "a shift was acknowledged");
    Ok(())
}

async fn read_back<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    subject.shift(1, 0, steps.high).await?;
    subject.sees(0, steps.high).await
}

async fn absolute<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    subject.shift(1, 0, steps.low).await?;
    subject.sees(0, steps.low).await?;
    subject.shift(2, 0, steps.high).await?;
    subject.sees(0, steps.high).await?;
    subject.shift(3, 0, Weight::ZERO).await?;
    subject.sees(0, Weight::ZERO).await
}

async fn repeated<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    let (split, version) = subject.prepared(0, steps.high).await?;
    let call = subject.call(1, 0);
    done(subject.port.shift(&call, split, version.as_ref()).await)?;
    subject.sees(0, steps.high).await?;
    let again = Call { attempt: 2, ..call };
    match subject.port.shift(&again, split, version.as_ref()).await {
        Err(error) if error.kind != FailureKind::Conflict => return Err(unexpected(error)),
        _ => {}
    }
    settled(&subject).await;
    subject.sees(0, steps.high).await
}

async fn settled<P: TrafficShifter>(subject: &TrafficSubject<P>) {
    tokio::time::sleep(subject.port.ability().propagation.duration()).await;
}

async fn exact<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps, grid: Weight) -> Kept {
    for (n, weight) in [(1, grid), (2, steps.low), (3, steps.high)] {
        subject.shift(n, 0, weight).await?;
        subject.sees(0, weight).await?;
    }
    Ok(())
}

async fn off_grid<P: TrafficShifter>(subject: TrafficSubject<P>, grid: Weight) -> Kept {
    let Some(off) = Weight::basis_points(grid.bp() + 1).filter(|_| grid.bp() > 1) else {
        return Ok(());
    };
    let (split, version) = subject.prepared(0, off).await?;
    match subject.port.shift(&subject.call(1, 0), split, version.as_ref()).await {
        Ok(()) => subject.sees(0, off).await,
        Err(error) => {
            ensure!(error.kind == FailureKind::Permanent, "refused as {}", error.kind);
            Ok(())
        }
    }
}

async fn others_kept<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    let other = |reading: TrafficReading| reading.routes.first().map(|route| route.split.other());
    let before = other(subject.read().await?);
    subject.shift(1, 0, steps.low).await?;
    subject.sees(0, steps.low).await?;
    let after = other(subject.read().await?);
    ensure!(before == after, "others had {before:?} and have {after:?}");
    Ok(())
}

async fn one_route<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    for route in 1..subject.port.ability().routes {
        subject.shift(u64::from(route), route, steps.high).await?;
        subject.sees(route, steps.high).await?;
        subject.sees(0, Weight::ZERO).await?;
    }
    Ok(())
}

async fn not_remembered<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    let Some(interfere) = &subject.interfere else { return Ok(()) };
    subject.shift(1, 0, steps.low).await?;
    subject.sees(0, steps.low).await?;
    interfere(steps.high);
    subject.sees(0, steps.high).await
}

async fn conflicts<P: TrafficShifter>(subject: TrafficSubject<P>, steps: Steps) -> Kept {
    let (split, old) = subject.prepared(0, steps.high).await?;
    ensure!(old.is_some(), "no version is reported");
    subject.shift(1, 0, steps.low).await?;
    let stale = subject.port.shift(&subject.call(2, 0), split, old.as_ref()).await;
    let kind = stale.err().map(|error| error.kind);
    ensure!(kind == Some(FailureKind::Conflict), "a stale version got {kind:?}");
    subject.sees(0, steps.low).await
}

async fn extra<P: TrafficShifter>(subject: TrafficSubject<P>, grid: Weight) -> Kept {
    let ability = subject.port.ability();
    let mirror = if ability.mirror { Steps::of(grid).high } else { Weight::ZERO };
    for (n, to) in [(1, Extra { mirror, test: ability.test_traffic }), (2, Extra::default())] {
        done(subject.port.mirror(&subject.call(n, 0), to).await)?;
        settled(&subject).await;
        let seen = subject.read().await?.extra;
        ensure!(seen == Some(to), "{to:?} was set and {seen:?} is read");
    }
    Ok(())
}

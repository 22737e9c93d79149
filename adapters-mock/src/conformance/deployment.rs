//! Laws of [`DeploymentActions`].

use tidegate_core::{
    Arm, ArmCapacity, Call, CapacityKind, DeploymentActions, PlatformSeen, PortError, Revisions,
    SeenCapacity, Sought, Target, Timestamp,
};

use super::{Kept, Laws, Report, call, done, ensure, pause, unexpected};

/// Polls until replicas must be there: five minutes.
const PATIENCE: u32 = 300;

/// Counts deployments that carry a tag.
pub type CountTagged = Box<dyn Fn(&str) -> usize + Send + Sync>;

/// Deployment actions over a target at rest: stable at full size, no candidate, no deployment.
pub struct DeploymentSubject<P> {
    /// The actions.
    pub port: P,
    /// The target they are tried on.
    pub target: Target,
    /// Two revisions that can be deployed.
    pub revisions: Revisions,
    /// Whether replicas visibly take time to get ready.
    pub takes_time: bool,
    /// Counts the platform's deployments with a tag; absent if nothing can.
    pub tagged: Option<CountTagged>,
    /// Makes the next look-up by tag incomplete; absent if nothing can.
    pub break_lookup: Option<Box<dyn Fn() + Send + Sync>>,
}

impl<P: DeploymentActions> DeploymentSubject<P> {
    fn call(&self, n: u64) -> Call {
        call(&self.target, &self.revisions, n, 0)
    }

    async fn look_up(&self, tag: &str) -> Result<PlatformSeen, PortError> {
        let sought = Sought {
            target: self.target.clone(),
            revisions: self.revisions.clone(),
            arm: Arm::Candidate,
            tag: tag.to_owned(),
            since: Timestamp::default(),
        };
        self.port.platform(&sought).await
    }

    async fn count(&self) -> Result<SeenCapacity, String> {
        self.port.observe(&self.target, &self.revisions).await.map_err(unexpected)
    }

    async fn provision(&self, n: u64, units: u32) -> Kept {
        done(self.port.provision(&self.call(n), Arm::Candidate, units, None).await)
    }

    async fn scale(&self, n: u64, arm: Arm, units: u32) -> Kept {
        done(self.port.scale(&self.call(n), arm, units, None).await)
    }

    async fn reaches(&self, pick: fn(&SeenCapacity) -> ArmCapacity, wanted: u32) -> Kept {
        let mut total = Default::default();
        for _ in 0..PATIENCE {
            total = pick(&self.count().await?).total;
            if total.ready == wanted && total.asked == wanted {
                return Ok(());
            }
            pause().await;
        }
        Err(format!("{wanted} units were asked for, and {total:?} is read"))
    }
}

const fn candidate(seen: &SeenCapacity) -> ArmCapacity {
    seen.candidate
}

const fn stable(seen: &SeenCapacity) -> ArmCapacity {
    seen.stable
}

/// Checks deployment actions; `make` gives a fresh subject for each law.
///
/// # Errors
/// The laws that broke.
pub async fn deployment<P: DeploymentActions>(
    make: impl AsyncFn() -> DeploymentSubject<P>,
) -> Report {
    let mut laws = Laws::default();
    let ability = make().await.port.ability();
    laws.note("the full size is reported", full_size(make().await).await);
    if ability.capacity != CapacityKind::Elastic {
        laws.note("what is asked for gets ready", gets_ready(make().await).await);
        laws.note("a repeated call does nothing more", repeated(make().await).await);
        laws.note("asked and ready are told apart", told_apart(make().await).await);
        laws.note("scaling is absolute", absolute(make().await).await);
        laws.note("unready units are removed first", unready_first(make().await).await);
        laws.note("retiring removes that arm alone", retires(make().await).await);
    }
    laws.note("retiring an arm that is gone is no error", gone(make().await).await);
    if ability.platform.is_some() {
        laws.note("one token is one deployment", one_token(make().await).await);
        laws.note("an unknown tag is absent", unknown_tag(make().await).await);
        laws.note("an incomplete look-up is an error", incomplete(make().await).await);
    }
    laws.report()
}

async fn full_size<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    let seen = subject.count().await?;
    ensure!(seen.full > 0, "a target at rest has a full size of zero");
    Ok(())
}

async fn gets_ready<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    subject.provision(1, 2).await?;
    subject.reaches(candidate, 2).await
}

async fn repeated<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    subject.provision(1, 2).await?;
    subject.provision(1, 2).await?;
    subject.reaches(candidate, 2).await?;
    subject.provision(1, 2).await?;
    pause().await;
    subject.reaches(candidate, 2).await
}

async fn told_apart<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    subject.provision(1, 3).await?;
    let total = subject.count().await?.candidate.total;
    ensure!(total.asked == 3, "3 units were asked for, and {} are reported as asked", total.asked);
    let early = subject.takes_time && total.ready == 3;
    ensure!(!early, "3 units are reported as ready before they can be");
    Ok(())
}

async fn absolute<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    subject.provision(1, 1).await?;
    subject.reaches(candidate, 1).await?;
    subject.scale(2, Arm::Candidate, 3).await?;
    subject.reaches(candidate, 3).await?;
    subject.scale(3, Arm::Candidate, 2).await?;
    subject.reaches(candidate, 2).await
}

async fn unready_first<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    let before = subject.count().await?.stable.total.ready;
    subject.scale(1, Arm::Stable, before + 2).await?;
    subject.scale(2, Arm::Stable, before).await?;
    let after = subject.count().await?.stable.total.ready;
    ensure!(
        after >= before,
        "{before} were ready, and {after} are after unready ones were removed"
    );
    subject.reaches(stable, before).await
}

async fn retires<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    let before = subject.count().await?.stable.total.ready;
    subject.provision(1, 2).await?;
    subject.reaches(candidate, 2).await?;
    done(subject.port.retire(&subject.call(2), Arm::Candidate).await)?;
    subject.reaches(candidate, 0).await?;
    subject.reaches(stable, before).await
}

async fn gone<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    done(subject.port.retire(&subject.call(1), Arm::Candidate).await)?;
    done(subject.port.retire(&subject.call(2), Arm::Candidate).await)
}

async fn one_token<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    let call = subject.call(1);
    done(subject.port.start(&call).await)?;
    done(subject.port.start(&Call { attempt: 2, ..call.clone() }).await)?;
    let seen = subject.look_up(&call.token()).await.map_err(unexpected)?;
    let ours = !matches!(seen, PlatformSeen::Absent | PlatformSeen::Foreign);
    ensure!(ours, "a deployment that was started is seen as {seen:?}");
    let count = subject.tagged.as_ref().map_or(1, |tagged| tagged(&call.token()));
    ensure!(count == 1, "{count} deployments carry one token");
    Ok(())
}

async fn unknown_tag<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    let seen = subject.look_up("nobody-s-tag").await.map_err(unexpected)?;
    ensure!(seen == PlatformSeen::Absent, "a tag that nobody used is seen as {seen:?}");
    Ok(())
}

async fn incomplete<P: DeploymentActions>(subject: DeploymentSubject<P>) -> Kept {
    let Some(break_lookup) = &subject.break_lookup else { return Ok(()) };
    break_lookup();
    let seen = subject.look_up("nobody-s-tag").await;
    ensure!(seen.is_err(), "an incomplete look-up says {seen:?}");
    Ok(())
}

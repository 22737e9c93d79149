//! Laws of [`Hook`].

use std::time::Duration;

use tidegate_core::{Hook, HookAnswer, Question};
use tokio::time::timeout;

use super::{Kept, Laws, Report, ensure, unexpected};

/// A hook whose outside world is known.
pub struct HookSubject<P> {
    /// The hook.
    pub port: P,
    /// Questions, with what the outside says to the first asking.
    pub script: Vec<(Question, HookAnswer)>,
    /// A question whose outside is broken: no answer, or one that makes no sense.
    pub broken: Question,
    /// How long an answer may take.
    pub limit: Duration,
}

/// Checks a hook; `make` gives a fresh subject for each law.
///
/// # Errors
/// The laws that broke.
pub async fn hook<P: Hook>(make: impl AsyncFn() -> HookSubject<P>) -> Report {
    let mut laws = Laws::default();
    laws.note("the answer is what the outside says", answers(make().await).await);
    laws.note("a broken outside never approves", never_approves(make().await).await);
    laws.note("an answer comes in time", in_time(make().await).await);
    laws.report()
}

async fn answers<P: Hook>(subject: HookSubject<P>) -> Kept {
    for (question, wanted) in &subject.script {
        let asked = timeout(subject.limit, subject.port.ask(question)).await;
        let got = asked.map_err(|_| "no answer in time".to_owned())?.map_err(unexpected)?;
        ensure!(got == *wanted, "the outside says {wanted:?}, and the hook {got:?}");
    }
    Ok(())
}

async fn never_approves<P: Hook>(subject: HookSubject<P>) -> Kept {
    let asked = timeout(subject.limit, subject.port.ask(&subject.broken)).await;
    let approved = matches!(asked, Ok(Ok(HookAnswer::Approved)));
    ensure!(!approved, "a broken outside was taken for an approval");
    Ok(())
}

async fn in_time<P: Hook>(subject: HookSubject<P>) -> Kept {
    for (question, _) in &subject.script {
        let asked = timeout(subject.limit, subject.port.ask(question)).await;
        ensure!(asked.is_ok(), "no answer about {} within {:?}", question.hook, subject.limit);
    }
    Ok(())
}

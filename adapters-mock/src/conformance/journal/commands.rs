//! Commands: kept once, consumed with what they cause, and answered for.

use tidegate_core::{
    Append, Became, CommandId, Consumed, Ignored, Journal, Select, Seq, Serves, Take, Timestamp,
};

use super::{Claim, Fixture, Kept, Laws, command, due, ensure, read, unexpected};

pub(super) async fn laws<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note("a command is kept once, in order", inbox(&make().await, fixture).await);
    laws.note("a command is consumed with its record", consumed(&make().await, fixture).await);
    laws.note("a command makes its rollout due", commanded(&make().await, fixture).await);
    laws.note("a command does not disturb the writer", undisturbed(&make().await, fixture).await);
    laws.note("the holder is told of commands", told(&make().await, fixture).await);
    laws.note("what became of a command is known", became(&make().await, fixture).await);
    laws.note(
        "no command stays unread once its rollout is over",
        ended(&make().await, fixture).await,
    );
}

async fn inbox<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    for id in [5, 3, 5, 9] {
        journal.submit(claim.id(), command(id)).await.map_err(unexpected)?;
    }
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    let ids: Vec<u64> = inbox.iter().map(|command| command.id.0).collect();
    ensure!(ids == [5, 3, 9], "5, 3, 5, 9 were submitted, and {ids:?} are there");
    let claimed = journal.claim(claim.id(), claim.engine, Take::Free).await.map_err(unexpected)?;
    ensure!(claimed.inbox == inbox, "a claim gives another inbox");
    Ok(())
}

async fn consumed<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    for id in [1, 2] {
        journal.submit(claim.id(), command(id)).await.map_err(unexpected)?;
    }
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { consumed: vec![read(1)], ..commit }).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    let ids: Vec<u64> = inbox.iter().map(|command| command.id.0).collect();
    ensure!(ids == [2], "1 was consumed, and {ids:?} are there");
    Ok(())
}

async fn undisturbed<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    claim.append(claim.commit(claim.claimed.version, 1, &[1])).await?;
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    ensure!(inbox.len() == 1, "a commit that consumed nothing left {} commands", inbox.len());
    Ok(())
}

async fn commanded<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: None, park: true, ..commit }).await?;
    let parked = due(journal, Timestamp::MAX, 10).await?;
    ensure!(parked.is_empty(), "{parked:?} are due without a reason");
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let due = due(journal, claim.head.at, 10).await?;
    ensure!(due == [claim.id()], "{due:?} are due after a command");
    Ok(())
}

async fn told<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let work = async || journal.claim_due(claim.engine, &Serves::Every, claim.head.at, 10).await;
    let before = work().await.map_err(unexpected)?;
    ensure!(before.claimed.is_empty(), "what an engine holds it is given again");
    ensure!(before.commanded.is_empty(), "{:?} have no commands", before.commanded);
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let after = work().await.map_err(unexpected)?;
    ensure!(after.commanded == [claim.id()], "{:?} have commands", after.commanded);
    ensure!(after.claimed.is_empty(), "a command takes a rollout from its holder");
    Ok(())
}

async fn became<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    for id in [1, 2, 3] {
        journal.submit(claim.id(), command(id)).await.map_err(unexpected)?;
    }
    let commit = claim.commit(claim.claimed.version, 1, &[1, 2]);
    let ignored = Consumed { id: CommandId(2), ignored: Some(Ignored::NotNow) };
    claim.append(Append { consumed: vec![read(1), ignored], ..commit }).await?;
    for (id, wanted) in [
        (1, Some(Became::Step(Seq(2)))),
        (2, Some(Became::Ignored(Ignored::NotNow))),
        (3, Some(Became::Unread)),
        (4, None),
    ] {
        let became = journal.became(claim.id(), CommandId(id)).await.map_err(unexpected)?;
        ensure!(became == wanted, "command {id} became {wanted:?}, and {became:?} is told");
    }
    Ok(())
}

async fn ended<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    claim.end().await?;
    journal.submit(claim.id(), command(2)).await.map_err(unexpected)?;
    for id in [1, 2] {
        let became = journal.became(claim.id(), CommandId(id)).await.map_err(unexpected)?;
        let right = became == Some(Became::Ignored(Ignored::Terminal));
        ensure!(right, "of command {id}, which nobody read before the end, {became:?} is told");
    }
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    ensure!(inbox.is_empty(), "{inbox:?} wait for somebody to read them");
    let rows = journal.list(&Select::default()).await.map_err(unexpected)?;
    let unread: Vec<u64> = rows.iter().map(|row| row.unread).collect();
    ensure!(unread == [0], "{unread:?} commands are listed as unread");
    let again = journal.claim(claim.id(), claim.engine, Take::Free).await.map_err(unexpected)?;
    ensure!(again.inbox.is_empty(), "a claim gives {:?} to be read", again.inbox);
    Ok(())
}

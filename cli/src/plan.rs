//! `tidegate plan`: the compiled stages as a person reads them. The report itself is the core's.

use serde::Serialize;
use tidegate_core::PlanReport;

use crate::{Answer, Answered, Ending, args::PlanArguments, input::Input, text};

/// The JSON shape.
#[derive(Serialize)]
struct Body<'a> {
    assumed: &'a str,
    plan: &'a PlanReport,
}

pub(crate) fn run(asked: &PlanArguments) -> Answered {
    let input = Input::read(&asked.file, asked.world.as_deref())?;
    let report = PlanReport::of(&input.plan);
    let text = if asked.json {
        text::document("plan", &Body { assumed: &input.assumed, plan: &report })
    } else {
        format!("{report}\ncompiled for {}", input.assumed)
    };
    Ok(Answer { ending: Ending::Well, text })
}

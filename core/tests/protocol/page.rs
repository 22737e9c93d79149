//! `docs/protocol.md` holds what the searches find: its tables and traces are rewritten with `UPDATE=1`, and a test
//! fails when they differ.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use tidegate_core::SafetyClass;

use crate::{
    claims::Breach,
    classes::{self, forbidden, promised},
    clocks, defects,
    limits::Rate,
    model::Scene,
    search::{self, Found},
    variants::{self, Variant},
};

/// What a search says of an effect applied more than once.
fn twice(found: &Found) -> &'static str {
    match (found.has(Breach::Twice), found.has(Breach::SameValue)) {
        (true, _) => "**yes**",
        (false, true) => "same value only",
        (false, false) => "never",
    }
}

fn answer(found: &Found, breach: Breach) -> &'static str {
    if found.has(breach) { "**yes**" } else { "never" }
}

fn kept(found: &Found, breach: Breach) -> &'static str {
    if found.has(breach) { "**no**" } else { "yes" }
}

/// The table of variants, and under it the shortest way to the worst of each unsafe one.
fn variants_page() -> String {
    let mut table = String::from(
        "| | variant | twice | back | journal true | decision unique |\n|---|---|---|---|---|---|\n",
    );
    let mut traces = String::new();
    for Variant { letter, says, protocol, limits } in variants::all() {
        let found = search::everything(&Scene { protocol, limits });
        assert!(found.completes, "{letter}: no way leads to the end");
        writeln!(
            table,
            "| {letter} | {says} | {} | {} | {} | {} |",
            twice(&found),
            answer(&found, Breach::Back),
            kept(&found, Breach::Journal),
            kept(&found, Breach::Decision),
        )
        .unwrap();
        let worst = [Breach::Back, Breach::Twice, Breach::Journal, Breach::SameValue];
        if let Some(breach) = worst.into_iter().find(|breach| found.has(*breach)) {
            let title = breach.name();
            let trace = found.trace(breach);
            write!(traces, "\n{letter}, {title}:\n\n```text\n{trace}```\n").unwrap();
        }
    }
    format!("{table}\nThe shortest way to each:\n{traces}")
}

fn defects_page() -> String {
    let mut page = String::from("| defect | class | first broken | steps |\n|---|---|---|---|\n");
    for defect in defects::all() {
        let found = defect.hunt();
        let class = defect.scene.protocol.class;
        let (breach, steps) = first_forbidden(&found, class);
        writeln!(page, "| {} | {} | {} | {steps} |", defect.says, class.number(), breach.name())
            .unwrap();
    }
    page
}

fn assumptions_page() -> String {
    let mut page = String::from("| class and assumption broken | then | steps |\n|---|---|---|\n");
    for row in classes::broken() {
        let found = search::until_one_of(&row.scene, &forbidden(row.allowed));
        let (breach, steps) = first_forbidden(&found, row.scene.protocol.class);
        writeln!(page, "| {} | {} | {steps} |", row.says, breach.name()).unwrap();
    }
    page
}

/// What the class never allows and was reached soonest, with the steps to it.
fn first_forbidden(found: &Found, class: SafetyClass) -> (Breach, usize) {
    let mut broken: Vec<_> = forbidden(promised(class))
        .into_iter()
        .filter_map(|breach| Some((found.breaches.get(&breach)?.len(), breach)))
        .collect();
    broken.sort_unstable();
    let (steps, breach) = *broken.first().unwrap_or_else(|| panic!("nothing found: {found:?}"));
    (breach, steps)
}

fn clocks_page() -> String {
    let mut page = String::from(
        "| clock, against the store's | margin, of a lease of 4 | wait for a bound of 4 ticks, in ticks of this clock |\n|---|---|---|\n",
    );
    for (rate, name) in [(Rate::Half, "½"), (Rate::Same, "1"), (Rate::Double, "2")] {
        let margin = clocks::margin(rate).unwrap();
        let wait = clocks::wait(rate).unwrap() / 2;
        writeln!(page, "| {name} | {margin} | {wait} |").unwrap();
    }
    page
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md")
}

/// Compares what stands between the markers of a section with what was found.
#[track_caller]
fn same(section: &str, found: &str) {
    let page = fs::read_to_string(path()).unwrap();
    let (begin, end) = (format!("<!-- found: {section} -->\n"), format!("<!-- end: {section} -->"));
    let from = page.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
    let to = page.find(&end).unwrap_or_else(|| panic!("no {end}"));
    let wanted = format!("\n{found}\n");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path(), format!("{}{wanted}{}", &page[..from], &page[to..])).unwrap();
        return;
    }
    assert!(
        page[from..to] == wanted,
        "docs/protocol.md, {section}: not what is found; run with UPDATE=1 and read the change:\n{wanted}"
    );
}

#[test]
fn the_page_holds_what_the_searches_find() {
    same("variants", &variants_page());
    same("defects", &defects_page());
    same("assumptions", &assumptions_page());
    same("clocks", &clocks_page());
}

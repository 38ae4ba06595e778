//! The way on when a run's journal cannot be read: a new run, held, that takes the balancer's present setting as its own.

use super::launch::{self, Started};
use super::roll_back::me;
use super::{Exit, Failure, places};
use crate::clock;
use crate::domain::{Clean, Person, RunId};
use crate::engine::{Entry, Fact, Mode, Severity, share};
use crate::journal::{Places, Reader, RunInfo};
use crate::plan::Plan;
use crate::traffic;
use std::path::Path;

/// What a run's journal says, or why it cannot be believed.
pub(super) fn read(places: &Places, run: &RunId) -> Result<(Option<RunInfo>, Vec<Entry>), Clean> {
    let reader = Reader::open(&places.journal(run)).map_err(|error| Clean::new(error.to_string()))?;
    if !reader.is_begun() && places.keeper_began(run) {
        return Err(Clean::new(format!("journal {} is empty, and was not", places.journal(run).display())));
    }
    let entries = reader.entries().map_err(|error| Clean::new(error.to_string()))?;
    let info = reader.info().map_err(|error| Clean::new(error.to_string()))?;
    Ok((info, entries))
}

/// Says what is wrong with a journal, and the two ways on.
pub(super) fn refusal(run: &RunId, plan: &Path, why: &Clean) -> Failure {
    let plan = plan.display();
    // Two spaces begin a line of their own.
    let words = format!(
        "run {run} cannot go on: {why}  \
         warroom run {plan} --from-balancer  (a new run, held, from what the balancer holds)  \
         warroom rollback {run} --direct  (all traffic back to stable, without the journal)"
    );
    Failure::new(Exit::Refused, words)
}

/// `warroom run PLAN --from-balancer`.
pub(super) async fn begin(places: &Places, plan: Plan, path: &Path, name: Option<Clean>) -> Result<Started, Failure> {
    let refused = |words: String| Failure::new(Exit::Refused, words);
    let Some(last) = places::newest_of(places, &plan)? else {
        return Err(refused(format!(
            "no earlier run of this balancer is known here: `warroom run {}`",
            path.display()
        )));
    };
    let Err(why) = read(places, &last.run) else {
        // It knows more than the balancer does: whether a rollback was under way, who holds, what was approved.
        return Err(refused(format!("the journal of run {} can be read: `warroom run {}`", last.run, path.display())));
    };
    let entries = first_entries(&plan, &last.run, &why, &me(name)).await?;
    launch::begin(places, &plan, path, Mode::Drive, None, &entries)
}

/// What the balancer holds becomes the run's own, as if this person had adopted it; a run with a journal begins held.
async fn first_entries(plan: &Plan, last: &RunId, why: &Clean, by: &Person) -> Result<[Entry; 2], Failure> {
    // What the plan names and this machine lacks is a matter of the plan, as for every run.
    let traffic = traffic::connect(plan).map_err(|error| Failure::new(Exit::Usage, error))?;
    let state = traffic.read().await;
    let setting = state
        .setting()
        .map_err(|why| Failure::new(Exit::Unreachable, format!("the balancer cannot be read: {why}")))?;
    let split = share::adoptable(&plan.traffic.layout(), &setting).map_err(|why| {
        let words = format!(
            "no run goes on from what the balancer holds ({setting}): {why}  \
             warroom rollback {last} --direct  (all traffic back to stable, without the journal)"
        );
        Failure::new(Exit::Refused, words)
    })?;
    let entry = |number, text: String, fact| Entry {
        number,
        wall: clock::wall(),
        mono: clock::mono(),
        severity: Severity::Warn,
        by: Some(by.clone()),
        text: Clean::new(text),
        fact,
    };
    let found = format!("balancer found with candidate {split} ({setting})");
    let adopted = format!("run {last} could not go on ({why}): this run goes on from what the balancer holds");
    Ok([
        entry(1, found, Fact::Baseline { setting: setting.clone(), split }),
        entry(2, adopted, Fact::Adopted { setting, split }),
    ])
}

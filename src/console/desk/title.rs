//! The terminal's title: state and target, for whoever looks for the right window.

use super::dialog::Kind;
use super::direct::Standing;
use super::{Desk, has_ended};
use crate::domain::{Clean, Mono};
use crate::wire::Status;

impl Desk {
    /// `HOLDING checkout @ prod-eu1`.
    pub fn title(&self, status: Option<&Status>, now: Mono) -> Clean {
        let Some(status) = status else { return Clean::new("warroom") };
        let snapshot = &status.snapshot;
        let armed = self.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::RollBack { .. }));
        let is_silent = self.is_cut_off(now);
        let state = match self.direct_now(snapshot, now).map(|direct| direct.standing(now)) {
            _ if armed => "ARMED",
            Some(Standing::Running | Standing::Unknown) => "ROLLING BACK DIRECTLY",
            Some(Standing::Foreign) => "DIRECT ROLLBACK STOPPED",
            Some(Standing::Confirmed) => "ROLLED BACK DIRECTLY",
            Some(Standing::Failed) => "DIRECT ROLLBACK FAILED",
            Some(Standing::Nothing) | None if has_ended(Some(status)) => snapshot.band.word.as_str(),
            Some(Standing::Nothing) | None if !self.linked => "KEEPER GONE",
            Some(Standing::Nothing) | None if is_silent => "KEEPER SILENT",
            Some(Standing::Nothing) | None => snapshot.band.word.as_str(),
        };
        let title = format!("{state} {}", snapshot.title);
        Clean::new(self.mask(Some(status)).map_or(title.clone(), |mask| mask.cover(&title)))
    }
}

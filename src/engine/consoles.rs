//! Who is here, and who drives.

use super::{Effect, Engine, Fact, Mode, Severity};
use crate::domain::{Person, Rights, Wall};
use crate::plan::Advance;

/// One console that is here.
#[derive(Debug, Clone)]
pub(super) struct Console {
    pub by: Person,
    pub rights: Rights,
    pub since: Wall,
}

impl Engine {
    pub(super) fn console_came(&mut self, console: u64, by: &Person, rights: Rights, out: &mut Vec<Effect>) {
        let word = match rights {
            Rights::ReadOnly => " (read-only)",
            Rights::Full => "",
        };
        self.consoles.insert(console, Console { by: by.clone(), rights, since: self.wall });
        self.say(Severity::Info, Some(by), format!("{by} attached{word}"), Fact::Line, out);
        if self.driver.is_none() && rights == Rights::Full && self.mode == Mode::Drive {
            self.driver = Some(by.clone());
            self.say(Severity::Info, Some(by), format!("{by} drives"), Fact::Driver, out);
        }
    }

    pub(super) fn console_went(&mut self, console: u64, out: &mut Vec<Effect>) {
        let Some(gone) = self.consoles.remove(&console) else { return };
        let drove = self.drives(&gone.by) && !self.driver_is_here();
        let waits = self.plan.advance == Advance::Automatic && self.rollback.is_none() && self.next_step().is_some();
        let text = if drove && waits {
            format!("{} left; automatic advance waits for the driver", gone.by)
        } else {
            format!("{} left", gone.by)
        };
        self.say(Severity::Info, Some(&gone.by), text, Fact::Line, out);
    }

    pub(super) fn driver_is_here(&self) -> bool {
        self.consoles.values().any(|console| console.rights == Rights::Full && self.drives(&console.by))
    }

    pub(super) fn drives(&self, by: &Person) -> bool {
        self.driver.as_ref().is_some_and(|driver| driver.is(by))
    }
}

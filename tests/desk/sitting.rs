//! A person at a desk: keys at exact times, frames flushed as the shell does, acts collected.

use crate::scene::Scene;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::sync::OnceLock;
use std::time::Duration;
use warroom::console::desk::{Act, Desk, Input};
use warroom::domain::{Mono, Rights};
use warroom::engine::Command;
use warroom::wire::Status;

pub struct Sitting {
    pub desk: Desk,
    pub now: Mono,
    pub status: Option<Status>,
    pub rights: Rights,
    pub acts: Vec<Act>,
    /// Whether the keeper goes on speaking, with everything it says of now.
    pub is_heard: bool,
}

impl Sitting {
    /// Connected, with full rights, before this status.
    pub fn at(status: &Status) -> Self {
        let mut sitting = Self {
            desk: Desk::new(1000),
            now: status.snapshot.mono + Duration::from_secs(10),
            status: Some(status.clone()),
            rights: Rights::Full,
            acts: Vec::new(),
            is_heard: true,
        };
        sitting.input(Input::Linked(true));
        sitting.acts.clear();
        sitting
    }

    /// Baking at 25 %, everything good.
    pub fn baking() -> Self {
        Self::at(baking())
    }

    /// What the keeper says is of now, as long as it speaks.
    fn hear(&mut self) {
        let Some(status) = self.status.as_mut().filter(|_| self.is_heard) else { return };
        status.snapshot.mono = self.now;
        status.snapshot.balancer_at = status.snapshot.balancer_at.map(|_| self.now);
        status.snapshot.feed_at = status.snapshot.feed_at.map(|_| self.now);
        self.desk.heard_at = Some(self.now);
    }

    pub fn input(&mut self, input: Input) {
        self.hear();
        let acts = self.desk.handle(input, self.now, self.status.as_ref(), self.rights);
        self.acts.extend(acts);
        self.desk.flushed(self.now);
    }

    pub fn event(&mut self, code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) {
        self.input(Input::Key(KeyEvent::new_with_kind(code, modifiers, kind)));
    }

    pub fn code(&mut self, code: KeyCode) {
        self.event(code, KeyModifiers::NONE, KeyEventKind::Press);
    }

    /// A key as a terminal sends it.
    pub fn press(&mut self, c: char) {
        let modifiers = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
        match c {
            '\n' => self.code(KeyCode::Enter),
            '\t' => self.code(KeyCode::Tab),
            c => self.event(KeyCode::Char(c), modifiers, KeyEventKind::Press),
        }
    }

    pub fn with(&mut self, c: char, modifiers: KeyModifiers) {
        self.event(KeyCode::Char(c), modifiers, KeyEventKind::Press);
    }

    pub fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.press(c);
        }
    }

    /// Time passes; the desk is woken whenever it asked to be.
    pub fn after(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(wake) = self.desk.next_wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.input(Input::Tick);
            assert_ne!(self.desk.next_wake(), Some(wake), "it asks for the same time again");
        }
        self.now = until;
        self.input(Input::Tick);
    }

    pub fn flash(&self) -> String {
        self.desk.flash.as_ref().map_or_else(String::new, |(words, _)| words.to_string())
    }

    pub fn is_armed(&self) -> bool {
        use warroom::console::desk::dialog::Kind;
        self.desk.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::RollBack { .. }))
    }

    /// Rollbacks asked for, by whatever way.
    pub fn rollbacks(&self) -> usize {
        self.commands(|command| matches!(command, Command::Rollback { .. })) + self.directs()
    }

    pub fn directs(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act, Act::RollBackDirectly { .. })).count()
    }

    pub fn holds(&self) -> usize {
        self.commands(|command| *command == Command::Hold)
    }

    pub fn advances(&self) -> usize {
        self.commands(|command| matches!(command, Command::Advance { .. } | Command::Resume { .. }))
    }

    pub fn sent(&self) -> usize {
        self.commands(|_| true)
    }

    fn commands(&self, which: impl Fn(&Command) -> bool) -> usize {
        self.acts.iter().filter(|act| matches!(act, Act::Send(_, command) if which(command))).count()
    }

    pub fn quits(&self) -> usize {
        self.acts.iter().filter(|act| **act == Act::Quit).count()
    }
}

/// At 25 %, baked, every gate open.
pub fn baking() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| Scene::at_step(2).status())
}

/// At 25 %, held by a person.
pub fn held() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| {
        let mut scene = Scene::at_step(2);
        scene.command(crate::scene::alice(), Command::Hold);
        scene.run(3.0);
        scene.status()
    })
}

/// A rollback of somebody else, on its way.
pub fn rolling_back() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| {
        let mut scene = Scene::at_step(2);
        scene.writes_land = false;
        scene.command(crate::scene::bob(), Command::Rollback { reason: None, typed: None });
        scene.run(0.5);
        scene.status()
    })
}

/// Stable's health is down.
pub fn target_not_ready() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| {
        let mut scene = Scene::at_step(2);
        scene.healthy.stable = false;
        scene.run(5.0);
        scene.status()
    })
}

/// Baking at 5 %, the bake just begun: `A` is locked by it.
pub fn locked() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| {
        let mut scene = Scene::ready();
        scene.advance();
        scene.run(3.0);
        scene.status()
    })
}

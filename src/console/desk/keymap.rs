//! The one table of keys. Footer, help, man page and README are made from it, and `tests/keys.rs` holds them to it.
//!
//! [`Keymap`] is the table as it is on one console: the configuration may put other keys into its rows.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does on the main screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Arm a rollback.
    Rollback,
    /// Hold.
    Hold,
    /// Open the advance or resume panel.
    Advance,
    /// Open the take-control panel.
    Take,
    /// All keys.
    Help,
    /// Leave; changes no traffic.
    Quit,
    /// The next panel.
    NextPanel,
    /// The panel before.
    PreviousPanel,
    /// The panel of a digit; once more zooms it.
    ChoosePanel,
    /// The next reach of the charts.
    Reach,
    /// Scroll up.
    Up,
    /// Scroll down.
    Down,
    /// Scroll up a page.
    PageUp,
    /// Scroll down a page.
    PageDown,
    /// To the oldest.
    Top,
    /// To the newest.
    Bottom,
    /// Details of what is selected.
    Details,
    /// Follow the log's end.
    Follow,
    /// Type a filter for the log.
    Filter,
    /// The next line that matches, newer.
    NextMatch,
    /// The one before, older.
    PreviousMatch,
    /// Only warnings and errors in the log, or all.
    OnlyBad,
    /// Quiet the alarms that are raised.
    Silence,
    /// No bell, or bell again.
    Mute,
    /// Copy what is selected.
    Copy,
    /// Hide people, hosts and addresses, or show them.
    Privacy,
    /// A command line.
    CommandLine,
    /// Nothing, and says what to press instead.
    Space,
}

impl Action {
    /// Whether it means the same over a panel that is only read.
    pub(super) fn is_for_any_panel(self) -> bool {
        matches!(self, Self::Silence | Self::Mute | Self::Copy | Self::Privacy)
    }

    /// Whether it is about traffic: a keeper that only watches knows none of these.
    pub fn is_traffic(self) -> bool {
        matches!(self, Self::Rollback | Self::Hold | Self::Advance | Self::Take)
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Hold => "hold",
            Self::Advance => "advance",
            Self::Take => "take",
            Self::Help => "help",
            Self::Quit => "quit",
            Self::NextPanel => "next_panel",
            Self::PreviousPanel => "previous_panel",
            Self::ChoosePanel => "panels",
            Self::Reach => "window",
            Self::Up => "up",
            Self::Down => "down",
            Self::PageUp => "page_up",
            Self::PageDown => "page_down",
            Self::Top => "oldest",
            Self::Bottom => "newest",
            Self::Details => "details",
            Self::Follow => "follow",
            Self::Filter => "filter",
            Self::NextMatch => "next_match",
            Self::PreviousMatch => "previous_match",
            Self::OnlyBad => "only_bad",
            Self::Silence => "silence",
            Self::Mute => "mute",
            Self::Copy => "copy",
            Self::Privacy => "privacy",
            Self::CommandLine => "command_line",
            Self::Space => "space",
        }
    }

    /// Whether the configuration may give it other keys. Muscle memory moves traffic back, on whosever console it is, and
    /// the keeper's own words name `R`, `A` and `T`; Space says what holds, a panel's digit stands in its title, and `n`
    /// closes a panel.
    pub fn is_rebindable(self) -> bool {
        !self.is_traffic() && !matches!(self, Self::ChoosePanel | Self::NextMatch | Self::Space)
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The keys, as they are written.
    pub keys: &'static [Key],
    /// What they do.
    pub action: Action,
    /// How the help names it.
    pub help: &'static str,
    /// How the footer names it, where it is there.
    pub footer: Option<&'static str>,
}

/// A key without modifiers other than Shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A named key.
    Named(KeyCode, &'static str),
}

impl Key {
    /// As it is written.
    pub fn label(self) -> String {
        match self {
            Self::Char(' ') => "Space".to_owned(),
            Self::Char(c) => c.to_string(),
            Self::Named(_, label) => label.to_owned(),
        }
    }
}

const UP: Key = Key::Named(KeyCode::Up, "Up");
const DOWN: Key = Key::Named(KeyCode::Down, "Down");

/// Upper case is traffic, lower case is view. `y` confirms in a panel and means nothing else anywhere.
pub const KEYS: &[Binding] = &[
    Binding {
        keys: &[Key::Char('R')],
        action: Action::Rollback,
        help: "arm a rollback; then y sends it",
        footer: Some("roll back"),
    },
    Binding {
        keys: &[Key::Char('H')],
        action: Action::Hold,
        help: "hold now; writes nothing to the balancer",
        footer: Some("hold"),
    },
    Binding {
        keys: &[Key::Char('A')],
        action: Action::Advance,
        help: "advance or resume: the panel says which",
        footer: Some("advance"),
    },
    Binding { keys: &[Key::Char('T')], action: Action::Take, help: "take control from the driver", footer: None },
    Binding { keys: &[Key::Char('?')], action: Action::Help, help: "all keys; again: larger", footer: Some("help") },
    Binding {
        keys: &[Key::Char('/')],
        action: Action::Filter,
        help: "filter the log; Esc clears it",
        footer: Some("find"),
    },
    Binding {
        keys: &[Key::Named(KeyCode::Tab, "Tab"), Key::Named(KeyCode::Right, "Right"), Key::Char('l')],
        action: Action::NextPanel,
        help: "next panel",
        footer: Some("next"),
    },
    Binding {
        keys: &[Key::Named(KeyCode::BackTab, "Shift-Tab"), Key::Named(KeyCode::Left, "Left"), Key::Char('h')],
        action: Action::PreviousPanel,
        help: "previous panel",
        footer: None,
    },
    Binding {
        keys: &[Key::Char('1'), Key::Char('2'), Key::Char('3'), Key::Char('4'), Key::Char('5'), Key::Char('6')],
        action: Action::ChoosePanel,
        help: "that panel; again: zoom it, Esc: back",
        footer: None,
    },
    Binding { keys: &[UP, Key::Char('k')], action: Action::Up, help: "up", footer: None },
    Binding { keys: &[DOWN, Key::Char('j')], action: Action::Down, help: "down", footer: None },
    Binding { keys: &[Key::Named(KeyCode::PageUp, "PgUp")], action: Action::PageUp, help: "a page up", footer: None },
    Binding {
        keys: &[Key::Named(KeyCode::PageDown, "PgDn")],
        action: Action::PageDown,
        help: "a page down",
        footer: None,
    },
    Binding {
        keys: &[Key::Char('g'), Key::Named(KeyCode::Home, "Home")],
        action: Action::Top,
        help: "oldest",
        footer: None,
    },
    Binding {
        keys: &[Key::Char('G'), Key::Named(KeyCode::End, "End")],
        action: Action::Bottom,
        help: "newest",
        footer: None,
    },
    Binding {
        keys: &[Key::Named(KeyCode::Enter, "Enter")],
        action: Action::Details,
        help: "details of a check or log line; confirms nothing",
        footer: None,
    },
    Binding { keys: &[Key::Char('w')], action: Action::Reach, help: "charts: last 1m, 5m, 15m, 1h", footer: None },
    Binding { keys: &[Key::Char('n')], action: Action::NextMatch, help: "filter: next match", footer: None },
    Binding { keys: &[Key::Char('N')], action: Action::PreviousMatch, help: "filter: match before", footer: None },
    Binding { keys: &[Key::Char('f')], action: Action::Follow, help: "follow the log", footer: None },
    Binding { keys: &[Key::Char('e')], action: Action::OnlyBad, help: "log: only warnings and errors", footer: None },
    Binding { keys: &[Key::Char('s')], action: Action::Silence, help: "silence alarms; they stay shown", footer: None },
    Binding { keys: &[Key::Char('m')], action: Action::Mute, help: "mute the bell", footer: None },
    Binding {
        keys: &[Key::Char('c')],
        action: Action::Copy,
        help: "copy what is selected: clipboard, file",
        footer: None,
    },
    Binding {
        keys: &[Key::Char('p')],
        action: Action::Privacy,
        help: "privacy: hide names, hosts, addresses",
        footer: None,
    },
    Binding { keys: &[Key::Char(':')], action: Action::CommandLine, help: "command line", footer: Some("cmd") },
    Binding {
        keys: &[Key::Char('q')],
        action: Action::Quit,
        help: "quit; traffic stays as it is",
        footer: Some("quit"),
    },
    Binding { keys: &[Key::Char(' ')], action: Action::Space, help: "nothing: H holds traffic", footer: None },
];

/// Keys that mean something only in a panel, for the help.
pub const PANEL_KEYS: &[(&str, &str)] = &[
    ("y", "confirm, 0.4 s after the panel shows"),
    ("n Esc", "close; Esc never quits"),
    ("O", "when locked: override, typed"),
    ("r", "in a rollback's progress: its reason"),
    ("Ctrl-D", "in a note: send it"),
    ("Ctrl-C", "cancel; twice in 2 s quits"),
    ("Ctrl-L", "draw everything again"),
    ("Ctrl-Z", "suspend"),
];

/// How many of [`PANEL_KEYS`], from the first on, answer a panel's question.
pub(super) const ANSWERS: usize = 3;

/// What marks, colours and limits mean, for the help: in Unicode, in ASCII, in words.
pub const LEGEND: &[(&str, &str, &str)] = &[
    ("✓ ok", "+ ok", "good, and known to be so now: no colour"),
    ("! WARN", "! WARN", "look at it (yellow)"),
    ("✗ FAIL", "X FAIL", "act on it: over its limit or bad (red)"),
    ("? OLD", "? OLD", "was known and is too old (purple), as value?"),
    ("? few --", "? few --", "too few requests to tell; never measured"),
    ("► ■ ▲ ○", "> # ^ o", "a step: here, halted, on its way, to come"),
    ("○ ► ■ ✓ ◄", "o > # + <", "the state: not begun, running, held, complete, back; red: act"),
    ("25%*", "25%*", "a hold point: a person moves on from it"),
    ("█ ▒", "B g", "stable's part, the candidate's"),
    ("▁ ·", "_ ?", "zero; a gap, where nobody knows"),
    ("~62 rps", "~62 rps", "an average that begins before the split changed"),
    ("b", "b", "baseline: usual on stable before the start"),
    ("~alice", "~alice", "a name that --as claims, no login proves it"),
    ("LATE !", "LATE !", "2 intervals, a timeout and 1 s old: A locked"),
    ("STALE ?", "STALE ?", "older than 5 intervals and 5 s: not believed"),
    ("BLIND", "BLIND", "no candidate metrics that long: H R work"),
];

/// Keys by name, as they are written in the configuration and shown.
const NAMED: &[(&str, KeyCode)] = &[
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Enter", KeyCode::Enter),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("Insert", KeyCode::Insert),
    ("Delete", KeyCode::Delete),
    ("Backspace", KeyCode::Backspace),
    ("F1", KeyCode::F(1)),
    ("F2", KeyCode::F(2)),
    ("F3", KeyCode::F(3)),
    ("F4", KeyCode::F(4)),
    ("F5", KeyCode::F(5)),
    ("F6", KeyCode::F(6)),
    ("F7", KeyCode::F(7)),
    ("F8", KeyCode::F(8)),
    ("F9", KeyCode::F(9)),
    ("F10", KeyCode::F(10)),
    ("F11", KeyCode::F(11)),
    ("F12", KeyCode::F(12)),
];

/// Keys whose meaning is the same on every console.
const FIXED: &[char] = &['R', 'H', 'A', 'T', 'y', 'n', 'O', ' '];

impl Key {
    /// Reads a key as the configuration writes it: one character, or a name such as `F5` or `PgUp`.
    ///
    /// # Errors
    ///
    /// Says in words why it is none, or may not be given to anything.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((name, code)) = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(Self::Named(*code, name));
        }
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(c), None) if FIXED.contains(&c) => {
                Err(format!("{:?} means the same on every console", if c == ' ' { "Space" } else { text }))
            }
            (Some(c), None) if c.is_ascii_graphic() => Ok(Self::Char(c)),
            _ if ["esc", "escape", "ctrl-c", "ctrl-l", "ctrl-z", "space"]
                .contains(&text.to_ascii_lowercase().as_str()) =>
            {
                Err(format!("{text:?} means the same on every console"))
            }
            _ => Err(format!("{text:?} is not a key")),
        }
    }

    /// The names of keys that have one.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// What may be written for a key.
    pub fn allowed() -> String {
        let names: Vec<&str> = Self::names().filter(|name| !name.starts_with('F')).collect();
        format!("one ASCII character but R H A T O y n, or {} F1 to F12; several in a list", names.join(" "))
    }

    fn is(self, key: &KeyEvent) -> bool {
        match self {
            Self::Char(c) => key.code == KeyCode::Char(c),
            Self::Named(code, _) => key.code == code,
        }
    }
}

/// One row of the table as it is on this console.
#[derive(Debug, Clone)]
pub struct Row {
    /// The keys.
    pub keys: Vec<Key>,
    /// What they do.
    pub action: Action,
    /// How the help names it.
    pub help: &'static str,
    /// How the footer names it, where it is there.
    pub footer: Option<&'static str>,
}

impl Row {
    /// All its keys as they are written.
    pub fn label(&self) -> String {
        self.keys.iter().map(|key| key.label()).collect::<Vec<_>>().join(" ")
    }

    /// Its first key, for the footer.
    pub fn first(&self) -> String {
        self.keys.first().map_or_else(String::new, |key| key.label())
    }
}

/// The table as it is on this console.
#[derive(Debug, Clone)]
pub struct Keymap {
    rows: Vec<Row>,
}

impl Default for Keymap {
    fn default() -> Self {
        let row = |binding: &Binding| Row {
            keys: binding.keys.to_vec(),
            action: binding.action,
            help: binding.help,
            footer: binding.footer,
        };
        Self { rows: KEYS.iter().map(row).collect() }
    }
}

impl Keymap {
    /// The rows, in the table's order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Gives an action other keys than the table's.
    ///
    /// # Errors
    ///
    /// Says in words why the action keeps what it has.
    pub fn rebind(&mut self, action: Action, keys: Vec<Key>) -> Result<(), String> {
        if !action.is_rebindable() {
            return Err(format!("{} is the same on every console", action.name()));
        }
        if keys.is_empty() {
            return Err(format!("{} needs a key", action.name()));
        }
        if let Some(row) = self.rows.iter_mut().find(|row| row.action == action) {
            row.keys = keys;
        }
        Ok(())
    }

    /// A key that two actions have, with both.
    pub fn conflicts(&self) -> Vec<(Key, Action, Action)> {
        let mut seen: Vec<(Key, Action)> = Vec::new();
        let mut twice = Vec::new();
        for (key, action) in self.rows.iter().flat_map(|row| row.keys.iter().map(|key| (*key, row.action))) {
            match seen.iter().find(|(known, _)| *known == key) {
                Some((_, other)) => twice.push((key, *other, action)),
                None => seen.push((key, action)),
            }
        }
        twice
    }

    /// The action of a key on the main screen. Modifiers must match exactly: Alt+R is not R.
    pub fn action_of(&self, key: &KeyEvent) -> Option<Action> {
        if !(key.modifiers - KeyModifiers::SHIFT).is_empty() {
            return None;
        }
        self.rows.iter().find(|row| row.keys.iter().any(|bound| bound.is(key))).map(|row| row.action)
    }

    /// Whether a printable key is bound in any mode: `y` and `n` are, in panels.
    pub fn is_bound_anywhere(&self, key: &KeyEvent) -> bool {
        self.action_of(key).is_some() || matches!(key.code, KeyCode::Char('y' | 'n' | 'O'))
    }

    /// The first key of an action as it is written.
    pub fn key_of(&self, action: Action) -> String {
        self.rows.iter().find(|row| row.action == action).map_or_else(String::new, Row::first)
    }
}

/// Whether a key prints something: the mark of text that arrives from elsewhere.
pub fn is_printable(key: &KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_)) && (key.modifiers - KeyModifiers::SHIFT).is_empty()
}

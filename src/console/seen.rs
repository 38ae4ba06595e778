//! The terminal as it is seen, and what was decided from it, in words: for `warroom info`.

use super::appearance::{self, Wanted};
use super::screen::Theme;
use std::io::IsTerminal;

/// How a console would look here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The variables that were looked at and are set, in the order in which they count.
    pub variables: Vec<(&'static str, String)>,
    /// Columns and rows; `None` where there is no terminal.
    pub size: Option<(u16, u16)>,
    /// Whether this is inside tmux.
    pub tmux: bool,
    /// `dark`, `light`, `cvd`, `16 colours`, `mono`.
    pub theme: &'static str,
    /// Why.
    pub theme_why: String,
    /// Whether Unicode marks are drawn.
    pub unicode: bool,
    /// Why, or why not.
    pub unicode_why: String,
}

/// What decides about colour, the first that is set first.
const COLOUR: [&str; 5] = ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLORTERM", "TERM"];
/// What decides about Unicode, the first that is set alone.
const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// Looks at the terminal and the environment. `theme` and `ascii` are what configuration and flags ask for.
pub fn seen(theme: Option<&str>, ascii: bool) -> Seen {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let set = |names: &[&'static str]| -> Vec<(&'static str, String)> {
        names.iter().filter_map(|name| var(name).map(|value| (*name, value))).collect()
    };
    let (colour, locale) = (set(&COLOUR), set(&LOCALE));
    let look = appearance::look(Wanted { theme, color: None, ascii }, |name| std::env::var(name).ok());
    let value = |name: &str| colour.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    Seen {
        size: std::io::stdout().is_terminal().then(|| crossterm::terminal::size().ok()).flatten(),
        tmux: var("TMUX").is_some(),
        theme: word(look.theme),
        theme_why: why(look.theme, theme, value),
        unicode: !look.ascii,
        unicode_why: match locale.first() {
            _ if ascii => "ascii is asked for".to_owned(),
            Some((name, value)) => format!("{name}={value}"),
            None => "no locale is set".to_owned(),
        },
        variables: colour.into_iter().chain(locale).collect(),
    }
}

fn word(theme: Theme) -> &'static str {
    match theme {
        Theme::Dark => "dark",
        Theme::Light => "light",
        Theme::Cvd => "cvd",
        Theme::Sixteen => "16 colours",
        Theme::Mono => "mono",
    }
}

/// The first thing that led to this theme.
fn why<'v>(theme: Theme, asked: Option<&str>, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let term = || value("TERM").map_or_else(|| "TERM is not set".to_owned(), |term| format!("TERM={term}"));
    match theme {
        Theme::Mono if asked == Some("mono") => "it is asked for".to_owned(),
        Theme::Mono if value("NO_COLOR").is_some() => "NO_COLOR is set".to_owned(),
        Theme::Mono if value("CLICOLOR") == Some("0") => "CLICOLOR=0".to_owned(),
        Theme::Mono | Theme::Sixteen => term(),
        Theme::Light | Theme::Cvd => "it is asked for".to_owned(),
        Theme::Dark if asked.is_some() => "it is asked for".to_owned(),
        Theme::Dark => match value("COLORTERM") {
            Some(colorterm) => format!("COLORTERM={colorterm}"),
            None => term(),
        },
    }
}

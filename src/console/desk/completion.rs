//! What may stand next on the command line.

use super::commands::{COMMANDS, THEMES};
use super::hooks::is_running;
use crate::engine::HookView;
use crate::wire::Status;

/// Durations that are offered for `:suspend`: the longest is the longest that is taken.
const DURATIONS: &[(&str, &str)] =
    &[("5m", "five minutes"), ("10m", "ten minutes"), ("30m", "half an hour"), ("1h", "the longest there is")];

/// One word that may stand next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub word: String,
    /// What may stand behind it.
    pub takes: &'static str,
    /// What it does.
    pub help: String,
}

/// What may stand at the end of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins that is completed, in bytes.
    pub from: usize,
    /// The words that go on as it begins.
    pub candidates: Vec<Candidate>,
}

impl Completion {
    /// What may stand where a text ends: the commands, then what the command takes.
    pub fn of(text: &str, status: Option<&Status>) -> Self {
        let Some((command, rest)) = text.trim_start().split_once(' ') else {
            let from = text.len() - text.trim_start().len();
            let begun = &text[from..];
            let words = COMMANDS.iter().filter(|word| word.name.starts_with(begun));
            let candidates = words.map(|word| Candidate {
                word: word.name.to_owned(),
                takes: word.takes,
                help: word.help.to_owned(),
            });
            return Self { from, candidates: candidates.collect() };
        };
        let from = text.rfind(' ').map_or(0, |blank| blank + 1);
        let begun = &text[from..];
        let is_first = rest.trim_start() == begun;
        let mut candidates = arguments(command, is_first, begun, status);
        candidates.retain(|candidate| candidate.word.starts_with(begun));
        Self { from, candidates }
    }

    /// What all candidates begin with.
    pub fn common(&self) -> &str {
        let Some(first) = self.candidates.first() else { return "" };
        let shared = |word: &str| first.word.char_indices().zip(word.chars()).find(|((_, a), b)| a != b);
        let ends = self
            .candidates
            .iter()
            .map(|other| shared(&other.word).map_or(first.word.len().min(other.word.len()), |((at, _), _)| at));
        &first.word[..ends.min().unwrap_or_default()]
    }
}

fn arguments(command: &str, is_first: bool, begun: &str, status: Option<&Status>) -> Vec<Candidate> {
    let fixed = |words: &[(&str, &str)]| words.iter().map(|(word, help)| candidate(*word, *help)).collect();
    match command {
        "theme" if is_first => fixed(THEMES),
        "suspend" if is_first && !begun.starts_with('@') => fixed(DURATIONS),
        "readonly" if is_first => fixed(&[("on", "this console acts no more"), ("off", "it acts again, where it may")]),
        "export" if is_first => fixed(&[("markdown", "for people"), ("json", "one object a line")]),
        "advance" | "resume" if is_first => steps(status),
        "run" if is_first => hooks(status, |hook| !is_running(hook)),
        "stop" if is_first => hooks(status, is_running),
        "note" | "suspend" if begun.starts_with('@') => people(status),
        _ => Vec::new(),
    }
}

fn candidate(word: impl Into<String>, help: impl Into<String>) -> Candidate {
    Candidate { word: word.into(), takes: "", help: help.into() }
}

/// The one step that can come next.
fn steps(status: Option<&Status>) -> Vec<Candidate> {
    let next = status.and_then(|status| status.snapshot.next.as_ref());
    next.map(|next| candidate(next.split.to_string(), "the next step")).into_iter().collect()
}

/// Hooks of the plan, with what they are for and how they stand.
fn hooks(status: Option<&Status>, is_meant: impl Fn(&HookView) -> bool) -> Vec<Candidate> {
    let hooks = status.map_or(&[][..], |status| &status.snapshot.hooks);
    let help = |hook: &HookView| format!("{}; {}", hook.says, hook.locked.as_ref().unwrap_or(&hook.words));
    hooks.iter().filter(|hook| is_meant(hook)).map(|hook| candidate(hook.name.as_str(), help(hook))).collect()
}

/// Who is here, and who drives; a name with blanks in it is not one word and is not offered.
fn people(status: Option<&Status>) -> Vec<Candidate> {
    let Some(people) = status.map(|status| &status.snapshot.people) else { return Vec::new() };
    let here = people.consoles.iter().map(|(person, _)| (person, "is here"));
    let driver = people.driver.as_ref().map(|driver| (driver, "drives"));
    let mut candidates: Vec<Candidate> = driver
        .into_iter()
        .chain(here)
        .filter(|(person, _)| !person.name.as_str().contains(' '))
        .map(|(person, how)| candidate(format!("@{}", person.name), how))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    candidates.retain(|candidate| seen.insert(candidate.word.clone()));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Completion::of(text, None).candidates.into_iter().map(|candidate| candidate.word).collect()
    }

    #[test]
    fn commands_come_first_and_then_what_they_take() {
        assert_eq!(words("").len(), COMMANDS.len());
        assert_eq!(words("re"), ["reason", "readonly", "restart"]);
        assert_eq!(words("theme "), ["dark", "light", "cvd", "mono", "auto"]);
        assert_eq!(words("theme l"), ["light"]);
        assert_eq!(words("suspend 1"), ["10m", "1h"]);
        assert_eq!(words("hold "), Vec::<String>::new());
        assert_eq!(words("theme dark "), Vec::<String>::new(), "one is enough");
        assert_eq!(words("note the"), Vec::<String>::new(), "a note is free text");
    }

    #[test]
    fn what_they_share_is_a_whole_number_of_characters() {
        assert_eq!(Completion::of("re", None).common(), "re");
        assert_eq!(Completion::of("su", None).common(), "suspend");
        assert_eq!(Completion::of("zz", None).common(), "");
        let two = ["é1", "éa"].map(|word| candidate(word, ""));
        assert_eq!(Completion { from: 0, candidates: two.to_vec() }.common(), "é");
    }
}

//! Reads TOML tables key by key, remembers every error with its place, and goes on to the next key.

use super::syntax;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, with the key's full path.
    pub problem: String,
    /// What is allowed there.
    pub allowed: String,
    /// What was probably meant, where that can be guessed.
    pub hint: Option<String>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.problem)?;
        if !self.allowed.is_empty() {
            write!(f, "\n    allowed: {}", self.allowed)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    perhaps: {hint}")?;
        }
        Ok(())
    }
}

/// All that is wrong with a plan, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlanErrors(pub Vec<PlanError>);

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.0 {
            writeln!(f, "{error}")?;
        }
        let count = self.0.len();
        let noun = if count == 1 { "error" } else { "errors" };
        write!(f, "{count} {noun} in the plan; nothing was contacted")
    }
}

/// Why a value cannot stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub problem: String,
    pub hint: Option<String>,
}

impl From<String> for Wrong {
    fn from(problem: String) -> Self {
        Self { problem, hint: None }
    }
}

impl From<&str> for Wrong {
    fn from(problem: &str) -> Self {
        problem.to_owned().into()
    }
}

impl Wrong {
    /// With what was probably meant.
    pub fn perhaps(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

/// What a value's reader comes to.
pub(crate) type Read<T> = Result<T, Wrong>;

/// The word among `known` that is nearest to `word`, when it alone is near enough to have been meant.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let mut near: Vec<(usize, &str)> = known
        .map(|candidate| (edit_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .collect();
    near.sort_unstable();
    match near.as_slice() {
        // Two that are equally near: a guess could weaken a limit.
        [(first, _), (second, _), ..] if first == second => None,
        [(_, candidate), ..] => Some(candidate),
        [] => None,
    }
}

/// Where errors go while a plan is read.
pub(crate) struct Report<'a> {
    file: String,
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// Lines that are not TOML. What stands on them was guessed by the parser, and what seems to be
    /// missing elsewhere may only not have been read.
    broken: BTreeSet<usize>,
    /// Where text was lost to a syntax error.
    torn: Vec<usize>,
    /// Whether so much of it was lost that nothing is said to be missing.
    hopeless: bool,
    /// Headers that were lost: what stands under one seems to belong to the table above it.
    headless: Vec<usize>,
    /// Whether files that the plan names are looked into.
    pub looks_into_files: bool,
    /// The folder that relative paths of programs begin in: the plan file's own.
    pub folder: PathBuf,
    found: RefCell<Vec<(usize, PlanError)>>,
}

impl<'a> Report<'a> {
    pub fn new(path: &Path, text: &'a str) -> Self {
        let file = crate::domain::Clean::new(path.display().to_string()).to_string();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            file,
            text,
            lines,
            broken: BTreeSet::new(),
            torn: Vec::new(),
            hopeless: false,
            headless: Vec::new(),
            looks_into_files: false,
            folder: PathBuf::new(),
            found: RefCell::default(),
        }
    }

    pub fn push(&self, span: Range<usize>, problem: String, allowed: &str, hint: Option<String>) {
        let (line, column) = self.position(span.start);
        let is_headless = || self.headless.contains(&syntax::part_of(self.text, span.start));
        if self.broken.contains(&line) || (!self.headless.is_empty() && is_headless()) {
            return;
        }
        let clean = |text: String| crate::domain::Clean::new(text).to_string();
        let error = PlanError {
            file: self.file.clone(),
            line,
            column,
            problem: clean(problem),
            allowed: allowed.to_owned(),
            hint: hint.map(clean),
        };
        self.found.borrow_mut().push((span.start, error));
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        (line, self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1)
    }

    /// Reports what is not TOML. Comes before everything else.
    pub fn syntax(&mut self, errors: &[toml::de::Error]) {
        let faults = syntax::faults(self.text, errors);
        for fault in faults.said {
            self.push(fault.at..fault.at, fault.problem, fault.allowed, fault.hint);
        }
        self.broken = faults.places.iter().map(|at| self.position(*at).0).collect();
        self.hopeless = faults.is_hopeless;
        let is_header = |at: &usize| syntax::line(self.text, *at).trim_start().starts_with('[');
        self.headless =
            faults.torn.iter().filter(|at| is_header(at)).map(|at| syntax::part_of(self.text, *at)).collect();
        self.torn = faults.torn;
    }

    /// Whether some of the text was not read. What follows from something's absence is then not said.
    pub fn is_torn(&self) -> bool {
        !self.torn.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All errors in the file's order, each said once.
    pub fn into_errors(self) -> PlanErrors {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(offset, _)| *offset);
        let mut errors: Vec<PlanError> = found.into_iter().map(|(_, error)| error).collect();
        errors.dedup();
        PlanErrors(errors)
    }
}

/// One table of the plan. Every key that is asked for counts as known; [`Section::finish`] reports the rest.
pub(crate) struct Section<'a> {
    report: &'a Report<'a>,
    /// `steps[2]`, empty at the top.
    name: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
    known: RefCell<BTreeSet<&'static str>>,
    /// Keys that must be there and are not, with what is allowed; said at the end, when a misspelt one may stand for it.
    absent: RefCell<Vec<(&'static str, String)>>,
}

impl<'a> Section<'a> {
    pub fn new(report: &'a Report<'a>, name: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self { report, name, span, table, known: RefCell::default(), absent: RefCell::default() }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// The place of a key, or of the table where the key is absent.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Reports a problem at a key.
    pub fn problem(&self, key: &str, problem: &str, allowed: &str, hint: Option<String>) {
        let problem = format!("{}: {problem}", self.path(key));
        self.report.push(self.span_of(key), problem, allowed, hint);
    }

    /// Reports a key that must be there.
    pub fn missing(&self, key: &'static str, allowed: &str) {
        if !self.may_stand(key) {
            self.absent.borrow_mut().push((key, allowed.to_owned()));
        }
    }

    /// Whether a key is surely not here: neither misspelt nor lost to a syntax error.
    pub fn lacks(&self, key: &'static str) -> bool {
        !self.has(key) && !self.is_misspelt(key) && !self.may_stand(key)
    }

    /// Whether a key may be here all the same, in text that was not read.
    fn may_stand(&self, key: &str) -> bool {
        let Report { text, torn, hopeless, .. } = self.report;
        *hopeless || syntax::may_stand(text, torn, self.span.start, &self.path(key), key)
    }

    /// Whether another word stands here that was probably meant for a key.
    pub fn is_misspelt(&self, key: &str) -> bool {
        let words = self.table.keys().map(Spanned::get_ref).filter(|word| *word != key);
        words.into_iter().any(|word| nearest(word, std::iter::once(key)).is_some())
    }

    /// A list; each wrong entry is an error of its own, at its own place.
    pub fn list<T>(&self, key: &'static str, allowed: &str, item: impl Fn(&DeValue<'a>) -> Read<T>) -> Option<Vec<T>> {
        let value = self.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            let hint = value.get_ref().as_str().map(|word| format!("[{word:?}]"));
            self.problem(key, &wrong_type(value.get_ref()), allowed, hint);
            return None;
        };
        let mut items = Vec::new();
        for entry in array.iter() {
            match item(entry.get_ref()) {
                Ok(item) => items.push(item),
                Err(wrong) => {
                    self.report.push(
                        entry.span(),
                        format!("{}: {}", self.path(key), wrong.problem),
                        allowed,
                        wrong.hint,
                    );
                }
            }
        }
        (items.len() == array.len()).then_some(items)
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().insert(key);
        self.table.get(key)
    }

    pub fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// A key that may be left out. `None` also when its value was wrong, which is then reported.
    pub fn optional<T>(
        &self,
        key: &'static str,
        allowed: &str,
        parse: impl FnOnce(&DeValue<'a>) -> Read<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        match parse(value.get_ref()) {
            Ok(parsed) => Some(parsed),
            Err(wrong) => {
                self.problem(key, &wrong.problem, allowed, wrong.hint);
                None
            }
        }
    }

    /// A key that must be there.
    pub fn required<T>(
        &self,
        key: &'static str,
        allowed: &str,
        parse: impl FnOnce(&DeValue<'a>) -> Read<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key, allowed);
            return None;
        }
        self.optional(key, allowed, parse)
    }

    /// A table that may be left out.
    pub fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let hint = value.get_ref().is_array().then(|| format!("[{}]", self.path(key)));
            self.problem(key, &wrong_type(value.get_ref()), "a table", hint);
            return None;
        };
        Some(Section::new(self.report, self.path(key), value.span(), table))
    }

    /// A table that must be there.
    pub fn required_table(&self, key: &'static str, holds: &str) -> Option<Section<'a>> {
        if !self.has(key) {
            self.missing(key, holds);
        }
        self.table(key)
    }

    /// A list of tables; empty when left out.
    pub fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            let hint = value.get_ref().is_table().then(|| format!("[[{}]], once for each", self.path(key)));
            self.problem(key, &wrong_type(value.get_ref()), "a list of tables", hint);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let name = format!("{}[{}]", self.path(key), index + 1);
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section::new(self.report, name, item.span(), table)),
                None => {
                    self.report.push(item.span(), format!("{name}: {}", wrong_type(item.get_ref())), "a table", None);
                }
            }
        }
        sections
    }

    /// Every key of a table whose keys are the operator's own.
    pub fn entries(&self) -> Vec<(String, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().to_string(), value)).collect()
    }

    /// Reports a wrong value in a table whose keys are the operator's own.
    pub fn wrong_entry(&self, key: &str, value: &Spanned<DeValue<'_>>, wrong: Wrong, allowed: &str) {
        self.report.push(value.span(), format!("{}: {}", self.path(key), wrong.problem), allowed, wrong.hint);
    }

    /// Whether a list of tables is one, or is not there.
    pub fn is_list_or_absent(&self, key: &str) -> bool {
        self.table.get(key).is_none_or(|value| {
            value.get_ref().as_array().is_some_and(|array| array.iter().all(|item| item.get_ref().is_table()))
        })
    }

    pub fn report(&self) -> &'a Report<'a> {
        self.report
    }

    /// Reports every key that nobody asked for, and every missing one that none of those was meant for.
    pub fn finish(self) {
        let known = self.known.borrow();
        let mut absent = self.absent.borrow().clone();
        let is_unknown = |word: &str| !known.contains(word);
        let unknown: Vec<_> = self.table.iter().filter(|(key, _)| is_unknown(key.get_ref())).collect();
        let is_of_two = known.iter().copied().eq(["candidate", "stable"]);
        for (key, value) in &unknown {
            let word: &str = key.get_ref().as_ref();
            let near = nearest(word, known.iter().copied());
            // Of two environments one is missing and another is there: under its colour, say.
            let other = absent.first().filter(|_| is_of_two && absent.len() == 1 && unknown.len() == 1);
            let meant = near.or(other.map(|(key, _)| *key));
            let allowed = known.iter().copied().collect::<Vec<_>>().join(", ");
            let span = if key.span().is_empty() { value.span() } else { key.span() };
            let problem = format!("{}: no such key", self.path(word));
            self.report.push(span, problem, &allowed, meant.map(|meant| format!("{meant:?}")));
            absent.retain(|(key, _)| Some(*key) != meant);
        }
        for (key, allowed) in absent {
            self.problem(key, "is missing", &allowed, None);
        }
    }
}

/// `expected … , found a string`.
pub(crate) fn wrong_type(value: &DeValue<'_>) -> String {
    format!("{} cannot stand here", article(value.type_str()))
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// Levenshtein distance: how many letters to add, drop or change.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(edit_distance("bake", "bake"), 0);
        assert_eq!(edit_distance("backe", "bake"), 1);
        assert_eq!(edit_distance("", "bake"), 4);
    }

    #[test]
    fn positions_count_characters() {
        let report = Report::new(
            Path::new("x"),
            "a
bé c",
        );
        assert_eq!(report.position(5), (2, 3));
        assert_eq!(report.position(0), (1, 1));
    }
}

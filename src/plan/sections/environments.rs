//! The two environments, and how HTTP is spoken to a server.

use super::required_list;
use crate::domain::{Clean, PerRole};
use crate::plan::section::{Read, Section, wrong_type};
use crate::plan::values::{header_name, path_text, plain_text, short_text, text, url_text, variable_name};
use crate::plan::{Environment, Http, Secret, validate};
use std::path::Path;
use toml::de::DeValue;

pub(in crate::plan) fn environments(root: &Section<'_>) -> Option<PerRole<Environment>> {
    let both = root.required_table("environments", "[environments.stable] and [environments.candidate]")?;
    let stable = both.required_table("stable", "the environment that serves today").map(environment);
    let candidate = both.required_table("candidate", "the environment that is to take over");
    let places =
        candidate.as_ref().map(|section| ["label", "colour", "url", "metrics"].map(|key| section.span_of(key)));
    let candidate = candidate.map(environment);
    both.finish();
    let environments = PerRole { stable: stable??, candidate: candidate?? };
    validate::told_apart(root, &environments, &places?);
    Some(environments)
}

fn environment(section: Section<'_>) -> Option<Environment> {
    let label = section.required("label", "what people call it, such as \"v2.0.5\"", short_text);
    let colour = section.required("colour", "a word such as \"blue\", at most 8 letters", |value| {
        let word = text(value)?;
        let fits = !word.is_empty() && word.len() <= 8 && word.chars().all(|c| c.is_ascii_alphabetic());
        if fits { Ok(Clean::new(word.to_lowercase())) } else { Err(format!("{word:?} is not such a word").into()) }
    });
    let version = section.optional("version", "the version its health answer gives", short_text);
    let url = section.required("url", "its own base URL, not the balancer's", url_text);
    let health = section.optional("health", "a path that starts with /", path_text).unwrap_or_else(|| "/health".into());
    let metrics = required_list(&section, "metrics", "a list of exposition URLs, one an instance", url_text);
    let http = http_options(&section);
    section.finish();
    Some(Environment { label: label?, colour: colour?, version, url: url?, health, metrics: metrics?, http })
}

pub(super) fn http_options(section: &Section<'_>) -> Http {
    let folder = &section.report().folder;
    let ca = section.optional("ca", "the path of a PEM file with a certificate", |value| {
        let path = folder.join(plain_text(value)?);
        if section.report().looks_into_files { holds_certificate(&path).map(|()| path) } else { Ok(path) }
    });
    let mut headers = Vec::new();
    if let Some(table) = section.table("headers") {
        for (name, value) in table.entries() {
            const ALLOWED: &str = "{ env = \"NAME\" }, { file = \"/path\" }, or plain text when it is not secret";
            match header_source(&name, value.get_ref(), folder) {
                Ok(source) => headers.push((name, source)),
                Err(wrong) => table.wrong_entry(&name, value, wrong, ALLOWED),
            }
        }
    }
    Http { ca, headers }
}

fn header_source(name: &str, value: &DeValue<'_>, folder: &Path) -> Read<Secret> {
    header_name(name)?;
    source(name, value, false, folder)
}

/// Where a value comes from; a relative file begins at the plan's own folder. What its name or its look says is secret
/// must not be written down, unless it is only the place of a secret.
pub(super) fn source(name: &str, value: &DeValue<'_>, is_place: bool, folder: &Path) -> Read<Secret> {
    const SECRET_WORDS: [&str; 7] = ["auth", "cookie", "token", "key", "secret", "password", "session"];
    const SECRET_STARTS: [&str; 2] = ["bearer ", "basic "];
    if let Some(plain) = value.as_str() {
        let (name, lower) = (name.to_ascii_lowercase(), plain.to_ascii_lowercase());
        let is_secret = !is_place && SECRET_WORDS.iter().any(|word| name.contains(word))
            || SECRET_STARTS.iter().any(|start| lower.starts_with(start));
        return if is_secret {
            Err("a secret does not belong in a plan".into())
        } else {
            plain_text(value).map(Secret::Plain)
        };
    }
    let table = value.as_table().ok_or_else(|| wrong_type(value))?;
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => match key.get_ref().as_ref() {
            "env" => variable_name(value.get_ref()).map(Secret::Env),
            "file" => plain_text(value.get_ref()).map(|path| Secret::File(folder.join(path))),
            other => Err(format!("{other:?} is not a source").into()),
        },
        _ => Err("needs exactly one source".into()),
    }
}

/// Whether a file that can be read holds a certificate; one that cannot may be there when the run begins.
fn holds_certificate(path: &Path) -> Read<()> {
    // Nothing but a plain file: a pipe would wait for its writer.
    let Some(pem) = path.is_file().then(|| std::fs::read(path).ok()).flatten() else { return Ok(()) };
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(()),
        Ok(_) | Err(_) => Err(format!("{} holds no certificate in PEM", path.display()).into()),
    }
}

//! `-H 'name: value'`: headers for every request, whose values are written nowhere.
//!
//! A value that names a variable (`Bearer $API_KEY`) goes into the scenario by that name. Any other may be
//! a secret that was typed: it stays in memory, and `***` stands in its place wherever it would be seen.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use squall::scenario::plan::{Header, HeaderSource, Key, Secret};

use super::text::quoted;

/// What stands in a value's place where somebody looks.
const HIDDEN: &str = "***";

/// A header, understood.
pub(super) struct Typed {
    /// In lower case.
    name: String,
    value: Value,
}

enum Value {
    /// `$NAME`, alone or after a word.
    Variable { scheme: Option<String>, name: String },
    /// The value itself.
    Text(Secret),
}

/// What becomes of a value that is no variable's in a scenario's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// It is left out; [`Typed::header`] has it.
    LeftOut,
    /// Whoever runs the scenario gives it by a variable.
    ByVariable,
}

impl Typed {
    /// Understands all `-H`. No message holds a value.
    pub(super) fn all(typed: &[String]) -> anyhow::Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for typed in typed {
            let header = Self::of(typed)?;
            if all.iter().any(|other| other.name == header.name) {
                bail!("-H gives `{}` twice; give it once", header.name);
            }
            all.push(header);
        }
        Ok(all)
    }

    fn of(typed: &str) -> anyhow::Result<Self> {
        let (name, value) = typed.split_once(':').context(
            "-H takes 'name: value', and there is no colon in what was given (it is not shown, since it may be \
             a key)",
        )?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if http::HeaderName::try_from(&name).is_err() {
            bail!("-H takes 'name: value', and no header can have the name that was given before the colon");
        }
        if value.is_empty() {
            bail!("-H '{name}: …' has no value; is the variable that should hold it set?");
        }
        if let Some(value) = Value::variable(value) {
            return Ok(Self { name, value });
        }
        if names_a_variable(value) {
            bail!(
                "-H '{name}: …' names a variable among other text; name it alone or after one word, as in \
                 -H '{name}: Bearer $NAME'"
            );
        }
        if http::HeaderValue::try_from(value).is_err() {
            bail!("-H '{name}: …' has a line end or a control character in its value; no header can have it");
        }
        Ok(Self { name, value: Value::Text(Secret::new(value.to_owned())) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value is here, not in the environment.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, Value::Text(_))
    }

    /// The header for the plan, where the scenario's text can't say it.
    pub(super) fn header(&self) -> Option<Header> {
        let Value::Text(secret) = &self.value else { return None };
        let value = HeaderSource::Secret { scheme: None, key: Key::Given(secret.clone()) };
        Some(Header { name: self.name.clone(), value })
    }

    /// The variable by which a scenario's file takes the value.
    pub(super) fn variable(&self) -> String {
        match &self.value {
            Value::Variable { name, .. } => name.clone(),
            Value::Text(_) => format!(
                "SQUALL_{}",
                self.name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
            ),
        }
    }
}

impl Value {
    fn variable(value: &str) -> Option<Self> {
        let (scheme, reference) = match value.rsplit_once(' ') {
            Some((scheme, reference)) => (Some(scheme.trim_end()), reference),
            None => (None, value),
        };
        let name = reference.strip_prefix('$')?;
        let name = name.strip_prefix('{').map_or(Some(name), |name| name.strip_suffix('}'))?;
        let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let is_name = starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_name && scheme.is_none_or(is_word))
            .then(|| Self::Variable { scheme: scheme.map(Into::into), name: name.into() })
    }
}

/// What a shell would take for a variable stands somewhere in it.
fn names_a_variable(value: &str) -> bool {
    let after = value.split('$').skip(1).filter_map(|after| after.bytes().next());
    after.into_iter().any(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'{')
}

/// The scenario's line of these headers, if it has one.
pub(super) fn line(headers: &[Typed], values: Values) -> Option<String> {
    let mut line = String::new();
    for header in headers {
        let scheme = match &header.value {
            Value::Variable { scheme, .. } => scheme.as_ref(),
            Value::Text(_) if values == Values::ByVariable => None,
            Value::Text(_) => continue,
        };
        let separator = if line.is_empty() { "headers = { " } else { ", " };
        // Writing to a string can't fail.
        let _ = write!(line, "{separator}{} = {{ env = {}", quoted(&header.name), quoted(&header.variable()));
        if let Some(scheme) = scheme {
            let _ = write!(line, ", scheme = {}", quoted(scheme));
        }
        line.push_str(" }");
    }
    (!line.is_empty()).then(|| format!("{line} }}"))
}

/// A header as it may be seen: with a variable as it was typed, `***` in the place of any other value.
pub(super) fn shown(typed: &str) -> String {
    match Typed::of(typed) {
        Ok(header) if !header.is_text() => typed.to_owned(),
        Ok(header) => format!("{}: {HIDDEN}", header.name),
        Err(_) => HIDDEN.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(typed: &[&str], values: Values) -> Option<String> {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        line(&Typed::all(&typed).expect("headers"), values)
    }

    fn refused(typed: &[&str]) -> String {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        Typed::all(&typed).map(drop).expect_err("a mistake").to_string()
    }

    #[test]
    fn a_variable_is_named_alone_or_after_a_word() {
        for (typed, expected) in [
            (
                "Authorization: Bearer $KEY",
                r#"headers = { "authorization" = { env = "KEY", scheme = "Bearer" } }"#,
            ),
            (
                "authorization:Bearer ${KEY}",
                r#"headers = { "authorization" = { env = "KEY", scheme = "Bearer" } }"#,
            ),
            ("x-tenant: $TENANT_1", r#"headers = { "x-tenant" = { env = "TENANT_1" } }"#),
        ] {
            assert_eq!(lines(&[typed], Values::LeftOut).as_deref(), Some(expected), "{typed}");
            assert_eq!(shown(typed), typed);
        }
        for typed in ["a: x$KEY", "a: one two $KEY", "a: ${KEY", "a: $KEY!", "a: $A $B"] {
            assert!(refused(&[typed]).contains("names a variable among other text"), "{typed}");
        }
    }

    #[test]
    fn any_other_value_is_kept_out_of_sight() {
        for typed in ["x-api-key: sk-123", "x-api-key:sk-123", "X-API-KEY:  sk-123 ", "x-api-key: $5 sk-123"]
        {
            assert_eq!(shown(typed), "x-api-key: ***", "{typed}");
            assert_eq!(lines(&[typed], Values::LeftOut), None);
            let named = lines(&[typed], Values::ByVariable);
            assert_eq!(named.as_deref(), Some(r#"headers = { "x-api-key" = { env = "SQUALL_X_API_KEY" } }"#));
        }
        assert_eq!(shown("sk-123"), "***");
        assert_eq!(shown("sk-\u{7f}: 1"), "***");
    }

    #[test]
    fn mistakes_are_said_without_what_was_typed() {
        for typed in
            [&["sk-123"][..], &["sk 123: x"], &["a:"], &["a: sk-123\nb"], &["a: sk-123", "A: sk-123"]]
        {
            let said = refused(typed);
            assert!(said.contains("-H") && !said.contains("123"), "{said}");
        }
    }
}

//! What it takes to be let in: keys, headers, certificates. Secrets are read when they are used, sent,
//! and written nowhere.
//!
//! Invariant: whatever holds a secret's value shows it to nobody. It has no `Debug`, header values are
//! marked as sensitive, and every text that comes from outside goes through [`Secrets::tidy`] before it is
//! kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SET_COOKIE,
};

use crate::api::Api;
use crate::scenario::plan::{Access, HeaderSource, Key};

/// What stands in a secret's place where somebody looks.
const HIDDEN: &str = "[key]";
/// A shorter text is found in everything, and hides nothing.
const SHORTEST_SECRET: usize = 4;

/// Why a secret can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The variable is not set.
    #[error("the environment variable {0} is not set, empty, or not text; it must hold a key")]
    Variable(String),
    /// The file can't be read.
    #[error("the file {} holds no key: {source}; it must hold one line", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can't be sent.
    #[error("the value of {0} holds characters that no header may have (a line end?); set it again")]
    Unfit(String),
    /// The certificates can't be used.
    #[error("the certificates in {} can't be used: {why}; it must hold them in the PEM format", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl Key {
    /// The secret, without white space around it.
    fn read(&self) -> Result<String, AccessError> {
        match self {
            Self::Env(name) => {
                let value = std::env::var(name).unwrap_or_default().trim().to_owned();
                if value.is_empty() { Err(AccessError::Variable(name.clone())) } else { Ok(value) }
            }
            Self::File(path) => {
                let failed = |source| AccessError::File { path: path.clone(), source };
                let value = fs::read_to_string(path).map_err(failed)?.trim().to_owned();
                if value.is_empty() {
                    return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty")));
                }
                Ok(value)
            }
            Self::Given(secret) => Ok(secret.reveal().to_owned()),
        }
    }
}

/// The header in which an API takes a key, and what stands before the key in it.
pub(crate) fn key_header(api: Api) -> (HeaderName, &'static str) {
    match api {
        Api::AnthropicMessages => (HeaderName::from_static("x-api-key"), ""),
        _ => (AUTHORIZATION, "Bearer "),
    }
}

/// The headers that let a request for `api` in.
pub(crate) fn headers(access: &Access, api: Api) -> Result<HeaderMap, AccessError> {
    let mut headers = HeaderMap::new();
    for header in &access.headers {
        let unfit = || AccessError::Unfit(format!("the header `{}`", header.name));
        let name = HeaderName::try_from(&header.name).map_err(|_| unfit())?;
        let value = match &header.value {
            HeaderSource::Text(text) => HeaderValue::try_from(text).map_err(|_| unfit())?,
            HeaderSource::Secret { scheme: None, key } => sensitive(&key.read()?).ok_or_else(unfit)?,
            HeaderSource::Secret { scheme: Some(scheme), key } => {
                sensitive(&format!("{scheme} {}", key.read()?)).ok_or_else(unfit)?
            }
        };
        headers.insert(name, value);
    }
    if let Some(key) = &access.key {
        let (name, prefix) = key_header(api);
        let value = sensitive(&format!("{prefix}{}", key.read()?));
        headers.insert(name, value.ok_or_else(|| AccessError::Unfit("the key".into()))?);
    }
    Ok(headers)
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The values of secrets, to keep them out of texts.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// All that is secret of these.
    pub(crate) fn of<'a>(all: impl IntoIterator<Item = &'a Access>) -> Result<Self, AccessError> {
        let mut values = Vec::new();
        for access in all {
            for key in access.secrets() {
                let value = key.read()?;
                if let Some((_, credentials)) = value.split_once(' ') {
                    // After a scheme (`Bearer sk-…`): a server may repeat the one without the other.
                    values.push(credentials.trim().to_owned());
                }
                values.push(value);
            }
        }
        values.retain(|value| value.len() >= SHORTEST_SECRET);
        // One may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Ok(Self(values))
    }

    /// The text without secrets, which servers like to repeat, and at most so many characters of it.
    pub(crate) fn tidy(&self, text: &str, longest: usize) -> String {
        let clean = self.0.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), HIDDEN));
        clean.chars().take(longest).collect()
    }
}

impl Access {
    /// Every secret that it names.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Key> {
        let headers = self.headers.iter().filter_map(|header| match &header.value {
            HeaderSource::Secret { key, .. } => Some(key),
            HeaderSource::Text(_) => None,
        });
        self.key.iter().chain(headers)
    }

    /// Headers of its own that hold a secret.
    pub(crate) fn secret_headers(&self) -> impl Iterator<Item = HeaderName> {
        let secret = self.headers.iter().filter(|header| matches!(header.value, HeaderSource::Secret { .. }));
        secret.filter_map(|header| HeaderName::try_from(&header.name).ok())
    }
}

/// Headers that hold keys whoever sends them.
pub(crate) fn holds_key(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
        || ["x-api-key", "api-key", "x-goog-api-key", "x-auth-token"].contains(&name.as_str())
}

/// The headers with `[key]` in the place of whatever is secret: those that hold keys, and `more`.
pub(crate) fn hide(headers: &HeaderMap, more: &[HeaderName]) -> HeaderMap {
    let mut shown = headers.clone();
    for (name, value) in &mut shown {
        if holds_key(name) || more.contains(name) {
            *value = HeaderValue::from_static(HIDDEN);
        }
    }
    shown
}

/// The certificates of a private authority, as PEM.
pub(crate) fn certificates(path: &Path) -> Result<Vec<u8>, AccessError> {
    fs::read(path)
        .map_err(|error| AccessError::Certificates { path: path.to_owned(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::plan::{Header, Secret};

    fn file(text: &str) -> (tempfile::TempDir, Key) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        fs::write(&path, text).expect("a file");
        (folder, Key::File(path))
    }

    #[test]
    fn a_key_goes_where_its_api_wants_it_and_is_marked() {
        let (_folder, key) = file("sk-123\n");
        let header = Header { name: "x-team".into(), value: HeaderSource::Text("sre".into()) };
        let access = Access { key: Some(key.clone()), headers: vec![header], ca: None };
        let chat = headers(&access, Api::OpenaiChat).expect("headers");
        assert_eq!(
            (&chat[AUTHORIZATION], &chat["x-team"]),
            (&HeaderValue::from_static("Bearer sk-123"), &HeaderValue::from_static("sre"))
        );
        assert!(chat[AUTHORIZATION].is_sensitive() && !chat["x-team"].is_sensitive());
        let messages = headers(&access, Api::AnthropicMessages).expect("headers");
        assert_eq!(messages["x-api-key"], "sk-123");
        assert!(!messages.contains_key(AUTHORIZATION));
        let secret = |scheme| HeaderSource::Secret { scheme, key: key.clone() };
        let secret = |name: &str, scheme| Header { name: name.into(), value: secret(scheme) };
        let both = vec![secret("x-tenant", None), secret("x-proxy", Some("Token".into()))];
        let access = Access { headers: both, ..Access::default() };
        let sent = headers(&access, Api::OpenaiChat).expect("headers");
        assert_eq!(sent["x-tenant"], "sk-123");
        assert_eq!(sent["x-proxy"], "Token sk-123");
        assert!(sent["x-tenant"].is_sensitive() && sent["x-proxy"].is_sensitive());
        assert_eq!(access.secret_headers().collect::<Vec<_>>(), ["x-tenant", "x-proxy"]);
    }

    #[test]
    fn what_was_typed_is_sent_and_shown_to_nobody() {
        let key = Key::Given(Secret::new("Bearer sk-typed".into()));
        let header =
            Header { name: "authorization".into(), value: HeaderSource::Secret { scheme: None, key } };
        let access = Access { headers: vec![header], ..Access::default() };
        assert_eq!(headers(&access, Api::OpenaiChat).expect("headers")[AUTHORIZATION], "Bearer sk-typed");
        let shown = format!("{access:?} {}", serde_json::to_string(&access).expect("JSON"));
        assert!(!shown.contains("sk-typed") && shown.contains("***"), "{shown}");
        let secrets = Secrets::of([&access]).expect("secrets");
        assert_eq!(secrets.tidy("no: Bearer sk-typed; sk-typed", 200), "no: [key]; [key]");
    }

    #[test]
    fn what_is_no_key_is_said_without_showing_it() {
        let (_folder, empty) = file(" \n");
        let access = |key| Access { key: Some(key), ..Access::default() };
        let error = headers(&access(empty), Api::OpenaiChat).map(drop).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("it is empty")));
        let (_folder, unfit) = file("two\nlines");
        let error = headers(&access(unfit), Api::OpenaiChat).map(drop).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("characters") && !text.contains("two")));
        let missing = access(Key::Env("SQUALL_TEST_NO_SUCH_KEY".into()));
        assert!(matches!(headers(&missing, Api::OpenaiChat), Err(AccessError::Variable(_))));
    }

    #[test]
    fn secrets_are_taken_out_before_a_text_is_cut() {
        let secrets = Secrets(vec!["sk-1234567890".into(), "sk-12".into()]);
        let text = format!("{}sk-1234567890 is wrong", "x".repeat(195));
        assert_eq!(secrets.tidy(&text, 200), format!("{}[key]", "x".repeat(195)));
        assert_eq!(secrets.tidy("sk-12", 200), "[key]");
        assert_eq!(Secrets(Vec::new()).tidy(&"é".repeat(300), 200).chars().count(), 200);
    }

    #[test]
    fn headers_are_shown_without_what_is_secret() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "x-api-key", "x-tenant", "x-team"] {
            headers.insert(name, HeaderValue::from_static("value"));
        }
        let shown = hide(&headers, &[HeaderName::from_static("x-tenant")]);
        assert_eq!(shown["x-team"], "value");
        for name in ["authorization", "x-api-key", "x-tenant"] {
            assert_eq!(shown[name], "[key]");
        }
    }
}

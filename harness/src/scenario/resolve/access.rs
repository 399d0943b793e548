//! Keys, headers, certificates, and the version of HTTP.

use std::collections::BTreeMap;

use super::super::diagnostic::Diagnostic;
use super::super::either::TextOr;
use super::super::place::{Placed, Span};
use super::super::plan::{Access, Header, HeaderSource, Http, Key};
use super::super::raw::{self, HeaderKey};
use super::Resolver;
use crate::access::holds_key;

impl Resolver {
    pub(super) fn access(
        &mut self,
        key: Option<&Placed<raw::Key>>,
        headers: &BTreeMap<String, Placed<TextOr<String, HeaderKey>>>,
        ca: Option<&Placed<String>>,
    ) -> Access {
        Access {
            key: key.map(|key| self.key(key)),
            headers: headers.iter().map(|(name, value)| self.header(name, value)).collect(),
            ca: ca.map(|path| self.file("certificates", path, &path.span)),
        }
    }

    fn key(&mut self, raw: &Placed<raw::Key>) -> Key {
        self.secret("key", &raw.span, [raw.env.as_ref(), raw.file.as_ref()], "env = \"OPENAI_API_KEY\"")
    }

    /// A secret by the variable or the file that holds it: exactly one of them.
    fn secret(
        &mut self,
        what: &str,
        at: &Span,
        [env, file]: [Option<&Placed<String>>; 2],
        example: &str,
    ) -> Key {
        let places = [("env", env.map(|env| &env.span)), ("file", file.map(|file| &file.span))];
        self.exactly_one(what, at, &places, example);
        if let Some(file) = file {
            return Key::File(self.file("key", file, &file.span));
        }
        let Some(env) = env else { return Key::Env(String::new()) };
        let name = env.as_str();
        let problem = match std::env::var(name) {
            _ if name.is_empty() || name.contains(['=', '\0']) => Some("no variable can have this name"),
            Ok(value) if value.trim().is_empty() => Some("it is empty"),
            Ok(_) => None,
            Err(std::env::VarError::NotPresent) => Some("it is not set"),
            Err(std::env::VarError::NotUnicode(_)) => Some("it is not text"),
        };
        if let Some(problem) = problem {
            self.mistake(
                Diagnostic::new(format!("the environment variable `{}` holds no key", name.escape_debug()))
                    .at(&env.span, problem)
                    .help("set it before Squall starts, or take `key` away if the target needs none"),
            );
        }
        Key::Env(name.into())
    }

    /// A header's name, in lower case.
    pub(super) fn header_name(&mut self, raw: &Placed<String>) -> String {
        let name = raw.to_ascii_lowercase();
        self.parsed_name(&name, &raw.span);
        name
    }

    fn parsed_name(&mut self, name: &str, at: &Span) -> Option<http::HeaderName> {
        let parsed = http::HeaderName::try_from(name);
        if let Err(error) = &parsed {
            self.mistake(
                Diagnostic::new(format!("no header can be called `{}`", name.escape_debug()))
                    .at(at, error.to_string()),
            );
        }
        parsed.ok()
    }

    fn header(&mut self, name: &str, raw: &Placed<TextOr<String, HeaderKey>>) -> Header {
        let name = name.to_ascii_lowercase();
        let parsed = self.parsed_name(&name, &raw.span);
        let value = match &raw.value {
            TextOr::Text(text) => {
                if parsed.is_some_and(|name| holds_key(&name)) {
                    self.mistake(
                        Diagnostic::new("a scenario must hold no key")
                            .at(&raw.span, "this is written into reports")
                            .help(format!(
                                "put it into an environment variable: `{name} = {{ env = \"NAME\" }}`"
                            )),
                    );
                } else if http::HeaderValue::try_from(text).is_err() {
                    self.mistake(
                        Diagnostic::new("no header can have this value")
                            .at(&raw.span, "this has a line end or a control character"),
                    );
                }
                HeaderSource::Text(text.clone())
            }
            TextOr::Table(key) => {
                let places = [key.env.as_ref(), key.file.as_ref()];
                HeaderSource::Secret {
                    scheme: key.scheme.as_ref().map(|scheme| self.scheme(scheme)),
                    key: self.secret("a header's value", &raw.span, places, "env = \"TENANT\""),
                }
            }
        };
        Header { name, value }
    }

    /// The word before a secret.
    fn scheme(&mut self, raw: &Placed<String>) -> String {
        if raw.is_empty() || !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.mistake(
                Diagnostic::new("what stands before a secret is one word")
                    .at(&raw.span, "expected a word of ASCII")
                    .help("write `scheme = \"Bearer\"`"),
            );
        }
        raw.value.clone()
    }

    /// Certificates are looked at where TLS is spoken.
    pub(super) fn ca_has_https(&mut self, ca: Option<&Placed<String>>, url: Option<&Placed<String>>) {
        let Some(ca) = ca.filter(|_| !url.is_some_and(|url| url.starts_with("https://"))) else { return };
        self.mistake(
            Diagnostic::new("`ca` says whose certificates count, and none are shown here")
                .at(&ca.span, "there is no `https` in this `url`")
                .help("write `url = \"https://…\"`, or take `ca` away"),
        );
    }

    pub(super) fn http(&mut self, raw: &Placed<String>) -> Option<Http> {
        match raw.as_str() {
            "1.1" => return Some(Http::One),
            "2" => return Some(Http::Two),
            _ => self.mistake(
                Diagnostic::new("no version of HTTP that Squall speaks is called so")
                    .at(&raw.span, "expected `\"1.1\"` or `\"2\"`"),
            ),
        }
        None
    }
}

//! What people give as the address of an endpoint, and what it means: the base URL, and the API where
//! the address names one.

use reqwest::Url;
use squall::scenario::plan::Api;

/// An endpoint's address, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Up to and with `/v1`.
    pub(super) base: String,
    /// The API, where the address ended in the path of one.
    pub(super) api: Option<Api>,
}

impl Address {
    /// Understands `http://host:8000`, `host:8000`, `…/v1` and `…/v1/chat/completions`. A path that is
    /// neither empty nor an API's is a base URL as it is. What is no URL stays what it is, for the
    /// scenario to say so.
    pub(super) fn of(typed: &str) -> Self {
        let typed = typed.trim();
        let spelled = if typed.contains("://") { typed.to_owned() } else { format!("http://{typed}") };
        let Ok(mut url) = Url::parse(&spelled) else { return Self { base: typed.into(), api: None } };
        let path = url.path().trim_end_matches('/').to_owned();
        let api = Api::of_path(&path);
        let path = api.and_then(|api| path.strip_suffix(api.path())).unwrap_or(&path);
        url.set_path(if path.is_empty() { "/v1" } else { path });
        Self { base: url.as_str().trim_end_matches('/').to_owned(), api }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_understood_however_much_of_it_is_given() {
        let cases = [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", None),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1", None),
            ("127.0.0.1:8000", "http://127.0.0.1:8000/v1", None),
            ("localhost:8000/v1/", "http://localhost:8000/v1", None),
            ("https://api.example.com/v1", "https://api.example.com/v1", None),
            ("http://h/v1/chat/completions", "http://h/v1", Some("openai-chat")),
            ("http://h/v1/completions/", "http://h/v1", Some("openai-completions")),
            ("http://h/v1/responses", "http://h/v1", Some("openai-responses")),
            ("http://h/v1/embeddings", "http://h/v1", Some("openai-embeddings")),
            ("https://h/v1/messages", "https://h/v1", Some("anthropic-messages")),
            ("http://h/chat/completions", "http://h/v1", Some("openai-chat")),
            ("http://h/openai/deployments/x", "http://h/openai/deployments/x", None),
        ];
        for (typed, base, api) in cases {
            let address = Address::of(typed);
            assert_eq!((address.base.as_str(), address.api.map(Api::name)), (base, api), "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_stays_what_it_is() {
        for typed in ["", "http://", "ftp://h/v1", "http://[::1", "not a url"] {
            let address = Address::of(typed);
            assert!(address.api.is_none() && !address.base.contains("/v1/v1"), "{typed}: {address:?}");
        }
    }
}

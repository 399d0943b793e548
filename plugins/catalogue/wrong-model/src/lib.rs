//! `wrong-model`: an answer names another model than the one that was asked.

use serde_json::Value;
use squall_plugin::{Attempt, BodyVerdict, Event, EventVerdict, Hooks, Plugin, answer, export, json, params};

params! {
    /// Names another model in the answer.
    struct Params {
        /// the model that the answer names
        model: String, "\"gpt-4o-mini\"";
    }
}

struct WrongModel {
    model: Value,
}

impl WrongModel {
    fn rename(&self, data: &[u8]) -> Option<Vec<u8>> {
        let text = answer::utf8(data).filter(|text| text.contains("\"model\""))?;
        let renamed = answer::MODELS.iter().find_map(|path| {
            json::text(text, path)?;
            json::set(text, path, &self.model)
        });
        renamed.map(String::into_bytes)
    }
}

impl Plugin for WrongModel {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        if params.model.is_empty() {
            return Err("`model` is empty; say which model the answer is to name".into());
        }
        Ok(Self { model: params.model.into() })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS | Hooks::DATA | Hooks::BODY
    }

    fn event(&mut self, _: &Attempt, event: &Event) -> EventVerdict {
        let data = event.payload();
        self.rename(data).map_or(EventVerdict::Pass, |event| EventVerdict::Replace(vec![event]))
    }

    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        self.rename(data).map_or(BodyVerdict::Pass, BodyVerdict::Replace)
    }
}

export!(WrongModel);

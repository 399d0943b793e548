//! `wrong-usage`: the counts of tokens are left out, zero, or inflated; the answer stays as it is.

use serde_json::{Value, json};
use squall_plugin::{
    Attempt, BodyVerdict, Event, EventVerdict, Hooks, Plugin, answer, export, json, params, words,
};

params! {
    /// Answers with wrong counts of tokens.
    struct Params {
        /// no counts, counts of zero, or counts times `factor`
        which: Which = Which::Missing, "\"inflated\"";
        /// what inflated counts are multiplied with (10); below 1, they shrink
        factor: Option<f64> = None, "2.5";
    }
}

words! {
    enum Which { Missing = "missing", Zero = "zero", Inflated = "inflated" }
}

struct WrongUsage {
    /// What each count is multiplied with; without it, there are none.
    factor: Option<f64>,
}

/// What becomes of a payload.
enum Change {
    None,
    /// It is nothing but its usage.
    Drop,
    To(String),
}

/// All counts, nested ones (`prompt_tokens_details`) too.
fn multiply(value: &mut Value, factor: f64) {
    match value {
        Value::Number(number) => {
            if let Some(count) = number.as_f64() {
                *value = json!((count * factor).round() as u64);
            }
        }
        Value::Object(object) => object.values_mut().for_each(|value| multiply(value, factor)),
        _ => {}
    }
}

impl WrongUsage {
    fn change(&self, data: &[u8]) -> Change {
        let Some(text) = answer::utf8(data).filter(|text| text.contains("\"usage\"")) else {
            return Change::None;
        };
        let place = answer::USAGES.iter().find_map(|path| Some((*path, json::find(text, path)?)));
        let Some((path, usage)) = place.filter(|(_, usage)| *usage != "null") else { return Change::None };
        let changed = match self.factor {
            None if json::find(text, "choices") == Some("[]") => return Change::Drop,
            None => json::remove(text, path),
            Some(factor) => serde_json::from_str(usage).ok().and_then(|mut usage| {
                multiply(&mut usage, factor);
                json::set(text, path, &usage)
            }),
        };
        changed.map_or(Change::None, Change::To)
    }
}

impl Plugin for WrongUsage {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let factor = match (params.which, params.factor) {
            (Which::Missing, None) => None,
            (Which::Zero, None) => Some(0.0),
            (Which::Inflated, factor) => Some(factor.unwrap_or(10.0)),
            (_, Some(_)) => return Err("`factor` belongs to which = \"inflated\"".into()),
        };
        if factor.is_some_and(|factor| !(0.0..=1e6).contains(&factor)) {
            return Err("`factor` must be between 0 and 1000000".into());
        }
        Ok(Self { factor })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS | Hooks::DATA | Hooks::BODY
    }

    fn event(&mut self, _: &Attempt, event: &Event) -> EventVerdict {
        let data = event.payload();
        match self.change(data) {
            Change::None => EventVerdict::Pass,
            Change::Drop => EventVerdict::Drop,
            Change::To(payload) => EventVerdict::Replace(vec![payload.into_bytes()]),
        }
    }

    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        match self.change(data) {
            Change::To(body) => BodyVerdict::Replace(body.into_bytes()),
            Change::None | Change::Drop => BodyVerdict::Pass,
        }
    }
}

export!(WrongUsage);

//! Parameters that document themselves: one list gives the table's fields, their defaults, their
//! documentation, and the errors for people.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::squall::fault::types::Parameter;
use crate::{CountOrShare, CountOrSpan, Span};

/// The rest of a fault's `with` table, while its parameters are taken out one by one.
pub type Table = BTreeMap<String, Value>;

/// A table of parameters that says what it takes. [`params!`](crate::params) writes it.
pub trait Params: Sized {
    /// One sentence on what it is for.
    fn summary() -> String;
    /// Its parameters, in order.
    fn parameters() -> Vec<Parameter>;
    /// From a fault's `with` table, or what is wrong with it.
    fn from_table(table: Table) -> Result<Self, String>;
}

/// A type of parameter, as people call it.
pub trait Kind {
    /// `duration`, `count`, `one of end, reset`.
    fn kind() -> String;
    /// A value as TOML writes it; none for one that stands for nothing.
    fn toml(&self) -> Option<String>;
}

impl<T: Kind> Kind for Option<T> {
    fn kind() -> String {
        T::kind()
    }
    fn toml(&self) -> Option<String> {
        self.as_ref().and_then(Kind::toml)
    }
}

impl<T: Kind> Kind for Vec<T> {
    fn kind() -> String {
        format!("list of {}", T::kind())
    }
    fn toml(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(Kind::toml).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

impl<T: Kind> Kind for [T; 2] {
    fn kind() -> String {
        format!("two of {}", T::kind())
    }
    fn toml(&self) -> Option<String> {
        Some(format!("[{}, {}]", self[0].toml()?, self[1].toml()?))
    }
}

impl Kind for String {
    fn kind() -> String {
        "text".into()
    }
    fn toml(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl Kind for Span {
    fn kind() -> String {
        "duration".into()
    }
    fn toml(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

impl Kind for CountOrShare {
    fn kind() -> String {
        "count or share".into()
    }
    fn toml(&self) -> Option<String> {
        Some(match self {
            Self::Count(count) => count.to_string(),
            Self::Share(share) => share.to_string(),
        })
    }
}

impl Kind for CountOrSpan {
    fn kind() -> String {
        "count or duration".into()
    }
    fn toml(&self) -> Option<String> {
        match self {
            Self::Count(count) => Some(count.to_string()),
            Self::Span(span) => span.toml(),
        }
    }
}

macro_rules! kinds {
    ($($type:ty: $kind:literal),*) => {$(
        impl Kind for $type {
            fn kind() -> String {
                $kind.into()
            }
            fn toml(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}
kinds! { bool: "true or false", u16: "count", u32: "count", u64: "count", i64: "number", f64: "number" }

/// Takes one parameter out of its table; none when it is not there.
pub fn take<T: DeserializeOwned>(table: &mut Table, name: &str) -> Result<Option<T>, String> {
    let Some(value) = table.remove(name) else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|error| format!("`{name}`: {error}"))
}

/// Says what a table has that is no parameter. It goes first: a misspelt key explains a missing one.
pub fn refuse_unknown(table: &Table, known: &[&str]) -> Result<(), String> {
    let Some(name) = table.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    if known.is_empty() {
        return Err(format!("unknown parameter `{name}`; it takes none"));
    }
    Err(format!("unknown parameter `{name}`, expected one of {}", list(known)))
}

/// `` `a`, `b` ``.
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A name as scenarios write it: a Rust keyword goes by its own name.
pub fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// A plugin's parameters: for each its meaning, name, type, default if it has one, and an example as
/// TOML writes it. One without a default must be given; an `Option` defaults to `None`.
///
/// ```ignore
/// params! {
///     /// Delays each request.
///     pub struct Params {
///         /// how long
///         by: Span, "\"20ms\"";
///         /// at most this often
///         times: u32 = 1, "3";
///     }
/// }
/// ```
#[macro_export]
macro_rules! params {
    (
        $(#[doc = $summary:literal])+
        $visible:vis struct $name:ident {
            $($(#[doc = $meaning:literal])+ $field:ident: $type:ty $(= $default:expr)?, $example:literal;)*
        }
    ) => {
        $(#[doc = $summary])+
        $visible struct $name {
            $($(#[doc = $meaning])+ $field: $type,)*
        }

        impl $crate::Params for $name {
            fn summary() -> String {
                concat!($($summary),+).trim().into()
            }
            fn parameters() -> Vec<$crate::Parameter> {
                vec![$($crate::Parameter {
                    name: $crate::describe::plain(stringify!($field)).into(),
                    kind: <$type as $crate::Kind>::kind(),
                    default: $crate::params!(@show $type $(, $default)?),
                    example: $example.into(),
                    meaning: concat!($($meaning),+).trim().into(),
                }),*]
            }
            #[allow(unused_mut, reason = "a table may have no parameters")]
            fn from_table(mut table: $crate::Table) -> Result<Self, String> {
                let known: &[&str] = &[$($crate::describe::plain(stringify!($field))),*];
                $crate::describe::refuse_unknown(&table, known)?;
                Ok(Self {
                    $($field: {
                        let name = $crate::describe::plain(stringify!($field));
                        match $crate::describe::take::<$type>(&mut table, name)? {
                            Some(value) => value,
                            None => $crate::params!(@default name $(, $default)?),
                        }
                    }),*
                })
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let table = <$crate::Table as $crate::serde::Deserialize>::deserialize(from)?;
                <Self as $crate::Params>::from_table(table).map_err($crate::serde::de::Error::custom)
            }
        }

        impl $crate::Kind for $name {
            fn kind() -> String {
                let names: &[&str] = &[$($crate::describe::plain(stringify!($field))),*];
                format!("table of {}", names.join(", "))
            }
            fn toml(&self) -> Option<String> {
                None
            }
        }
    };
    (@show $type:ty) => { None };
    (@show $type:ty, $default:expr) => {{
        let default: $type = $default;
        $crate::Kind::toml(&default)
    }};
    (@default $name:ident) => { return Err(format!("missing parameter `{}`", $name)) };
    (@default $name:ident, $default:expr) => { $default };
}

/// A parameter that is one of a few words.
///
/// ```ignore
/// words! {
///     pub enum How { End = "end", Reset = "reset" }
/// }
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $visible:vis enum $name:ident {
            $($(#[doc = $meaning:literal])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $name {
            $($(#[doc = $meaning])* $variant),+
        }

        impl $crate::Kind for $name {
            fn kind() -> String {
                format!("one of {}", [$($word),+].join(", "))
            }
            fn toml(&self) -> Option<String> {
                Some(match self {
                    $(Self::$variant => concat!("\"", $word, "\"").into()),+
                })
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = <String as $crate::serde::Deserialize>::deserialize(from)?;
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::serde::de::Error::custom(format!(
                        "`{word}` is none of {}",
                        $crate::describe::list(&[$($word),+])
                    ))),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::words! { enum How { End = "end", NoDone = "no-done" } }

    crate::params! {
        /// Does things
        /// to tests.
        struct Inner {
            /// how long
            by: Span, "\"20ms\"";
            /// in which way
            how: How = How::End, "\"no-done\"";
            /// where
            r#where: Option<u32> = None, "3";
        }
    }

    fn read(json: &str) -> Result<Inner, String> {
        crate::parse(json)
    }

    #[test]
    fn a_table_takes_what_it_documents() {
        let inner = read(r#"{"by":"20ms","where":4}"#).expect("good");
        assert_eq!((inner.by.nanos(), inner.how, inner.r#where), (20_000_000, How::End, Some(4)));
        let parameters = Inner::parameters();
        let names: Vec<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["by", "how", "where"]);
        assert_eq!(parameters[0].default, None);
        assert_eq!(parameters[1].default.as_deref(), Some("\"end\""));
        assert_eq!(parameters[1].kind, "one of end, no-done");
        assert_eq!(Inner::summary(), "Does things to tests.");
    }

    #[test]
    fn errors_speak_of_parameters() {
        let error = |json| read(json).err().expect("wrong");
        assert_eq!(
            error(r#"{"by":"1s","hw":"end"}"#),
            "unknown parameter `hw`, expected one of `by`, `how`, `where`"
        );
        assert_eq!(error("{}"), "missing parameter `by`");
        assert!(error(r#"{"bye":"1s"}"#).starts_with("unknown parameter `bye`"));
        assert_eq!(
            error(r#"{"by":20}"#),
            "`by`: invalid type: integer `20`, expected a duration such as \"20ms\" or \"1.5s\""
        );
        assert_eq!(error(r#"{"by":"1s","how":"x"}"#), "`how`: `x` is none of `end`, `no-done`");
    }
}

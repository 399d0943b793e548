//! A new plugin's project: builds as it stands, wherever it lies.
//!
//! The SDK is not on crates.io, so the project gets the sources that this program was built with.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::exchange::SAMPLE;
use crate::fault::{built_in_names, interface};

/// Where the SDK goes, in a project.
const SDK_FOLDER: &str = "sdk/squall-plugin";

macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../plugins/sdk/src/", $file)))),*]
    };
}

/// The SDK's sources, under plugins/sdk/src/.
const SDK: &[(&str, &str)] =
    sdk!["answer.rs", "chance.rs", "deed.rs", "describe.rs", "json.rs", "lib.rs", "params.rs", "provider.rs"];
const SDK_MANIFEST: &str = include_str!("../../../plugins/sdk/Cargo.toml");
/// Versions of dependencies, and the release profile.
const WORKSPACE: &str = include_str!("../../../plugins/Cargo.toml");
/// The versions that the built-in plugins are built with.
const LOCK: &str = include_str!("../../../plugins/Cargo.lock");

/// Names that a crate can't have: Rust's words, and crates that are always there.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "squall-plugin",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];
const LONGEST_NAME: usize = 64;

/// Why a project was not made.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No name for a plugin.
    #[error("`{name}` is no name for a plugin: {why}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// Nothing is overwritten.
    #[error("{} exists already; give another place with --dir, or remove it", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The sources that are part of this program are not what this expects: a mistake of ours.
    #[error("the SDK in this program has no `{0}`; please report this")]
    Embedded(String),
}

/// Writes the project `name` into `dir`, which must not exist. Returns its files, relative to it.
pub fn create(dir: &Path, name: &str) -> Result<Vec<PathBuf>, ProjectError> {
    check_name(name)?;
    let files = files(name)?;
    if std::fs::symlink_metadata(dir).is_ok() {
        return Err(ProjectError::Exists(dir.to_owned()));
    }
    for (file, text) in &files {
        write(&dir.join(file), text)?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

fn write(path: &Path, text: &str) -> Result<(), ProjectError> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.and_then(|()| std::fs::write(path, text));
    written.map_err(|source| ProjectError::Unwritable { path: path.to_owned(), source })
}

fn check_name(name: &str) -> Result<(), ProjectError> {
    let wrong = |why| Err(ProjectError::Name { name: name.escape_debug().to_string(), why });
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || name.ends_with('-')
    {
        return wrong("it begins with a letter a to z, and has only those, digits and hyphens within");
    }
    if name.len() > LONGEST_NAME {
        return wrong("64 characters are the most");
    }
    if RESERVED.contains(&name) {
        return wrong("Rust keeps that name for itself");
    }
    if built_in_names().contains(&name) {
        return wrong("a built-in plugin has it, and reports name plugins");
    }
    Ok(())
}

fn files(name: &str) -> Result<Vec<(PathBuf, String)>, ProjectError> {
    let named = |text: &str| text.replace("NAME", name);
    let mut files: Vec<(PathBuf, String)> = vec![
        ("Cargo.toml".into(), manifest(name)?),
        ("Cargo.lock".into(), lock()),
        (".gitignore".into(), "/target\n".into()),
        ("README.md".into(), named(include_str!("template/README.md"))),
        ("src/lib.rs".into(), include_str!("template/lib.rs").into()),
        ("exchange.toml".into(), SAMPLE.into()),
        (format!("{name}.golden").into(), include_str!("template/golden").into()),
        (
            "sdk/README.md".into(),
            include_str!("template/sdk-README.md").replace("VERSION", interface::version()),
        ),
        // The SDK reads it from there: `../wit`, as in Squall's own repository.
        ("sdk/wit/fault.wit".into(), interface::WIT.into()),
        (Path::new(SDK_FOLDER).join("Cargo.toml"), sdk_manifest()?),
    ];
    let sources =
        SDK.iter().map(|(file, text)| (Path::new(SDK_FOLDER).join("src").join(file), (*text).into()));
    files.extend(sources);
    Ok(files)
}

fn manifest(name: &str) -> Result<String, ProjectError> {
    let profile = part(&parsed(WORKSPACE)?, &["profile", "release"])?;
    let profile = profile.as_table().map(ToString::to_string).unwrap_or_default();
    Ok(format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\n\
         # The sources are in sdk/: the SDK is not on crates.io.\n\
         squall-plugin = {{ path = \"{SDK_FOLDER}\" }}\n\n\
         # Small, and the same bytes from the same sources.\n\
         [profile.release]\n{profile}\n\
         # Whatever workspace it lies in, it is one of its own.\n[workspace]\n"
    ))
}

/// The SDK's manifest, with what it has from its workspace written out.
fn sdk_manifest() -> Result<String, ProjectError> {
    let (workspace, mut sdk) = (parsed(WORKSPACE)?, parsed(SDK_MANIFEST)?);
    sdk.remove("lints");
    for (table, source) in
        [("package", &["workspace", "package"][..]), ("dependencies", &["workspace", "dependencies"][..])]
    {
        let source = part(&workspace, source)?;
        let entries = sdk.get_mut(table).and_then(Value::as_table_mut);
        let entries = entries.ok_or_else(|| ProjectError::Embedded(table.to_owned()))?;
        for (key, value) in entries.iter_mut() {
            let inherits = value.get("workspace").and_then(Value::as_bool) == Some(true);
            if inherits {
                let here = source.get(key).ok_or_else(|| ProjectError::Embedded(key.clone()))?;
                *value = here.clone();
            }
        }
    }
    let package = sdk.remove("package").unwrap_or(Value::Table(Table::new()));
    let package = package.as_table().map(ToString::to_string).unwrap_or_default();
    Ok(format!("[package]\n{package}\n{sdk}"))
}

fn parsed(text: &str) -> Result<Table, ProjectError> {
    text.parse().map_err(|error: toml::de::Error| ProjectError::Embedded(error.message().to_owned()))
}

fn part(table: &Table, path: &[&str]) -> Result<Value, ProjectError> {
    let missing = || ProjectError::Embedded(path.join("."));
    let (first, rest) = path.split_first().ok_or_else(missing)?;
    let value = table.get(*first).ok_or_else(missing)?;
    let value = rest.iter().try_fold(value, |value, key| value.get(*key)).ok_or_else(missing)?;
    Ok(value.clone())
}

/// Only what comes from the registry: the rest are packages of Squall's own workspace. Cargo drops what
/// the project does not use.
fn lock() -> String {
    const PACKAGE: &str = "\n[[package]]\n";
    let mut blocks = LOCK.split(PACKAGE);
    let head = blocks.next().unwrap_or_default().to_owned();
    let kept = blocks.filter(|block| block.contains("\nsource = "));
    kept.fold(head, |text, block| text + PACKAGE + block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sdk_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk/src");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the SDK")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let embedded: Vec<&str> = SDK.iter().map(|(file, _)| *file).collect();
        assert_eq!(embedded, files, "name every file of plugins/sdk/src in `SDK`, in order");
    }

    #[test]
    fn names_are_those_of_crates_and_of_no_built_in() {
        for name in ["late", "a", "my-fault-2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "x".repeat(65);
        for name in [
            "", "Late", "2fast", "-x", "x-", "a_b", "a b", "../x", "a/b", "é", "fn", "test", "latency", &long,
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn manifests_stand_alone() {
        let text = sdk_manifest().expect("a manifest");
        assert!(!text.contains("workspace"), "{text}");
        let sdk = parsed(&text).expect("TOML");
        assert!(sdk["dependencies"]["wit-bindgen"]["version"].is_str(), "{text}");
        let project = parsed(&manifest("late").expect("a manifest")).expect("TOML");
        assert_eq!(project["profile"]["release"]["panic"].as_str(), Some("abort"));
        assert!(!lock().contains("squall-plugin\""), "{}", lock());
        assert!(lock().parse::<Table>().is_ok());
    }
}

//! Compiled plugins on disk: a large guest (Python, JavaScript) takes seconds to compile, and only once.
//!
//! An entry is found by the plugin's bytes, the engine and its configuration. It begins with the SHA-256 of
//! the rest, and one that is damaged is compiled anew, never trusted: what is loaded here runs as native
//! code. For the same reason the folder is made for its owner alone, and one that others may write to is
//! not used.

use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;
use xxhash_rust::xxh3::Xxh3Default;

/// Where the cache is, in place of the user's own folder; empty for none.
const FOLDER_VARIABLE: &str = "SQUALL_CACHE_DIR";
/// Bytes of the checksum that an entry begins with.
const CHECKSUM: usize = 32;
/// Entries that are kept, the latest ones.
const ENTRIES: usize = 64;
/// Permissions that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The folder of compiled plugins; none where there can't be one.
pub(super) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// The user's cache.
    pub(super) fn of_user() -> Self {
        let folder = match std::env::var_os(FOLDER_VARIABLE) {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(PathBuf::from(folder)),
            None => user_folder(),
        };
        Self { folder: folder.and_then(|folder| prepare(&folder.join("plugins"))) }
    }

    /// The component in `bytes`: from the cache, or compiled and put there.
    pub(super) fn component(&self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(key(engine, bytes))) else {
            return Component::new(engine, bytes);
        };
        if let Some(component) = read(engine, &path) {
            return Ok(component);
        }
        let component = Component::new(engine, bytes)?;
        if let Err(error) = component.serialize().and_then(|code| Ok(write(&path, &code)?)) {
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be kept");
        }
        Ok(component)
    }
}

fn user_folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("squall"))
}

/// Makes the folder, for its owner alone; none when others could write to it.
fn prepare(folder: &Path) -> Option<PathBuf> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    if let Err(error) = made {
        tracing::debug!(folder = %folder.display(), %error, "no cache of compiled plugins");
        return None;
    }
    let about = std::fs::metadata(folder).ok()?;
    let ours = about.uid() == rustix::process::geteuid().as_raw();
    if !ours || about.mode() & WRITABLE_BY_OTHERS != 0 {
        tracing::warn!(folder = %folder.display(), "not used for compiled plugins: others can write to it");
        return None;
    }
    Some(folder.to_owned())
}

/// An entry's name: what it was compiled from, and by what.
fn key(engine: &Engine, bytes: &[u8]) -> String {
    let mut by = Xxh3Default::new();
    engine.precompile_compatibility_hash().hash(&mut by);
    let of = Sha256::digest(bytes);
    let of: String = of.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{of}-{:016x}.cwasm", by.finish())
}

fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let entry = std::fs::read(path).ok()?;
    let (checksum, code) = entry.split_at_checked(CHECKSUM)?;
    if Sha256::digest(code).as_slice() != checksum {
        tracing::warn!(path = %path.display(), "a compiled plugin is damaged and is compiled again");
        return None;
    }
    #[expect(unsafe_code, reason = "the checksum says that this is what an engine like this one wrote")]
    let component = unsafe { Component::deserialize(engine, code) };
    // An engine of another version says no, though its key is another anyway.
    component.ok()
}

/// Under another name first, so that nobody reads half an entry.
fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), prune)
}

/// Forgets the oldest entries when there are too many.
fn prune(folder: &Path) -> std::io::Result<()> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        entries.push((entry.metadata()?.modified()?, entry.path()));
    }
    entries.sort();
    let surplus = entries.len().saturating_sub(ENTRIES);
    entries[..surplus].iter().try_for_each(|(_, path)| std::fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    #[test]
    fn an_entry_is_used_again_and_a_damaged_one_is_rebuilt() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache { folder: prepare(&folder.path().join("plugins")) };
        let engine = Engine::default();
        let component = wat::parse_str(r#"(component (core module (func (export "f"))))"#).expect("good");
        cache.component(&engine, &component).expect("compiles");
        let [path] = entries(&folder.path().join("plugins")).try_into().expect("one entry");
        let whole = std::fs::read(&path).expect("an entry");
        for damage in [0, CHECKSUM, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[damage] ^= 1;
            std::fs::write(&path, &damaged).expect("written");
            assert!(read(&engine, &path).is_none(), "byte {damage}");
            cache.component(&engine, &component).expect("compiles");
            assert_eq!(std::fs::read(&path).expect("an entry"), whole, "byte {damage}");
        }
        std::fs::write(&path, &whole[..10]).expect("written");
        assert!(read(&engine, &path).is_none());
        assert!(entries(&folder.path().join("plugins")).len() == 1, "nothing unfinished is left");
    }

    #[test]
    fn the_oldest_entries_are_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        for n in 0..ENTRIES + 3 {
            write(&folder.path().join(format!("{n}.cwasm")), b"code").expect("written");
        }
        assert_eq!(entries(folder.path()).len(), ENTRIES);
    }

    #[test]
    fn what_others_can_write_to_is_no_cache() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("set");
        assert_eq!(prepare(folder.path()), None);
    }
}

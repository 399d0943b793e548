//! Bytes that are almost a plugin: modules that are made up, modules that fit the interface, built-in
//! plugins that were changed.

use std::sync::LazyLock;

use arbitrary::{Arbitrary as _, Error, Result, Unstructured};
use squall::fault::{BUILT_IN, Specimen};
use wasm_mutate::WasmMutate;
use wasm_smith::{Config, Module};

use super::guest::Interface;

/// How a module begins: such an input is given to the loader as it is.
const MAGIC: &[u8] = b"\0asm";
/// Rounds of changes to one plugin.
const ROUNDS: usize = 4;
/// Bytes that are overwritten in one plugin.
const SPOTS: usize = 8;

/// What a plugin imports and exports.
static OUTLINE: LazyLock<Vec<u8>> = LazyLock::new(|| Interface::new().outline());

/// The outline as a component.
static COMPONENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| Specimen::new("outline", &OUTLINE).expect("a plugin").bytes().to_vec());

/// The bytes that `input` stands for.
pub(crate) fn bytes(input: &[u8]) -> Result<Vec<u8>> {
    if input.starts_with(MAGIC) {
        return Ok(input.to_vec());
    }
    let mut from = Unstructured::new(input);
    match from.int_in_range(0..=3)? {
        0 => module(&mut from, None),
        1 => module(&mut from, Some(OUTLINE.clone())),
        2 => mutated(&mut from),
        _ => overwritten(&mut from),
    }
}

/// A valid module, of the given outline if there is one.
fn module(from: &mut Unstructured<'_>, outline: Option<Vec<u8>>) -> Result<Vec<u8>> {
    let fits = outline.is_some();
    let config = Config {
        module_shape: outline,
        gc_enabled: false,
        exceptions_enabled: false,
        max_memories: 1,
        max_memory32_bytes: 16 << 20,
        threads_enabled: false,
        ..Config::arbitrary(from)?
    };
    let mut module = Module::new(config, from)?;
    // An endless loop is the hostile guest's affair; here it would only take time.
    module.ensure_termination(10_000).map_err(|_| Error::IncorrectFormat)?;
    let mut bytes = module.to_bytes();
    if fits || from.arbitrary()? {
        claim(&mut bytes);
    }
    Ok(bytes)
}

/// Adds the section without which a core module is taken for no plugin.
fn claim(module: &mut Vec<u8>) {
    const NAME: &[u8] = b"component-type";
    module.extend([0, NAME.len() as u8 + 1, NAME.len() as u8]);
    module.extend(NAME);
}

/// The outline, or now and then a built-in plugin: one of those takes as long to compile as a hundred outlines.
fn some_module(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(if from.ratio(1, 16)? { from.choose(BUILT_IN)?.1.to_vec() } else { OUTLINE.clone() })
}

/// A plugin after valid changes.
fn mutated(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = some_module(from)?;
    for _ in 0..from.int_in_range(1..=ROUNDS)? {
        let mut mutate = WasmMutate::default();
        mutate.seed(from.arbitrary()?).preserve_semantics(from.ratio(1, 4)?).fuel(100);
        let changed = mutate.run(&bytes).ok().and_then(|mut all| all.next()?.ok());
        bytes = changed.ok_or(Error::IncorrectFormat)?;
    }
    Ok(bytes)
}

/// A plugin with a few of its bytes overwritten, and perhaps cut off.
fn overwritten(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = if from.arbitrary()? { some_module(from)? } else { COMPONENT.clone() };
    for _ in 0..from.int_in_range(0..=SPOTS)? {
        let at = from.choose_index(bytes.len())?;
        bytes[at] = from.arbitrary()?;
    }
    if from.ratio(1, 4)? {
        bytes.truncate(from.choose_index(bytes.len())?);
    }
    Ok(bytes)
}

//! A core module becomes a component that implements the interface.
//!
//! What the module says of its own types is not read: the decoder of such claims recurses without end on
//! one that is crafted, and that ends the process. The module is taken for an implementation of the
//! interface here, against which the encoder checks its imports and exports.

use std::ops::Range;

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{Refusal, in_a_line, known};
use crate::fault::interface::{WIT, version_of};

/// What the sections are called in which a module says what it implements.
const CLAIM: &str = "component-type";

/// Wraps a valid core module.
pub(super) fn wrap(module: &[u8]) -> Result<Vec<u8>, Refusal> {
    let not_wrapped = |error: &anyhow::Error| Refusal::NotWrapped(in_a_line(&error.root_cause().to_string()));
    let mut module = without_claims(module)?;
    let mut interface = Resolve::default();
    let world = interface
        .push_str("fault.wit", WIT)
        .and_then(|package| interface.select_world(&[package], None))
        .and_then(|world| embed_component_metadata(&mut module, &interface, world, StringEncoding::UTF8));
    world.map_err(|error| not_wrapped(&error))?;
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| not_wrapped(&error))
}

/// The module without what it claims to implement. Refuses one that wants more than it gets.
fn without_claims(module: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut kept = Vec::with_capacity(module.len());
    let mut written = 0;
    let mut claims = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| Refusal::Invalid(in_a_line(&error.to_string())))?;
        if let Payload::ImportSection(imports) = &payload {
            for import in imports.clone().into_imports() {
                let import = import.map_err(|error| Refusal::Invalid(in_a_line(&error.to_string())))?;
                known(import.module)?;
            }
        }
        if let Payload::ExportSection(exports) = &payload {
            for export in exports.clone() {
                let export = export.map_err(|error| Refusal::Invalid(in_a_line(&error.to_string())))?;
                // `squall:fault/plugin@0.3.0#request`; memories and the like have plain names.
                let interface = export.name.split('#').next().unwrap_or_default();
                if version_of(interface).is_some() {
                    known(interface)?;
                }
            }
        }
        let Some((_, Range { end, .. })) = payload.as_section() else { continue };
        let claim = matches!(&payload, Payload::CustomSection(custom) if custom.name().starts_with(CLAIM));
        claims |= claim;
        if !claim {
            // From the end of the section before: its own head is part of it.
            kept.extend_from_slice(&module[written..end]);
        }
        written = end;
    }
    if claims { Ok(kept) } else { Err(Refusal::NotWrapped("it does not say that it implements any".into())) }
}

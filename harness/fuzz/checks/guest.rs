//! Guests made from the interface's own text, so that they follow it: one that answers with whatever bytes
//! it was told to, and the outline of a plugin that other modules can be made to fit.

use std::fmt::Write as _;

use squall::fault::interface::WIT;
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, SizeAlign, Type, WorldId, WorldItem, WorldKey};

/// Where the parrot keeps what it answers.
pub(crate) const IMAGE: u32 = 64 << 10;
/// Where what the host hands in begins; zeros until then.
pub(crate) const HEAP: u32 = 2 << 20;

/// The interface that plugins implement.
pub(crate) struct Interface {
    pub(crate) resolve: Resolve,
    pub(crate) sizes: SizeAlign,
    world: WorldId,
}

impl Interface {
    /// Squall's own.
    pub(crate) fn new() -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("fault.wit", WIT).expect("the interface parses");
        let world = resolve.select_world(&[package], None).expect("it has one world");
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        Self { resolve, sizes, world }
    }

    /// What hook `name` returns.
    pub(crate) fn result_of(&self, name: &str) -> Type {
        let hook = self.exports().into_iter().find(|(_, function)| function.name == name);
        hook.and_then(|(_, function)| function.result).expect("a hook that returns something")
    }

    /// The functions that a plugin exports, by the names that a core module gives them.
    fn exports(&self) -> Vec<(String, &Function)> {
        self.functions(&self.resolve.worlds[self.world].exports)
            .map(|(interface, function)| (format!("{interface}#{}", function.name), function))
            .collect()
    }

    fn functions<'a>(
        &'a self,
        items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
    ) -> impl Iterator<Item = (String, &'a Function)> {
        items.into_iter().flat_map(|(key, item)| {
            let WorldItem::Interface { id, .. } = item else { panic!("a world of interfaces") };
            let name = self.resolve.name_world_key(key);
            self.resolve.interfaces[*id].functions.values().map(move |function| (name.clone(), function))
        })
    }

    /// A module whose every hook returns the same bytes as its verdict: `tick` hands them over, eight a call.
    pub(crate) fn parrot(&self) -> Vec<u8> {
        let mut wat = format!(
            "(module {CLAIM}
               (memory (export \"memory\") {})
               (global $written (mut i32) (i32.const {IMAGE}))
               (global $next (mut i32) (i32.const {HEAP}))
               (func (export \"cabi_realloc\") (param $old i32) (param $was i32) (param $align i32) (param $size i32)
                     (result i32) (local $at i32) (local $lack i32)
                 (local.set $at (i32.and (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                                         (i32.sub (i32.const 0) (local.get $align))))
                 (global.set $next (i32.add (local.get $at) (local.get $size)))
                 (local.set $lack (i32.sub (i32.add (i32.shr_u (global.get $next) (i32.const 16)) (i32.const 1))
                                           (memory.size)))
                 (if (i32.gt_s (local.get $lack) (i32.const 0))
                   (then (if (i32.lt_s (memory.grow (local.get $lack)) (i32.const 0)) (then unreachable))))
                 (local.get $at))\n",
            (HEAP >> 16) + 1
        );
        for (name, function) in self.exports() {
            let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
            let head = head(&signature.params, &signature.results);
            let does = match (function.name.as_str(), signature.results.is_empty()) {
                ("tick", _) => WRITE.to_owned(),
                (_, true) => String::new(),
                (_, false) => format!("(global.set $written (i32.const {IMAGE})) (i32.const {IMAGE})"),
            };
            // What it was handed is no longer needed when it returns.
            let _ = writeln!(
                wat,
                "(func (export \"{name}\") {head} (global.set $next (i32.const {HEAP})) {does})"
            );
        }
        wat::parse_str(wat + ")").expect("a valid module")
    }

    /// A module with a plugin's imports and exports, and nothing in them.
    pub(crate) fn outline(&self) -> Vec<u8> {
        let mut wat = format!("(module {CLAIM}\n");
        for (interface, function) in self.functions(&self.resolve.worlds[self.world].imports) {
            let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
            let head = head(&signature.params, &signature.results);
            let _ = writeln!(wat, "(import \"{interface}\" \"{}\" (func {head}))", function.name);
        }
        wat += "(memory (export \"memory\") 1)
                (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)\n";
        for (name, function) in self.exports() {
            let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
            let head = head(&signature.params, &signature.results);
            let _ = writeln!(wat, "(func (export \"{name}\") {head} unreachable)");
        }
        wat::parse_str(wat + ")").expect("a valid module")
    }
}

/// What a core module must carry to be taken for a plugin.
const CLAIM: &str = "(@custom \"component-type\" \"\")";

/// Writes the next eight bytes of the answer.
const WRITE: &str = "(i64.store (global.get $written) (local.get 0))
                     (global.set $written (i32.add (global.get $written) (i32.const 8)))";

fn head(parameters: &[WasmType], results: &[WasmType]) -> String {
    let list = |types: &[WasmType]| types.iter().map(|ty| format!(" {}", core(*ty))).collect::<String>();
    format!("(param{}) (result{})", list(parameters), list(results))
}

fn core(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

//! Makes of a filter one that dies, so that what happens then can be seen without a trap in what is shipped.

use anyhow::{Context, Result};
use wasm_encoder::{
    BlockType, CodeSection, Encode, ExportKind, ExportSection, Function, FunctionSection, Module, RawSection,
    SectionId,
};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

const CALLBACK: &str = "proxy_on_request_headers";

/// The module with a `proxy_on_request_headers` that counts, and traps when it has counted so far.
pub(crate) fn after_requests(wasm: &[u8], requests: i32) -> Result<Vec<u8>> {
    let mut module = Module::new();
    let (mut imported, mut types, mut globals, mut original) = (0, Vec::new(), 0, None);
    let mut bodies = CodeSection::new();
    // The function has a type, and an index past all others; both stand before it is known where the original is.
    let callback = callback(wasm)?;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(section) => {
                let mut functions = FunctionSection::new();
                for kind in section.clone() {
                    let kind = kind?;
                    types.push(kind);
                    functions.function(kind);
                }
                let kind = callback.checked_sub(imported).and_then(|at| types.get(at as usize));
                functions.function(*kind.context("the callback is imported")?);
                module.section(&functions);
                continue;
            }
            Payload::GlobalSection(section) => {
                globals = section.count();
                let data = wasm.get(section.range()).unwrap_or_default();
                module.section(&RawSection {
                    id: SectionId::Global.into(),
                    data: &one_more(data, globals, requests),
                });
                continue;
            }
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                for export in section.clone() {
                    let export = export?;
                    let (kind, index) = match export.kind {
                        ExternalKind::Func => (ExportKind::Func, export.index),
                        ExternalKind::Memory => (ExportKind::Memory, export.index),
                        ExternalKind::Table => (ExportKind::Table, export.index),
                        _ => (ExportKind::Global, export.index),
                    };
                    let is_callback = export.name == CALLBACK;
                    original = original.or(is_callback.then_some(index));
                    let own = imported + types.len() as u32;
                    exports.export(export.name, kind, if is_callback { own } else { index });
                }
                module.section(&exports);
                continue;
            }
            Payload::CodeSectionStart { .. } => continue,
            Payload::CodeSectionEntry(body) => {
                bodies.raw(wasm.get(body.range()).context("a body outside of the module")?);
                if bodies.len() as usize == types.len() {
                    bodies.function(&trap(original.context("no callback is exported")?, globals));
                    module.section(&bodies);
                }
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: wasm.get(range).unwrap_or_default() });
        }
    }
    Ok(module.finish())
}

/// A section of so many globals with one more at its end: a mutable i32 that begins as `value`.
fn one_more(globals: &[u8], count: u32, value: i32) -> Vec<u8> {
    let (mut section, i32_mutable) = (Vec::new(), [0x7f, 0x01]);
    (count + 1).encode(&mut section);
    // What follows the old count, whose last byte is the first without a continuation.
    let after_count = globals.iter().position(|byte| *byte < 0x80).map_or(0, |last| last + 1);
    section.extend_from_slice(globals.get(after_count..).unwrap_or_default());
    section.extend_from_slice(&i32_mutable);
    let (i32_const, end) = (0x41, 0x0b);
    section.push(i32_const);
    value.encode(&mut section);
    section.push(end);
    section
}

/// The index of the function that is exported as the callback.
fn callback(wasm: &[u8]) -> Result<u32> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                let export = export?;
                if export.name == CALLBACK {
                    return Ok(export.index);
                }
            }
        }
    }
    None.with_context(|| format!("the filter exports no {CALLBACK}"))
}

/// Counts down, traps at 0, and calls the original otherwise.
fn trap(original: u32, left: u32) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.global_get(left).i32_const(1).i32_sub().global_set(left);
    code.global_get(left).i32_eqz().if_(BlockType::Empty).unreachable().end();
    code.local_get(0).local_get(1).local_get(2).call(original).end();
    function
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{ConstExpr, GlobalSection, GlobalType, TypeSection, ValType};

    #[test]
    fn the_callback_is_wrapped_and_the_module_stays_valid() {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32; 3], [ValType::I32]);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut globals = GlobalSection::new();
        let kind = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(kind, &ConstExpr::i32_const(7));
        let mut exports = ExportSection::new();
        exports.export(CALLBACK, ExportKind::Func, 0).export("other", ExportKind::Func, 0);
        let mut code = CodeSection::new();
        let mut body = Function::new([]);
        body.instructions().i32_const(0).end();
        code.function(&body);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&globals).section(&exports).section(&code);
        let wrapped = after_requests(&module.finish(), 3).unwrap();
        wasmparser::validate(&wrapped).unwrap();
        assert_eq!(callback(&wrapped).unwrap(), 1);
    }
}

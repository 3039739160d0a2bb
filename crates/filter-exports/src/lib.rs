//! Leaves in a built filter only the callbacks that it takes.
//!
//! The SDK exports every callback of proxy-wasm, and Envoy enters the VM for each one that a `.wasm` exports, whether
//! the filter does anything in it or not. An export that is gone is a call that is never made. This is part of the
//! build of a filter; it is no part of any filter.

use std::collections::HashSet;
use std::fmt;
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, ExternalKind, Parser, Payload};

/// Callbacks that keep a VM alive: without them there is no filter, or its streams are never freed.
const ESSENTIAL: [&str; 6] = [
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_memory_allocate",
    "proxy_on_tick",
];

const CALLBACK: &str = "proxy_on_";

/// Why the callbacks of a module could not be chosen.
#[derive(Debug)]
pub enum Error {
    /// Not a WebAssembly module.
    NotWasm(BinaryReaderError),
    /// The module does not export a callback that it should keep.
    NoSuchCallback(String),
    /// An export is of a kind that no filter has.
    UnknownExport(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotWasm(error) => write!(f, "not a WebAssembly module: {error}"),
            Error::NoSuchCallback(name) => {
                write!(f, "the module exports no `{name}`, expected a callback of proxy-wasm 0.2.1")
            }
            Error::UnknownExport(name) => {
                write!(f, "`{name}` is exported as neither function, memory, table nor global")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<BinaryReaderError> for Error {
    fn from(error: BinaryReaderError) -> Error {
        Error::NotWasm(error)
    }
}

/// The module with the exports of all callbacks dropped, but for `callbacks` (`proxy_on_log` say) and those that every
/// filter needs. All else stays as it is.
pub fn keep_callbacks(wasm: &[u8], callbacks: &[&str]) -> Result<Vec<u8>, Error> {
    let kept: HashSet<&str> = ESSENTIAL.iter().chain(callbacks).copied().collect();
    let mut missing = kept.clone();
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::ExportSection(section) = &payload {
            let mut exports = ExportSection::new();
            for export in section.clone() {
                let export = export?;
                missing.remove(export.name);
                if !export.name.starts_with(CALLBACK) || kept.contains(export.name) {
                    exports.export(export.name, kind(export.kind, export.name)?, export.index);
                }
            }
            module.section(&exports);
        } else if let Some((id, range)) = payload.as_section() {
            let data = wasm.get(range).unwrap_or_default();
            module.section(&RawSection { id, data });
        }
    }
    match missing.into_iter().min() {
        Some(name) => Err(Error::NoSuchCallback(name.to_owned())),
        None => Ok(module.finish()),
    }
}

fn kind(kind: ExternalKind, name: &str) -> Result<ExportKind, Error> {
    match kind {
        ExternalKind::Func => Ok(ExportKind::Func),
        ExternalKind::Memory => Ok(ExportKind::Memory),
        ExternalKind::Table => Ok(ExportKind::Table),
        ExternalKind::Global => Ok(ExportKind::Global),
        _ => Err(Error::UnknownExport(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        CodeSection, CustomSection, Function, FunctionSection, MemorySection, MemoryType, TypeSection,
    };

    const OTHERS: [&str; 2] = ["_initialize", "proxy_abi_version_0_2_1"];

    /// A module that exports its memory and one empty function under each name.
    fn module(exported: &[&str]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code, mut exports) =
            (FunctionSection::new(), CodeSection::new(), ExportSection::new());
        exports.export("memory", ExportKind::Memory, 0);
        for (index, name) in (0..).zip(exported) {
            functions.function(0);
            exports.export(name, ExportKind::Func, index);
            let mut body = Function::new([]);
            body.instructions().end();
            code.function(&body);
        }
        let mut memories = MemorySection::new();
        let one_page =
            MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
        memories.memory(one_page);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
        module.section(&CustomSection { name: "note".into(), data: b"kept".into() });
        module.finish()
    }

    /// Names and indices of a valid module's exports.
    fn exports(wasm: &[u8]) -> Vec<(String, u32)> {
        wasmparser::validate(wasm).unwrap();
        let sections = Parser::new(0).parse_all(wasm).map(Result::unwrap);
        let exports = sections.filter_map(|payload| match payload {
            Payload::ExportSection(section) => Some(section),
            _ => None,
        });
        exports.flatten().map(Result::unwrap).map(|export| (export.name.to_owned(), export.index)).collect()
    }

    fn all(more: &[&'static str]) -> Vec<&'static str> {
        OTHERS.iter().chain(&ESSENTIAL).chain(more).copied().collect()
    }

    #[test]
    fn only_callbacks_that_are_not_taken_go() {
        let before = module(&all(&["proxy_on_request_headers", "proxy_on_log", "proxy_on_done"]));
        let after = keep_callbacks(&before, &["proxy_on_log"]).unwrap();
        let mut expected = exports(&before);
        expected.retain(|(name, _)| name != "proxy_on_request_headers" && name != "proxy_on_done");
        assert_eq!(exports(&after), expected);
        assert!(after.ends_with(b"\x04notekept"));
        assert_eq!(keep_callbacks(&after, &["proxy_on_log"]).unwrap(), after, "nothing is left to drop");
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let cases: [(Vec<u8>, &[&str], &str); 4] = [
            (
                module(&all(&[])),
                &["proxy_on_lag"],
                "the module exports no `proxy_on_lag`, expected a callback",
            ),
            (module(&["proxy_on_log"]), &["proxy_on_log"], "the module exports no `proxy_on_configure`"),
            (b"\x7fELF and more".to_vec(), &[], "not a WebAssembly module"),
            (module(&all(&[]))[..60].to_vec(), &[], "not a WebAssembly module"),
        ];
        for (wasm, callbacks, message) in cases {
            let error = keep_callbacks(&wasm, callbacks).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}

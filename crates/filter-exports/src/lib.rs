//! Gives a built filter the callbacks that the host looks for.
//!
//! The SDK exports every callback of proxy-wasm for a dispatcher of its own, and Envoy enters the VM for each one that a
//! `.wasm` exports. Slipstream's filters have a dispatcher of their own and export what they take as `slipstream_on_…`. So
//! the SDK's go, and ours take their names. This is part of the build of a filter; it is no part of any filter.

use std::fmt;
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, ExternalKind, Parser, Payload};

/// What our own callbacks are called in a module that has just been built.
const OWN: &str = "slipstream_on_";
/// What the host calls them, and the SDK its own.
const CALLBACK: &str = "proxy_on_";
/// The one callback that stays the SDK's: the host asks it for memory.
const ALLOCATOR: &str = "proxy_on_memory_allocate";
/// Without these there is no filter, or its streams are never freed.
const ESSENTIAL: [&str; 4] = ["configure", "context_create", "delete", "tick"];

/// Why the callbacks of a module could not be chosen.
#[derive(Debug)]
pub enum Error {
    /// Not a WebAssembly module.
    NotWasm(BinaryReaderError),
    /// The module does not export something that every filter has.
    Missing(String),
    /// An export is of a kind that no filter has.
    UnknownExport(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotWasm(error) => write!(f, "not a WebAssembly module: {error}"),
            Error::Missing(name) => {
                write!(f, "the module exports no `{name}`, expected what `slipstream_host::entry!` exports")
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

/// The module with its own callbacks under the host's names, and without the SDK's. All else stays as it is.
pub fn take_callbacks(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut missing: Vec<String> = ESSENTIAL.iter().map(|name| format!("{OWN}{name}")).collect();
    missing.push(ALLOCATOR.to_owned());
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::ExportSection(section) = &payload {
            let mut exports = ExportSection::new();
            for export in section.clone() {
                let export = export?;
                missing.retain(|name| name != export.name);
                let kind = kind(export.kind, export.name)?;
                if let Some(own) = export.name.strip_prefix(OWN) {
                    exports.export(&format!("{CALLBACK}{own}"), kind, export.index);
                } else if !export.name.starts_with(CALLBACK) || export.name == ALLOCATOR {
                    exports.export(export.name, kind, export.index);
                }
            }
            module.section(&exports);
        } else if let Some((id, range)) = payload.as_section() {
            let data = wasm.get(range).unwrap_or_default();
            module.section(&RawSection { id, data });
        }
    }
    match missing.into_iter().next() {
        Some(name) => Err(Error::Missing(name)),
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

    const FILTER: [&str; 8] = [
        "proxy_abi_version_0_2_1",
        "proxy_on_memory_allocate",
        "slipstream_on_configure",
        "slipstream_on_context_create",
        "slipstream_on_delete",
        "slipstream_on_tick",
        "proxy_on_tick",
        "proxy_on_log",
    ];

    #[test]
    fn own_callbacks_take_the_place_of_the_sdks() {
        let names = [&FILTER[..], &["slipstream_on_request_headers", "proxy_on_request_headers"]].concat();
        let before = module(&names);
        let after = take_callbacks(&before).unwrap();
        let expected = [
            ("memory", 0),
            ("proxy_abi_version_0_2_1", 0),
            ("proxy_on_memory_allocate", 1),
            ("proxy_on_configure", 2),
            ("proxy_on_context_create", 3),
            ("proxy_on_delete", 4),
            ("proxy_on_tick", 5),
            ("proxy_on_request_headers", 8),
        ];
        assert_eq!(exports(&after), expected.map(|(name, index)| (name.to_owned(), index)));
        assert!(after.ends_with(b"\x04notekept"));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let without = |name| module(&FILTER.into_iter().filter(|known| *known != name).collect::<Vec<_>>());
        let cases = [
            (without("slipstream_on_tick"), "the module exports no `slipstream_on_tick`, expected"),
            (
                without("proxy_on_memory_allocate"),
                "the module exports no `proxy_on_memory_allocate`, expected",
            ),
            (take_callbacks(&module(&FILTER)).unwrap(), "the module exports no `slipstream_on_configure`"),
            (b"\x7fELF and more".to_vec(), "not a WebAssembly module"),
            (module(&FILTER)[..60].to_vec(), "not a WebAssembly module"),
        ];
        for (wasm, message) in cases {
            let error = take_callbacks(&wasm).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}

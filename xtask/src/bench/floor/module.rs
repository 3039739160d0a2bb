//! Filters that do one thing each, and nothing with it: what that costs is what every filter has to pay for it.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// What a filter asks Envoy for.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// A property, by its path with a zero byte between the names.
    Property(&'static str),
    /// All fields of the request.
    RequestFields,
    /// All fields of the response.
    ResponseFields,
}

/// What a filter takes, and what it asks for meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Callbacks {
    /// When the request's fields come by; none: it is not told.
    pub request: Option<&'static [Read]>,
    /// When a piece of the response's body comes by.
    pub response_body: bool,
    /// When all is over; none: it is not told.
    pub log: Option<&'static [Read]>,
    /// When a stream begins and ends, as every filter that keeps something of it has to be.
    pub streams: bool,
}

const GET_PROPERTY: u32 = 0;
const GET_FIELDS: u32 = 1;
const IMPORTED: u32 = 2;

/// Where the host writes address and size, where paths are, and where it may write data.
const ADDRESS: i32 = 16;
const SIZE: i32 = 20;
const PATHS: usize = 64;
const SCRATCH: i32 = 16_384;
const PAGES: u64 = 4;

const REQUEST: i32 = 0;
const RESPONSE: i32 = 2;

/// A filter's module under construction.
#[derive(Default)]
struct Building {
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    paths: Vec<u8>,
    count: u32,
}

/// The module of a filter.
pub fn module(callbacks: Callbacks) -> Vec<u8> {
    let mut own = Building::default();
    let mut imports = ImportSection::new();
    for (name, parameters) in [("proxy_get_property", 4), ("proxy_get_header_map_pairs", 3)] {
        let index = own.signature(parameters, true);
        imports.import("env", name, EntityType::Function(index));
    }
    own.exports.export("memory", ExportKind::Memory, 0);
    own.function("proxy_abi_version_0_2_1", 0, None, &[]);
    own.function("proxy_on_memory_allocate", 1, Some(SCRATCH), &[]);
    own.function("proxy_on_vm_start", 2, Some(1), &[]);
    own.function("proxy_on_configure", 2, Some(1), &[]);
    if callbacks.streams {
        own.function("proxy_on_context_create", 2, None, &[]);
        own.function("proxy_on_delete", 1, None, &[]);
    }
    if let Some(reads) = callbacks.request {
        own.function("proxy_on_request_headers", 3, Some(0), reads);
    }
    if callbacks.response_body {
        own.function("proxy_on_response_body", 3, Some(0), &[]);
    }
    if let Some(reads) = callbacks.log {
        own.function("proxy_on_log", 1, None, reads);
    }
    own.finish(&imports)
}

impl Building {
    fn signature(&mut self, parameters: usize, answers: bool) -> u32 {
        let answer = answers.then_some(ValType::I32);
        self.types.ty().function(vec![ValType::I32; parameters], answer);
        self.types.len() - 1
    }

    fn function(&mut self, name: &str, parameters: usize, answer: Option<i32>, reads: &[Read]) {
        let signature = self.signature(parameters, answer.is_some());
        self.functions.function(signature);
        let mut body = Function::new([]);
        for read in reads {
            let mut code = body.instructions();
            let call = match read {
                Read::Property(path) => {
                    let address = PATHS + self.paths.len();
                    self.paths.extend_from_slice(path.as_bytes());
                    code.i32_const(address as i32).i32_const(path.len() as i32);
                    GET_PROPERTY
                }
                Read::RequestFields | Read::ResponseFields => {
                    code.i32_const(if matches!(read, Read::RequestFields) { REQUEST } else { RESPONSE });
                    GET_FIELDS
                }
            };
            code.i32_const(ADDRESS).i32_const(SIZE).call(call).drop();
        }
        if let Some(answer) = answer {
            body.instructions().i32_const(answer);
        }
        body.instructions().end();
        self.code.function(&body);
        self.exports.export(name, ExportKind::Func, IMPORTED + self.count);
        self.count += 1;
    }

    fn finish(self, imports: &ImportSection) -> Vec<u8> {
        let mut memories = MemorySection::new();
        let memory = MemoryType {
            minimum: PAGES,
            maximum: Some(PAGES),
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        memories.memory(memory);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(PATHS as i32), self.paths);
        let mut module = Module::new();
        module.section(&self.types).section(imports).section(&self.functions).section(&memories);
        module.section(&self.exports).section(&self.code).section(&data);
        module.finish()
    }
}

//! The functions that a filter exports to the host.
//!
//! They are named `slipstream_on_…`, because the SDK exports `proxy_on_…` for a dispatcher of its own; `filter-exports`
//! gives ours these names when a filter is built.

/// Makes the crate a filter: exports what every filter needs, and the callbacks that it takes. Envoy enters the VM
/// for each callback that a `.wasm` exports, so a filter names only those that it does something in.
#[macro_export]
macro_rules! entry {
    ($plugin:ty, [$($callback:ident),* $(,)?]) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(missing_docs, unsafe_code, unused_imports)]
        mod entry {
            use super::*;
            use $crate::Dispatcher;

            thread_local! {
                static DISPATCHER: Dispatcher<$plugin> = const { Dispatcher::new() };
            }

            $crate::proxy_wasm::main! {{}}

            #[unsafe(export_name = "slipstream_on_context_create")]
            extern "C" fn on_context_create(id: u32, parent: u32) {
                DISPATCHER.with(|dispatcher| dispatcher.on_context_create(id, parent));
            }

            #[unsafe(export_name = "slipstream_on_configure")]
            extern "C" fn on_configure(id: u32, size: usize) -> bool {
                DISPATCHER.with(|dispatcher| dispatcher.on_configure(id, size))
            }

            #[unsafe(export_name = "slipstream_on_tick")]
            extern "C" fn on_tick(id: u32) {
                DISPATCHER.with(|dispatcher| dispatcher.on_tick(id));
            }

            #[unsafe(export_name = "slipstream_on_delete")]
            extern "C" fn on_delete(id: u32) {
                DISPATCHER.with(|dispatcher| dispatcher.on_delete(id));
            }

            $($crate::export_callback!($callback);)*
        }
    };
}

/// Exports one callback that not every filter takes.
#[doc(hidden)]
#[macro_export]
macro_rules! export_callback {
    (on_request_headers) => {
        #[unsafe(export_name = "slipstream_on_request_headers")]
        extern "C" fn on_request_headers(id: u32, _: u32, end_of_stream: bool) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_request_headers(id, end_of_stream)) as u32
        }
    };
    (on_request_body) => {
        #[unsafe(export_name = "slipstream_on_request_body")]
        extern "C" fn on_request_body(id: u32, size: usize, end_of_stream: bool) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_request_body(id, size, end_of_stream)) as u32
        }
    };
    (on_response_headers) => {
        #[unsafe(export_name = "slipstream_on_response_headers")]
        extern "C" fn on_response_headers(id: u32, _: u32, end_of_stream: bool) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_response_headers(id, end_of_stream)) as u32
        }
    };
    (on_response_body) => {
        #[unsafe(export_name = "slipstream_on_response_body")]
        extern "C" fn on_response_body(id: u32, size: usize, end_of_stream: bool) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_response_body(id, size, end_of_stream)) as u32
        }
    };
    (on_response_trailers) => {
        #[unsafe(export_name = "slipstream_on_response_trailers")]
        extern "C" fn on_response_trailers(id: u32, _: u32) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_response_trailers(id)) as u32
        }
    };
    (on_http_call_response) => {
        #[unsafe(export_name = "slipstream_on_http_call_response")]
        extern "C" fn on_http_call_response(
            _: u32,
            token: u32,
            num_headers: usize,
            body_size: usize,
            _: u32,
        ) {
            DISPATCHER.with(|dispatcher| dispatcher.on_callout(token, num_headers, body_size));
        }
    };
    (on_log) => {
        #[unsafe(export_name = "slipstream_on_log")]
        extern "C" fn on_log(id: u32) {
            DISPATCHER.with(|dispatcher| dispatcher.on_log(id));
        }
    };
}

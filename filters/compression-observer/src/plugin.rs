//! The filter as configured: what a VM's streams share.

use crate::config::Config;
use crate::stream::Observed;
use compression_common::{Counted, How, ModeName, NAMESPACE, RouteSettings, Work};
use http_semantics::ContentCoding;
use slipstream_host::{ConfigError, ContextId, HeaderMap, HostError, Plugin, Property, Routes, now_ms};
use std::cell::RefCell;
use std::rc::Rc;

/// The filter that measures what Envoy's own compressor does.
pub struct Observer {
    config: Config,
    routes: Routes<RouteSettings>,
    counted: RefCell<Counted>,
}

impl Observer {
    /// Counts what became of a response of which this filter has `seen` so many bytes.
    pub(crate) fn settle(&self, seen: u64, is_whole: bool) {
        if self.count(seen, is_whole).is_err() {
            let service = self.config.service.as_deref().unwrap_or_default();
            self.counted.borrow_mut().outcome(service, "", "host_error");
        }
    }

    fn count(&self, seen: u64, is_whole: bool) -> Result<(), HostError> {
        // The host would be one more question: routes of one name are taken for one, whatever their virtual host.
        let route = self.routes.current(b"", now_ms())?;
        let service = self.config.service.as_deref().unwrap_or(&route.cluster);
        let mut counted = self.counted.borrow_mut();
        let is_observed = match &route.settings {
            Some(RouteSettings { enabled: true, mode, .. }) => {
                mode.or(self.config.mode) == Some(ModeName::Observe)
            }
            Some(_) | None => false,
        };
        if !is_observed {
            // The filter compression counts it.
            return Ok(());
        }
        let size = Property::RESPONSE_SIZE.bytes()?.unwrap_or_default();
        let size = size.try_into().map_or(0, u64::from_le_bytes);
        let coding = HeaderMap::Response.first("content-encoding")?;
        let outcome = match coding.as_deref().and_then(ContentCoding::parse) {
            _ if !is_whole => "aborted",
            None => "not_compressed",
            // No compressor leaves a body as long as it was.
            Some(_) if size == seen => "encoded",
            Some(coding) => {
                let work = Work { original: seen, size, ns: 0 };
                counted.compressed(service, &route.name, coding.as_str(), How::Observe, &work);
                "compressed"
            }
        };
        counted.outcome(service, &route.name, outcome);
        Ok(())
    }
}

impl Plugin for Observer {
    type Stream = Observed;

    fn configure(configuration: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::parse(configuration)?;
        let counted = Counted::new(config.max_label_sets as usize);
        Ok(Observer { config, routes: Routes::new(NAMESPACE), counted: RefCell::new(counted) })
    }

    fn new_stream(plugin: &Rc<Self>, _: ContextId) -> Observed {
        Observed::new(plugin.clone())
    }

    fn on_tick(&self) {
        self.counted.borrow_mut().export(self.routes.take_mistakes());
    }
}

//! The filter as configured: what a VM's streams share.

use crate::config::Config;
use crate::stream::Observed;
use compression_common::{Alike, Counted, How, ModeName, NAMESPACE, RouteSettings, Work};
use http_semantics::ContentCoding;
use slipstream_host::{ConfigError, ContextId, HeaderMap, HostError, Plugin, Property, Routes};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The filter that measures what Envoy's own compressor does.
pub struct Observer {
    config: Config,
    routes: Routes<RouteSettings>,
    counted: RefCell<Counted>,
    /// What all responses are counted as, if that is known before they come.
    told: Option<Alike>,
    /// Milliseconds that ticks have told of. Settings of routes need no better clock, and asking for one takes time for each response.
    ticked_ms: Cell<u64>,
}

/// The label of what is not told apart by route.
const ALL_ROUTES: &str = "all";

impl Observer {
    /// Counts what became of a response of which this filter has `seen` so many bytes.
    pub(crate) fn settle(&self, seen: u64, is_whole: bool) {
        if self.count(seen, is_whole).is_err() {
            let service = self.config.service.as_deref().unwrap_or_default();
            self.counted.borrow_mut().outcome(service, "", "host_error");
        }
    }

    fn count(&self, seen: u64, is_whole: bool) -> Result<(), HostError> {
        let service = self.config.service.as_deref();
        if !self.config.by_route {
            return self.count_as(service.unwrap_or_default(), ALL_ROUTES, seen, is_whole);
        }
        // The host would be one more question: routes of one name are taken for one, whatever their virtual host.
        let route = self.routes.current(b"", self.ticked_ms.get())?;
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
        self.count_as(service.unwrap_or(&route.cluster), &route.name, seen, is_whole)
    }

    fn count_as(&self, service: &str, route: &str, seen: u64, is_whole: bool) -> Result<(), HostError> {
        let outcome = if is_whole {
            let size = Property::RESPONSE_SIZE.bytes()?.unwrap_or_default();
            let size = size.try_into().map_or(0, u64::from_le_bytes);
            match self.coding(seen, size)? {
                None => "not_compressed",
                // No compressor leaves a body as long as it was.
                Some(_) if size == seen => "encoded",
                Some(coding) => {
                    let work = Work { original: seen, size, ns: 0 };
                    let mut counted = self.counted.borrow_mut();
                    let alike = self
                        .told
                        .unwrap_or_else(|| counted.alike(service, route, coding.as_str(), How::Observe));
                    counted.compressed(&alike, &work);
                    return Ok(());
                }
            }
        } else {
            "aborted"
        };
        self.counted.borrow_mut().outcome(service, route, outcome);
        Ok(())
    }

    /// The coding of a response whose body was `seen` and went out with this `size`.
    fn coding(&self, seen: u64, size: u64) -> Result<Option<ContentCoding>, HostError> {
        if let Some(coding) = self.config.coding
            && size != seen
        {
            return Ok(Some(coding.into()));
        }
        let coding = HeaderMap::Response.first("content-encoding")?;
        Ok(coding.as_deref().and_then(ContentCoding::parse))
    }
}

impl Plugin for Observer {
    type Stream = Observed;

    fn configure(configuration: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::parse(configuration)?;
        let mut counted = Counted::new(config.max_label_sets as usize);
        let told = match (config.by_route, &config.service, config.coding) {
            (false, Some(service), Some(coding)) => {
                let coding = ContentCoding::from(coding);
                Some(counted.alike(service, ALL_ROUTES, coding.as_str(), How::Observe))
            }
            _ => None,
        };
        Ok(Observer {
            config,
            told,
            routes: Routes::new(NAMESPACE),
            counted: RefCell::new(counted),
            ticked_ms: Cell::new(0),
        })
    }

    fn new_stream(plugin: &Rc<Self>, _: ContextId) -> Observed {
        Observed::new(plugin.clone())
    }

    fn on_tick(&self) {
        self.ticked_ms.set(self.ticked_ms.get() + u64::from(Self::TICK_PERIOD_MS));
        self.counted.borrow_mut().export(self.routes.take_mistakes());
    }
}

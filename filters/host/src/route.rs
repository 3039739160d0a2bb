//! The route of the current stream, and what its metadata say to a filter.

use crate::config::{self, ConfigError};
use crate::{HostError, Property, error, structs};
use prost::Message;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// A route as a filter sees it.
#[derive(Debug)]
pub struct Route<T> {
    /// Envoy's name of the route; empty if it has none.
    pub name: String,
    /// Name of the cluster it leads to; empty for a direct response.
    pub cluster: String,
    /// The filter's settings, from `metadata.filter_metadata["slipstream.FILTER"]`. None if they are wrong, which
    /// is logged and counted: the filter then leaves the route's requests alone.
    pub settings: Option<T>,
    read_at_ms: u64,
}

/// How long what is known of a route is remembered. Routes may change while Envoy runs.
pub const ROUTE_MAX_AGE: Duration = Duration::from_secs(1);

/// Envoy's name of the current stream's route, as it is now; empty if it has none.
pub fn route_name() -> Result<Vec<u8>, HostError> {
    Ok(Property::ROUTE_NAME.bytes()?.unwrap_or_default())
}

impl<T> Route<T> {
    /// Whether what is remembered of the route may still be used; `now_ms` is the time of the clock that
    /// [`Routes`] was given.
    pub fn is_current(&self, now_ms: u64) -> bool {
        Duration::from_millis(now_ms.saturating_sub(self.read_at_ms)) < ROUTE_MAX_AGE
    }
}

/// Reads routes' settings, and remembers them while they are [current](Route::is_current).
///
/// The chosen virtual host depends on the authority alone, and route names are taken to be unique in it, so
/// settings are remembered by both. A route without a name is read each time.
pub struct Routes<T> {
    filter: &'static str,
    read_settings: Box<ReadSettings<T>>,
    known: RefCell<HashMap<Vec<u8>, ByAuthority<T>>>,
    size: Cell<usize>,
    mistakes: Cell<u64>,
}

/// Makes of a route's settings, as JSON, what a filter works with.
type ReadSettings<T> = dyn Fn(&[u8]) -> Result<T, ConfigError>;
type ByAuthority<T> = HashMap<Vec<u8>, Rc<Route<T>>>;

impl<T: DeserializeOwned + 'static> Routes<T> {
    /// For the settings under `filter`, `slipstream.response-cache` say.
    pub fn new(filter: &'static str) -> Routes<T> {
        Routes::read_by(filter, config::load)
    }
}

impl<T: 'static> Routes<T> {
    /// How many routes × authorities are remembered; past that all are forgotten.
    pub const CAPACITY: usize = 4_096;

    /// [`Routes::new`], with settings that are made of more than their JSON.
    pub fn read_by(
        filter: &'static str,
        read_settings: impl Fn(&[u8]) -> Result<T, ConfigError> + 'static,
    ) -> Routes<T> {
        let read_settings = Box::new(read_settings);
        Routes {
            filter,
            read_settings,
            known: RefCell::default(),
            size: Cell::new(0),
            mistakes: Cell::new(0),
        }
    }

    /// The current stream's route; `now_ms` is any clock's time in milliseconds.
    pub fn current(&self, authority: &[u8], now_ms: u64) -> Result<Rc<Route<T>>, HostError> {
        self.named(route_name()?, authority, now_ms)
    }

    /// [`Routes::current`] when the route's name has been read already.
    pub fn named(&self, name: Vec<u8>, authority: &[u8], now_ms: u64) -> Result<Rc<Route<T>>, HostError> {
        if let Some(route) = self.known.borrow().get(&name).and_then(|hosts| hosts.get(authority))
            && route.is_current(now_ms)
        {
            return Ok(route.clone());
        }
        let route = Rc::new(self.read(&name, now_ms)?);
        if !name.is_empty() {
            self.remember(name, authority, route.clone());
        }
        Ok(route)
    }

    /// Mistakes found in routes' metadata since the last call.
    pub fn take_mistakes(&self) -> u64 {
        self.mistakes.take()
    }

    fn read(&self, name: &[u8], read_at_ms: u64) -> Result<Route<T>, HostError> {
        let metadata = Property::ROUTE_METADATA.bytes()?.unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let cluster = Property::CLUSTER_NAME.bytes()?.unwrap_or_default();
        let settings = parse(&metadata, self.filter, &*self.read_settings).map_err(|mistake| {
            self.mistakes.set(self.mistakes.get() + 1);
            error(&format!(
                "route `{name}`: {} metadata: {mistake}; the filter leaves this route alone",
                self.filter
            ));
        });
        let cluster = String::from_utf8_lossy(&cluster).into_owned();
        Ok(Route { name, cluster, settings: settings.ok(), read_at_ms })
    }

    fn remember(&self, name: Vec<u8>, authority: &[u8], route: Rc<Route<T>>) {
        let mut routes = self.known.borrow_mut();
        if self.size.get() >= Self::CAPACITY {
            routes.clear();
            self.size.set(0);
        }
        if routes.entry(name).or_default().insert(authority.to_vec(), route).is_none() {
            self.size.set(self.size.get() + 1);
        }
    }
}

/// `envoy.config.core.v3.Metadata`, as far as filters use it.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(map = "string, message", tag = "1")]
    filter_metadata: HashMap<String, prost_types::Struct>,
}

/// Reads a filter's settings out of serialized route metadata. A filter that is not named has all defaults.
fn parse<T: 'static>(metadata: &[u8], filter: &str, read: &ReadSettings<T>) -> Result<T, ConfigError> {
    let mut metadata = Metadata::decode(metadata).map_err(|e| ConfigError::new(".", e.to_string()))?;
    let settings = metadata.filter_metadata.remove(filter).unwrap_or_default();
    read(structs::to_json(settings).to_string().as_bytes())
}

/// Serialized metadata that say `settings`, a JSON object, to `filter`.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn encode(filter: &str, settings: &serde_json::Value) -> Vec<u8> {
    Metadata { filter_metadata: HashMap::from([(filter.to_owned(), structs::from_json(settings))]) }
        .encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Moment;
    use crate::double::{Host, advance_ms, set_property, set_route, with};
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        ttl_seconds: Option<u64>,
        tags: Vec<String>,
    }

    #[test]
    fn settings_are_typed_and_a_mistake_names_its_path() {
        let cases = [
            (json!({}), Ok(Settings::default())),
            (json!({"ttl_seconds": 300}), Ok(Settings { ttl_seconds: Some(300), tags: vec![] })),
            (
                json!({"tags": ["a", "b"]}),
                Ok(Settings { ttl_seconds: None, tags: vec!["a".into(), "b".into()] }),
            ),
            (json!({"ttl_seconds": -1}), Err("ttl_seconds")),
            (json!({"ttl_seconds": 1.5}), Err("ttl_seconds")),
            (json!({"ttl": 1}), Err("ttl")),
            (json!({"tags": [1]}), Err("tags[0]")),
        ];
        for (settings, expected) in cases {
            let parsed = parse::<Settings>(&encode("slipstream.x", &settings), "slipstream.x", &config::load);
            assert_eq!(parsed.map_err(|error| error.path), expected.map_err(str::to_owned), "{settings}");
        }
    }

    #[test]
    fn another_filters_settings_are_not_looked_at() {
        let metadata = encode("slipstream.y", &json!({"nonsense": true}));
        assert_eq!(parse::<Settings>(&metadata, "slipstream.x", &config::load), Ok(Settings::default()));
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(parse::<Settings>(&[0xff; 9], "slipstream.x", &config::load).is_err());
    }

    #[test]
    fn settings_are_read_again_after_their_age() -> Result<(), HostError> {
        with(|host| *host = Host::default());
        let routes = Routes::<Settings>::new("slipstream.x");
        let ttl = || {
            Ok(routes
                .current(b"h", Moment::now().ms())?
                .settings
                .as_ref()
                .and_then(|settings| settings.ttl_seconds))
        };
        set_property(Property::ROUTE_NAME, b"items");
        set_route("slipstream.x", &json!({"ttl_seconds": 1}));
        assert_eq!(ttl()?, Some(1));
        set_route("slipstream.x", &json!({"ttl_seconds": 2}));
        assert_eq!(ttl()?, Some(1));
        advance_ms(1_000);
        assert_eq!(ttl()?, Some(2));
        set_route("slipstream.x", &json!({"ttl_seconds": "2"}));
        advance_ms(1_000);
        assert_eq!(routes.current(b"h", Moment::now().ms())?.settings, None);
        assert_eq!(routes.take_mistakes(), 1);
        with(|host| {
            assert!(
                host.log
                    .concat()
                    .contains("route `items`: slipstream.x metadata: configuration field `ttl_seconds`")
            )
        });
        Ok(())
    }

    #[test]
    fn what_is_remembered_is_bounded() -> Result<(), HostError> {
        with(|host| *host = Host::default());
        let routes = Routes::<Settings>::new("slipstream.x");
        set_property(Property::ROUTE_NAME, b"items");
        for authority in 0..2 * Routes::<Settings>::CAPACITY {
            routes.current(authority.to_string().as_bytes(), 0)?;
            assert!(routes.size.get() <= Routes::<Settings>::CAPACITY);
        }
        Ok(())
    }
}

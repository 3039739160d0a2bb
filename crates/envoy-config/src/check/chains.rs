//! Where the filters stand: the chains of HTTP connection managers, and those between routers and services.

use crate::document::{Node, Value};
use crate::filters::Filter;

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const HTTP_CONNECTION_MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";
const UPSTREAM_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// A filter of Slipstream's in its place.
pub(super) struct Placed<'a> {
    pub(super) filter: &'static Filter,
    /// The entry of the chain.
    pub(super) entry: &'a Node,
    pub(super) path: String,
    /// The plugin's configuration, `typed_config.config`; none where the filter comes by discovery.
    pub(super) plugin: Option<&'a Node>,
}

/// A list of HTTP filters.
pub(super) struct Chain<'a> {
    pub(super) path: String,
    pub(super) list: &'a Node,
    pub(super) is_upstream: bool,
    /// The listener's and the connection manager's nodes, where it belongs to one.
    pub(super) listener: Option<(&'a Node, String)>,
    pub(super) manager: Option<(&'a Node, String)>,
    pub(super) placed: Vec<Placed<'a>>,
}

#[derive(Default)]
pub(super) struct Chains<'a> {
    chains: Vec<Chain<'a>>,
    /// Filters in no chain: the resources of a file for discovery.
    loose: Vec<Placed<'a>>,
}

impl<'a> Chains<'a> {
    pub(super) fn find(root: &'a Node) -> Chains<'a> {
        let mut chains = Chains::default();
        chains.walk(root, "", None);
        chains
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Chain<'a>> {
        self.chains.iter()
    }

    pub(super) fn plugins(&self) -> impl Iterator<Item = &Placed<'a>> {
        self.chains.iter().flat_map(|chain| &chain.placed)
    }

    pub(super) fn loose(&self) -> &[Placed<'a>] {
        &self.loose
    }

    pub(super) fn have_filters(&self) -> bool {
        self.plugins().next().is_some()
    }

    fn walk(&mut self, node: &'a Node, path: &str, listener: Option<(&'a Node, &str)>) {
        let listener = if node.get("filter_chains").is_some() { Some((node, path)) } else { listener };
        if node.is_type(HTTP_CONNECTION_MANAGER) {
            self.add(node, path, "http_filters", false, listener, true);
        } else if node.is_type(ROUTER) {
            self.add(node, path, "upstream_http_filters", true, listener, false);
        } else if node.is_type(UPSTREAM_OPTIONS) {
            self.add(node, path, "http_filters", true, None, false);
        } else if node.is_type("envoy.config.core.v3.TypedExtensionConfig") {
            self.loose.extend(placed(node, path.to_owned()));
        }
        match &node.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.walk(value, &place, listener);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(item, &format!("{path}[{index}]"), listener);
                }
            }
            _ => {}
        }
    }

    fn add(
        &mut self,
        owner: &'a Node,
        path: &str,
        key: &str,
        is_upstream: bool,
        listener: Option<(&'a Node, &str)>,
        is_manager: bool,
    ) {
        let Some(list) = owner.get(key) else { return };
        let path_of_list = format!("{path}.{key}");
        let entries = list.items().iter().enumerate();
        let placed = entries.filter_map(|(index, entry)| placed(entry, format!("{path_of_list}[{index}]")));
        self.chains.push(Chain {
            placed: placed.collect(),
            path: path_of_list,
            list,
            is_upstream,
            listener: listener.map(|(node, path)| (node, path.to_owned())),
            manager: is_manager.then(|| (owner, path.to_owned())),
        });
    }
}

/// The filter of Slipstream's that an entry of a chain is, if it is one.
fn placed(entry: &Node, path: String) -> Option<Placed<'_>> {
    let typed = entry.get("typed_config");
    if entry.get("config_discovery").is_some() {
        let filter = entry.text_at(&["name"]).and_then(Filter::named)?;
        return Some(Placed { filter, entry, path, plugin: None });
    }
    let plugin = typed.filter(|typed| typed.is_type(WASM))?.get("config")?;
    let file = plugin.text_at(&["vm_config", "code", "local", "filename"]);
    let stem = file.and_then(|file| file.rsplit('/').next()?.strip_suffix(".wasm"));
    let names = [stem, plugin.text_at(&["root_id"]), plugin.text_at(&["name"]), entry.text_at(&["name"])];
    let filter = names.into_iter().flatten().find_map(Filter::named)?;
    Some(Placed { filter, entry, path, plugin: Some(plugin) })
}

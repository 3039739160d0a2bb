//! Whether the filters stand in the order that they are made for.

use super::chains::{Chain, Chains};
use super::finding::Findings;

pub(super) fn check(chains: &Chains<'_>, findings: &mut Findings) {
    for chain in chains.iter() {
        check_order(chain, findings);
        check_last(chain, findings);
        check_level(chain, findings);
    }
}

fn check_order(chain: &Chain<'_>, findings: &mut Findings) {
    for (index, later) in chain.placed.iter().enumerate() {
        let before = chain.placed.iter().take(index);
        for earlier in before {
            let (first, second) = (earlier.filter.name, later.filter.name);
            if first == second {
                findings.error(
                    "filter-twice",
                    later.entry,
                    &later.path,
                    format!("{second} stands here a second time"),
                    "remove one of the two",
                );
            } else if earlier.filter.rank() > later.filter.rank() {
                findings.error(
                    "filter-order",
                    later.entry,
                    &later.path,
                    format!("{second} stands behind {first}"),
                    format!("move {second} before {first}"),
                );
            }
        }
    }
}

fn check_last(chain: &Chain<'_>, findings: &mut Findings) {
    let (name, message) = if chain.is_upstream {
        ("envoy.filters.http.upstream_codec", "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    } else {
        ("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")
    };
    let items = chain.list.items();
    let is_last = |entry: &crate::document::Node| {
        entry.get("typed_config").is_some_and(|typed| typed.is_type(message))
            || entry.text_at(&["name"]) == Some(name)
    };
    match items.last() {
        Some(last) if !is_last(last) && !chain.placed.is_empty() => {
            let path = format!("{}[{}]", chain.path, items.len() - 1);
            findings.error(
                "chain-end",
                last,
                &path,
                format!("the chain does not end with {name}"),
                format!("put {name} last"),
            );
        }
        _ => {}
    }
}

fn check_level(chain: &Chain<'_>, findings: &mut Findings) {
    for placed in &chain.placed {
        let name = placed.filter.name;
        if placed.filter.is_upstream && !chain.is_upstream {
            findings.warning(
                "filter-place",
                placed.entry,
                &placed.path,
                format!("{name} stands before the router, where every hit of the cache goes through it too"),
                format!("put {name} into the router's upstream_http_filters"),
            );
        } else if !placed.filter.is_upstream && chain.is_upstream {
            findings.error(
                "filter-place",
                placed.entry,
                &placed.path,
                format!("{name} stands behind the router, where it sees no request before it is sent"),
                format!("put {name} into http_filters, before the router"),
            );
        }
    }
}

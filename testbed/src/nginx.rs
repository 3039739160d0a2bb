//! A throwaway nginx.

use std::fs;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{Launch, Request, Tool, http, ports, temp_dir};

/// How to run nginx.
#[derive(Debug, Clone, Default)]
pub struct NginxOptions {
    /// Directives of the `http` block, beside its one server.
    pub http: String,
    /// Directives of the server, beside `listen`. Relative paths start at nginx's own folder.
    pub server: String,
    /// Files by name and content; they are put into the folder `www`.
    pub files: Vec<(String, Vec<u8>)>,
    /// Processors to pin it to, in the notation of `taskset -c`.
    pub cpus: Option<String>,
}

/// A running nginx of a single process, which is so its only worker.
#[derive(Debug)]
pub struct Nginx {
    process: crate::Process,
    port: u16,
    _dir: TempDir,
}

impl Nginx {
    /// Starts it on a free loopback port and waits until it answers.
    pub fn start(options: &NginxOptions) -> Result<Nginx> {
        let dir = temp_dir("nginx")?;
        let port = ports::free();
        let www = dir.path().join("www");
        fs::create_dir(&www).context("cannot make nginx's folder of files")?;
        for (name, content) in &options.files {
            fs::write(www.join(name), content).with_context(|| format!("cannot write {name}"))?;
        }
        fs::write(dir.path().join("nginx.conf"), configuration(options, port))
            .context("cannot write nginx's configuration")?;
        let process = Launch::new("nginx", Tool::Nginx.path()?, dir.path())
            .args(["-p", &dir.path().display().to_string(), "-c", "nginx.conf", "-e", "stderr"])
            .cpus(options.cpus.clone())
            .start(|| http::is_ok(&format!("http://127.0.0.1:{port}{STATUS}")))?;
        Ok(Nginx { process, port, _dir: dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// How many requests it has taken so far, this question among them.
    pub fn requests(&self) -> Result<u64> {
        let answer = http::Client::new().send(Request::get(self.url(STATUS)))?.text();
        // The third line: connections accepted, connections handled, requests.
        let count = answer.lines().nth(2).and_then(|line| line.split_whitespace().nth(2)?.parse().ok());
        count.with_context(|| format!("nginx's status has no number of requests: {answer:?}"))
    }
}

/// Where nginx tells how it is.
const STATUS: &str = "/.nginx-status";

fn configuration(options: &NginxOptions, port: u16) -> String {
    let NginxOptions { http, server, .. } = options;
    // A single process cannot leave a worker behind when it is killed.
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path temp-client-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        location = {STATUS} {{ stub_status; }}
        {server}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    #[test]
    fn serves_its_files_and_counts_requests() {
        let options = NginxOptions {
            http: "types {} default_type application/json;".to_owned(),
            server: "location / { root www; }".to_owned(),
            files: vec![("a.json".to_owned(), b"{}".to_vec())],
            cpus: Some("0".to_owned()),
        };
        let nginx = Nginx::start(&options).unwrap();
        let before = nginx.requests().unwrap();
        let answer = Client::new().get(nginx.url("/a.json"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
        assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
        assert_eq!(nginx.requests().unwrap(), before + 2);
    }

    #[test]
    fn a_wrong_configuration_is_an_error_in_nginxs_words() {
        let options = NginxOptions { server: "no_such_thing on;".to_owned(), ..NginxOptions::default() };
        let error = Nginx::start(&options).unwrap_err().to_string();
        assert!(error.contains("no_such_thing"), "{error}");
    }
}

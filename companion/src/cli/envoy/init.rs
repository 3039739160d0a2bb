//! `slipstream envoy init`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use envoy_config::FILTERS;
use envoy_config::init::{Address, Answers, CachedPath};

use super::questions::{ask, can_ask};

#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    /// The service's name: its cluster, and the label `service` of the metrics.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Where the service is.
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Option<Address>,
    /// Where Envoy is to listen [default: 127.0.0.1:10000].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<Address>,
    /// Where the companion is [default: 127.0.0.1:8900].
    #[arg(long, value_name = "HOST:PORT")]
    companion: Option<Address>,
    /// Where Envoy's admin interface is to listen.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9901")]
    admin: Address,
    /// The filters to load [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    filters: Vec<String>,
    /// The folder with the filters' .wasm files, as Envoy finds it.
    #[arg(long, value_name = "FOLDER", default_value = "filters")]
    filter_folder: String,
    /// A path whose responses are cached for so many seconds although the service sends no Cache-Control; what writes there
    /// invalidates them. May be given more than once. Without it, only what says so itself is cached.
    #[arg(long, value_name = "PATH=SECONDS")]
    cache: Vec<CachedPath>,
    /// Where to write it; `-` is the standard output.
    #[arg(long, short, value_name = "FILE", default_value = "envoy.yaml")]
    output: PathBuf,
    /// Overwrite the file if it is there.
    #[arg(long)]
    force: bool,
    /// Ask nothing, even in a terminal.
    #[arg(long, short)]
    yes: bool,
}

impl Init {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (output, force) = (self.output.clone(), self.force);
        let is_stdout = output.as_os_str() == "-";
        if !is_stdout && !force && output.exists() {
            bail!(
                "{} is there already: name another file by --output, or overwrite it by --force",
                output.display()
            );
        }
        let text = self.answers()?.render()?;
        if is_stdout {
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        let mut options = OpenOptions::new();
        options.write(true).truncate(force).create(force).create_new(!force);
        let file = options.open(&output).and_then(|mut file| file.write_all(text.as_bytes()));
        file.with_context(|| format!("cannot write {}", output.display()))?;
        let shown = output.display();
        eprintln!(
            "wrote {shown}\n\n  slipstream envoy check {shown}\n  slipstream serve &\n  envoy -c {shown}"
        );
        Ok(ExitCode::SUCCESS)
    }

    fn answers(self) -> anyhow::Result<Answers> {
        let asks = !self.yes && can_ask();
        let or_ask = |given: Option<Address>, question: &str, default: &str| -> anyhow::Result<Address> {
            let default: Address = default.parse().map_err(anyhow::Error::msg)?;
            match given {
                Some(given) => Ok(given),
                None if asks => ask(question, Some(default)),
                None => Ok(default),
            }
        };
        let service = match self.service {
            Some(service) => service,
            None if asks => ask("What is the service called?", Some("service".to_owned()))?,
            None => bail!("--service is missing: the service's name, such as --service shop"),
        };
        let upstream = match self.upstream {
            Some(upstream) => upstream,
            None if asks => ask("Where is it (HOST:PORT)?", None)?,
            None => bail!("--upstream is missing: where {service} is, such as --upstream 127.0.0.1:8080"),
        };
        let filters = match (self.filters.is_empty(), asks) {
            (false, _) => self.filters,
            (true, false) => all_filters(),
            (true, true) => {
                let all = all_filters().join(",");
                ask::<String>("Which filters?", Some(all))?
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect()
            }
        };
        let caches = filters.iter().any(|name| name.ends_with("response-cache"));
        let companion = if caches || self.companion.is_some() {
            or_ask(self.companion, "Where is the companion?", "127.0.0.1:8900")?
        } else {
            "127.0.0.1:8900".parse().map_err(anyhow::Error::msg)?
        };
        let mut cached = self.cache;
        if asks && caches && cached.is_empty() {
            let question =
                "Paths to cache although the service says nothing, as /api/items=300,/api/stats=60";
            let answer = ask::<String>(question, Some("none".to_owned()))?;
            let paths = answer.split(',').filter(|path| *path != "none");
            cached = paths
                .map(|path| path.trim().parse())
                .collect::<Result<_, _>>()
                .map_err(anyhow::Error::msg)?;
        }
        Ok(Answers {
            listen: or_ask(self.listen, "Where is Envoy to listen?", "127.0.0.1:10000")?,
            service,
            upstream,
            companion,
            admin: self.admin,
            filters,
            filter_folder: self.filter_folder,
            cached,
            file: if self.output.as_os_str() == "-" {
                "envoy.yaml".to_owned()
            } else {
                self.output.display().to_string()
            },
        })
    }
}

fn all_filters() -> Vec<String> {
    FILTERS.iter().map(|filter| filter.name.to_owned()).collect()
}

//! The companion as a Debian package: an `ar` of three members.

use anyhow::{Context, Result};
use testbed::workspace_root;

use super::archive::{self, Entry};
use super::origin::Origin;

const UNIT: &str = include_str!("slipstream.service");

/// Debian's name of the processor that this is built for.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The package's file name.
pub(super) fn name(origin: &Origin) -> String {
    format!("slipstream_{}_{}.deb", origin.version, architecture())
}

/// The package with this binary.
pub(super) fn package(binary: &[u8], origin: &Origin) -> Result<Vec<u8>> {
    let read = |path: &str| {
        std::fs::read(workspace_root().join(path)).with_context(|| format!("cannot read {path}"))
    };
    let data = [
        Entry::program("./usr/bin/slipstream", binary),
        Entry::file("./etc/slipstream/slipstream.toml", read("companion/slipstream.example.toml")?),
        Entry::file("./lib/systemd/system/slipstream.service", UNIT),
        Entry::file("./usr/share/doc/slipstream/copyright", read("LICENSE")?),
        Entry::file("./usr/share/doc/slipstream/changelog.gz", archive::gzip(&read("CHANGELOG.md")?)?),
    ];
    let version = &origin.version;
    let libc = newest_libc(binary);
    let control = format!(
        "Package: slipstream\nVersion: {version}\nArchitecture: {}\nMaintainer: Slipstream <slipstream@localhost>\n\
         Installed-Size: {}\nDepends: libc6 (>= {libc}), libgcc-s1\nSection: net\nPriority: optional\n\
         Description: native companion of Slipstream's filters for Envoy\n \
         Shares the filters' cache between Envoys, keeps the log of invalidations, and has commands for\n \
         migrations, pooling and Envoy's configuration.\n",
        architecture(),
        binary.len().div_ceil(1024),
    );
    let control =
        [Entry::file("./control", control), Entry::file("./conffiles", "/etc/slipstream/slipstream.toml\n")];
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", archive::tar_gz(&control, origin.epoch)?),
        ("data.tar.gz", archive::tar_gz(&data, origin.epoch)?),
    ];
    let mut ar = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        ar.extend(
            format!("{name:<16}{:<12}0     0     100644  {:<10}`\n", origin.epoch, bytes.len()).into_bytes(),
        );
        ar.extend(&bytes);
        if bytes.len() % 2 == 1 {
            ar.push(b'\n');
        }
    }
    Ok(ar)
}

/// The newest version of the C library whose symbols the binary names.
fn newest_libc(binary: &[u8]) -> String {
    let mark = b"GLIBC_2.";
    let places = binary.windows(mark.len()).enumerate().filter(|(_, window)| window == mark);
    let minor = places.filter_map(|(at, _)| {
        let digits = binary.iter().skip(at + mark.len()).take(2).take_while(|byte| byte.is_ascii_digit());
        String::from_utf8(digits.copied().collect()).ok()?.parse::<u32>().ok()
    });
    format!("2.{}", minor.max().unwrap_or(36))
}

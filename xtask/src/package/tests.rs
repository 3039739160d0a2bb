//! What is packaged, tried with the programs that will read it. The companion is another program here, so that a package
//! takes a moment; `cargo xtask package --twice` compares two whole builds.

use std::process::Command;

use serde_json::Value;
use testbed::{Client, Registry, Request, Tool, artifacts, containers, temp_dir};

use super::oci::{DOCKER_MANIFEST, Form, MANIFEST};
use super::*;

fn origin() -> Origin {
    Origin {
        version: "0.1.0".to_owned(),
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        is_dirty: false,
        epoch: 1_700_000_000,
        rustc: "rustc 1.95.0".to_owned(),
    }
}

fn built() -> Built {
    Built { filters: artifacts::filters_dir(), companion: "/bin/sh".into() }
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

#[test]
fn the_same_build_is_packed_to_the_same_bytes_and_checksums_are_right() {
    let folder = temp_dir("package").unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    pack(&built(), &origin(), &first).unwrap();
    pack(&built(), &origin(), &second).unwrap();
    compare(&first, &second).unwrap();
    let checked =
        said(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&first));
    for name in FILTERS {
        assert!(checked.contains(&format!("{name}.wasm: OK")), "{checked}");
    }
    // A difference is named.
    fs::write(second.join("SHA256SUMS"), "").unwrap();
    assert_eq!(compare(&first, &second).unwrap_err().to_string(), "two builds differ in SHA256SUMS");
    // What is no package is not replaced.
    fs::remove_file(second.join("SHA256SUMS")).unwrap();
    assert!(pack(&built(), &origin(), &second).unwrap_err().to_string().contains("is no package"));

    check_archive(&first);
    check_deb(&first);
    check_provenance(&first);
    for name in FILTERS.into_iter().chain(["slipstream"]) {
        check_sbom(&first.join(format!("{name}.cdx.json")), name);
    }
}

fn check_archive(package: &Path) {
    let listed = said(
        Command::new("tar")
            .arg("-tzvf")
            .arg(package.join("slipstream-filters-0.1.0.tar.gz"))
            .env("TZ", "UTC"),
    );
    assert!(listed.contains("slipstream-filters-0.1.0/envoy/front-proxy.yaml"), "{listed}");
    assert!(
        listed.lines().all(|line| line.contains(" 0/0 ") && line.contains("2023-11-14 22:13")),
        "{listed}"
    );
}

fn check_deb(package: &Path) {
    let deb = package.join(deb::name(&origin()));
    let fields = said(Command::new("dpkg-deb").arg("--field").arg(&deb));
    assert!(
        fields.contains("Package: slipstream\nVersion: 0.1.0\n") && fields.contains("libc6 (>= 2."),
        "{fields}"
    );
    let installed = package.with_extension("installed");
    said(Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(&installed));
    assert_eq!(fs::read(installed.join("usr/bin/slipstream")).unwrap(), fs::read("/bin/sh").unwrap());
    let example = fs::read(workspace_root().join("companion/slipstream.example.toml")).unwrap();
    assert_eq!(fs::read(installed.join("etc/slipstream/slipstream.toml")).unwrap(), example);
    let listed = said(Command::new("dpkg-deb").arg("--contents").arg(&deb));
    assert!(listed.lines().all(|line| line.contains(" 0/0 ")), "{listed}");
    assert!(listed.contains("-rwxr-xr-x") && listed.contains("slipstream.service"), "{listed}");
}

fn check_provenance(package: &Path) {
    let statement: Value =
        serde_json::from_slice(&fs::read(package.join("provenance.intoto.json")).unwrap()).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let subjects = statement["subject"].as_array().unwrap();
    let sums = fs::read_to_string(package.join("SHA256SUMS")).unwrap();
    for subject in subjects {
        let line = format!(
            "{}  {}\n",
            subject["digest"]["sha256"].as_str().unwrap(),
            subject["name"].as_str().unwrap()
        );
        assert!(sums.contains(&line), "{line}");
    }
    assert_eq!(subjects.len() + 1, sums.lines().count());
    let definition = &statement["predicate"]["buildDefinition"];
    assert!(
        definition["buildType"].is_string()
            && statement["predicate"]["runDetails"]["builder"]["id"].is_string()
    );
    assert_eq!(definition["resolvedDependencies"][1]["digest"]["gitCommit"], origin().commit.unwrap());
}

fn check_sbom(file: &Path, name: &str) {
    let bom: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!((bom["bomFormat"].as_str(), bom["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    let serial = bom["serialNumber"].as_str().unwrap();
    assert!(serial.len() == 45 && serial.starts_with("urn:uuid:"), "{serial}");
    assert_eq!(bom["metadata"]["component"]["name"], name);
    assert_eq!(bom["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let components = bom["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(names.contains(&"serde_json"), "{names:?}");
    // What only tests need is in no program.
    assert!(!names.contains(&"schemars") && !names.contains(&"testbed"), "{names:?}");
    assert_eq!(names.contains(&"proxy-wasm"), name != "slipstream", "{name}: {names:?}");
    let mut references: std::collections::BTreeSet<&str> =
        components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(references.len(), components.len(), "a reference twice");
    references.insert(bom["metadata"]["component"]["bom-ref"].as_str().unwrap());
    for component in components {
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let is_ours = component.get("hashes").is_none();
        assert_eq!(is_ours, workspace_has(component["name"].as_str().unwrap()), "{component}");
    }
    for dependency in bom["dependencies"].as_array().unwrap() {
        let needs = dependency["dependsOn"].as_array().unwrap().iter();
        assert!(references.contains(dependency["ref"].as_str().unwrap()), "{dependency}");
        assert!(needs.clone().all(|need| references.contains(need.as_str().unwrap())), "{dependency}");
    }
}

fn workspace_has(name: &str) -> bool {
    ["crates", "filters", "."]
        .iter()
        .any(|folder| workspace_root().join(folder).join(name).join("Cargo.toml").is_file())
        || name == "slipstream-host"
}

/// What Istio and Envoy Gateway do with an image that they have pulled: by the manifest's media type, they look for one layer
/// with `plugin.wasm` in it, or for the layer of the module's own type.
fn extract(registry: &Registry, image: &str) -> (String, Vec<u8>) {
    let accept = format!("{MANIFEST}, {DOCKER_MANIFEST}");
    let request =
        Request::get(registry.url(&format!("/v2/{image}/manifests/0.1.0"))).header("accept", accept);
    let answer = Client::new().send(request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let media_type = answer.header("content-type").unwrap();
    let layers = answer.json()["layers"].as_array().unwrap().clone();
    let blob = |layer: &Value| {
        let digest = layer["digest"].as_str().unwrap();
        let blob = Client::new().get(registry.url(&format!("/v2/{image}/blobs/{digest}"))).body;
        assert_eq!(format!("sha256:{}", archive::sha256(&blob)), digest);
        blob
    };
    let of_type = |name: &str| layers.iter().find(|layer| layer["mediaType"] == name);
    if let Some(module) = of_type("application/vnd.module.wasm.content.layer.v1+wasm") {
        assert_eq!((media_type.as_str(), layers.len()), (MANIFEST, 2));
        assert!(of_type("application/vnd.module.wasm.config.v1+json").is_some());
        return (media_type, blob(module));
    }
    assert_eq!(layers.len(), 1);
    let expected = if media_type == DOCKER_MANIFEST {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    } else {
        "application/vnd.oci.image.layer.v1.tar+gzip"
    };
    let tar = blob(of_type(expected).unwrap());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(tar.as_slice()));
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(entry.path().unwrap().to_str(), Some("plugin.wasm"));
    let mut wasm = Vec::new();
    std::io::Read::read_to_end(&mut entry, &mut wasm).unwrap();
    (media_type, wasm)
}

#[test]
fn a_registry_takes_all_three_forms_and_gives_the_filter_back() {
    let folder = temp_dir("package").unwrap();
    let registry = Registry::start().unwrap();
    let name = FILTERS[0];
    let wasm = fs::read(built().filter(name)).unwrap();
    oci::write_layouts(folder.path(), name, &wasm, &origin()).unwrap();
    for form in Form::ALL {
        let image = format!("slipstream/{name}-{}", form.name());
        let layout = form.source(&folder.path().join(form.name()), "0.1.0");
        let target = format!("docker://{}/{image}:0.1.0", registry.authority());
        let mut skopeo = Command::new(Tool::Skopeo.path().unwrap());
        skopeo.args([
            "--insecure-policy",
            "copy",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &layout,
            &target,
        ]);
        said(&mut skopeo);
        let (media_type, pulled) = extract(&registry, &image);
        assert_eq!(media_type, if form == Form::Docker { DOCKER_MANIFEST } else { MANIFEST });
        assert!(pulled == wasm, "{form:?}: another filter came back");
    }
}

#[test]
#[ignore = "installs into a Debian of its own, as root: cargo xtask test compose"]
fn the_debian_package_installs_runs_and_leaves_nothing() {
    if !containers::is_root() || Tool::Debootstrap.path().is_err() {
        eprintln!("the Debian package is NOT INSTALLED: that takes root and debootstrap");
        return;
    }
    let debian = containers::base::archive(|step| eprintln!("{step}")).unwrap();
    let folder = temp_dir("debian").unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    said(Command::new("tar").arg("-xf").arg(debian).arg("-C").arg(&root));
    let inside = |arguments: &[&str]| {
        let mut chroot = Command::new("/usr/sbin/chroot");
        said(
            chroot.arg(&root).args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C"),
        )
    };
    let companion = fs::read(artifacts::companion().unwrap()).unwrap();
    fs::write(root.join("slipstream.deb"), deb::package(&companion, &origin()).unwrap()).unwrap();
    let install = ["dpkg", "--install", "/slipstream.deb"];
    inside(&install);
    assert_eq!(inside(&["dpkg", "--audit"]), "");
    assert_eq!(inside(&["dpkg", "--verify", "slipstream"]), "");
    assert_eq!(inside(&["slipstream", "--version"]).trim(), "slipstream 0.1.0");
    inside(&["slipstream", "config", "check", "--config", "/etc/slipstream/slipstream.toml"]);

    // What an administrator has set survives an update, and goes when the package is purged.
    let settings = root.join("etc/slipstream/slipstream.toml");
    let changed = fs::read_to_string(&settings).unwrap() + "# mine\n";
    fs::write(&settings, &changed).unwrap();
    inside(&install);
    assert_eq!(fs::read_to_string(&settings).unwrap(), changed);
    inside(&["dpkg", "--purge", "slipstream"]);
    for file in [
        "usr/bin/slipstream",
        "etc/slipstream",
        "usr/share/doc/slipstream",
        "lib/systemd/system/slipstream.service",
    ] {
        assert!(!root.join(file).exists(), "{file} is left behind");
    }
}

//! A filter as an OCI image, in each of the three forms that Istio and Envoy Gateway read.
//!
//! - `artifact`: the module as a layer of its own, in the media types for WebAssembly;
//! - `compat`: an OCI image whose one layer is a tar with `plugin.wasm`;
//! - `docker`: the same in Docker's media types, as `FROM scratch` with one `COPY` makes it.
//!
//! The first two are OCI layouts, which `skopeo copy oci:FOLDER:VERSION docker://…` pushes. A layout has no room for Docker's
//! manifests, so the third is a folder for `skopeo copy dir:FOLDER docker://…`.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::archive::{self, Entry};
use super::origin::Origin;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A form that a filter is delivered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Artifact,
    Compat,
    Docker,
}

impl Form {
    pub(super) const ALL: [Form; 3] = [Form::Artifact, Form::Compat, Form::Docker];

    /// What `skopeo copy` is to read of the form in this folder.
    #[cfg(test)]
    pub(super) fn source(self, folder: &Path, version: &str) -> String {
        match self {
            Form::Docker => format!("dir:{}", folder.display()),
            _ => format!("oci:{}:{version}", folder.display()),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Form::Artifact => "artifact",
            Form::Compat => "compat",
            Form::Docker => "docker",
        }
    }
}

/// Writes the three layouts below a folder.
pub(super) fn write_layouts(folder: &Path, name: &str, wasm: &[u8], origin: &Origin) -> Result<()> {
    for form in Form::ALL {
        write_layout(&folder.join(form.name()), form, name, wasm, origin)?;
    }
    Ok(())
}

fn write_layout(folder: &Path, form: Form, name: &str, wasm: &[u8], origin: &Origin) -> Result<()> {
    let blobs = if form == Form::Docker { folder.to_owned() } else { folder.join("blobs/sha256") };
    fs::create_dir_all(&blobs)?;
    let blob = |media_type: &str, bytes: &[u8]| -> Result<Value> {
        let digest = archive::sha256(bytes);
        fs::write(blobs.join(&digest), bytes)?;
        Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()}))
    };
    let annotations = json!({
        "org.opencontainers.image.title": format!("slipstream-{name}"),
        "org.opencontainers.image.version": origin.version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.created": origin.time(),
        "org.opencontainers.image.revision": origin.commit.as_deref().unwrap_or("unknown"),
    });
    let manifest = match form {
        Form::Artifact => {
            let about = json!({"name": name, "root_ids": [name], "version": origin.version, "abi_versions": ["0.2.1"]});
            let about = blob("application/vnd.module.wasm.config.v1+json", about.to_string().as_bytes())?;
            let module = blob("application/vnd.module.wasm.content.layer.v1+wasm", wasm)?;
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": [about, module], "annotations": annotations})
        }
        Form::Compat | Form::Docker => {
            let tar = archive::tar(&[Entry::file("plugin.wasm", wasm)], origin.epoch)?;
            let config = json!({
                "created": origin.time(),
                "architecture": "wasm",
                "os": "wasip1",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", archive::sha256(&tar))]},
                "history": [{"created": origin.time(), "created_by": "COPY plugin.wasm /"}],
            });
            let (manifest_type, config_type, layer_type) = if form == Form::Compat {
                (
                    MANIFEST,
                    "application/vnd.oci.image.config.v1+json",
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                )
            } else {
                (
                    DOCKER_MANIFEST,
                    "application/vnd.docker.container.image.v1+json",
                    "application/vnd.docker.image.rootfs.diff.tar.gzip",
                )
            };
            let config = blob(config_type, config.to_string().as_bytes())?;
            let layer = blob(layer_type, &archive::gzip(&tar)?)?;
            let mut manifest =
                json!({"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer]});
            // Docker's manifests have no annotations.
            if form == Form::Compat
                && let Some(manifest) = manifest.as_object_mut()
            {
                manifest.insert("annotations".to_owned(), annotations);
            }
            manifest
        }
    };
    if form == Form::Docker {
        fs::write(folder.join("manifest.json"), manifest.to_string())?;
        fs::write(folder.join("version"), "Directory Transport Version: 1.1\n")?;
        return Ok(());
    }
    let media_type = manifest["mediaType"].as_str().unwrap_or(MANIFEST).to_owned();
    let mut described = blob(&media_type, manifest.to_string().as_bytes())?;
    described["annotations"] = json!({"org.opencontainers.image.ref.name": origin.version});
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [described]});
    fs::write(folder.join("index.json"), index.to_string())?;
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}

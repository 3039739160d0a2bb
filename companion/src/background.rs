//! What a companion does beside answering.

use std::sync::Arc;

use crate::config::Config;
use crate::http::Service;
use crate::{mesh, pooling};

/// Does all of it, until it is dropped. `local_url` is where this companion listens.
pub(crate) async fn run(service: Arc<Service>, config: Config, local_url: String) {
    let schemas = service.schemas.follow(&config, &service.metrics);
    let ui = async {
        if let Some(ui) = &service.ui {
            ui.watch(&config.ui, &local_url).await;
        }
    };
    let pgbouncer = async {
        if let Some(meters) = &service.pgbouncer {
            pooling::poll(&config.pooling, meters).await;
        }
    };
    let proof = async {
        if let Some(proof) = &service.pooling_proof {
            proof.find(&config).await;
        }
    };
    let capture = async {
        if let Some(capture) = &service.capture {
            capture.run(&service).await;
        }
    };
    let semantic = async {
        if let Some(semantic) = &service.semantic {
            semantic.follow().await;
        }
    };
    let rag = async {
        if let Some(rag) = &service.rag {
            rag.follow().await;
        }
    };
    let own = async { tokio::join!(service.store.follow(), mesh::announce(&service)) };
    tokio::join!(own, schemas, ui, pgbouncer, proof, capture, semantic, rag);
}

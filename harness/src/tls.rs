//! TLS to nodes: the side of a client, on rustls. The load's own client has the same stack in reqwest.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::access::{AccessError, certificates};
use crate::scenario::plan::Http;

/// Secures connections to one server.
#[derive(Clone)]
pub(crate) struct Tls {
    one: TlsConnector,
    two: TlsConnector,
    server: ServerName<'static>,
}

/// Why a server can't be spoken to by TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates can't be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// It has no name.
    #[error("no certificate can be for this host: {0}")]
    Host(#[from] InvalidDnsNameError),
    /// The library refuses.
    #[error("TLS could not be set up: {0}")]
    Setup(#[from] rustls::Error),
}

impl Tls {
    /// To the server called `host`, whose certificate must come from an authority in the file `ca`, or,
    /// without one, from an authority that this system trusts.
    pub(crate) fn new(host: &str, ca: Option<&Path>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = match ca {
            Some(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
            None => builder.with_platform_verifier()?.with_no_client_auth(),
        };
        let mut connector = |protocol: &[u8]| {
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config.clone()))
        };
        let (one, two) = (connector(b"http/1.1"), connector(b"h2"));
        // An address in brackets is one without them here.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { one, two, server: ServerName::try_from(host)? })
    }

    /// Secures a connection over which this version of HTTP is spoken.
    pub(crate) async fn secure(&self, stream: TcpStream, http: Http) -> io::Result<TlsStream<TcpStream>> {
        let connector = match http {
            Http::One => &self.one,
            Http::Two => &self.two,
        };
        connector.connect(self.server.clone(), stream).await
    }
}

fn roots(path: &Path) -> Result<RootCertStore, AccessError> {
    let unfit = |why: String| AccessError::Certificates { path: path.to_owned(), why };
    let pem = certificates(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unfit(error.to_string()))?;
        roots.add(certificate).map_err(|error| unfit(error.to_string()))?;
    }
    if roots.is_empty() { Err(unfit("there are none in it".into())) } else { Ok(roots) }
}

//! HTTP/2 and TLS, on real sockets: a TLS server of our own authority before a simulated node.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::support::Result;
use crate::support::scene::{Scene, rows};

/// `squall sim`, killed when dropped.
struct Sim {
    child: Child,
    address: SocketAddr,
}

impl Sim {
    fn start() -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(["sim", "--model=m", "--ttft=2ms", "--itl=1ms"]).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("listening on http://").ok_or("another first line")?.parse()?;
        Ok(Self { child, address })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TLS server before a node: what comes is passed on as it is.
struct Secured {
    _sim: Sim,
    _runtime: Runtime,
    folder: tempfile::TempDir,
    port: u16,
    /// The protocol that each connection agreed on.
    agreed: Arc<Mutex<Vec<String>>>,
}

impl Secured {
    fn start() -> Result<Self> {
        let (sim, folder) = (Sim::start()?, tempfile::tempdir()?);
        let config = certified(&folder.path().join("ca.pem"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let (port, agreed) = (listener.local_addr()?.port(), Arc::new(Mutex::new(Vec::new())));
        let (acceptor, node, heard) = (TlsAcceptor::from(Arc::new(config)), sim.address, Arc::clone(&agreed));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
                tokio::spawn(async move {
                    let mut client = acceptor.accept(stream).await?;
                    let protocol = client.get_ref().1.alpn_protocol().unwrap_or(b"none");
                    let protocol = String::from_utf8_lossy(protocol).into_owned();
                    heard.lock().map(|mut heard| heard.push(protocol)).unwrap_or_default();
                    let mut node = TcpStream::connect(node).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut node).await
                });
            }
        });
        Ok(Self { _sim: sim, _runtime: runtime, folder, port, agreed })
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The protocols that connections have agreed on, each once.
    fn protocols(&self) -> Vec<String> {
        let mut heard = self.agreed.lock().map(|heard| heard.clone()).unwrap_or_default();
        heard.sort_unstable();
        heard.dedup();
        heard
    }
}

/// A certificate for 127.0.0.1 of an authority of our own, whose certificate is left in `ca`.
fn certified(ca: &Path) -> Result<ServerConfig> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(ca, authority.pem())?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// A load of 20 requests.
fn scenario(target: &str) -> String {
    format!(
        "schema = 1\nname = \"tls\"\nseed = 7\n[target]\nmodel = \"m\"\n{target}\n\
         [traffic]\narrivals = {{ constant = \"50/s\" }}\nprompts = {{ input = 20, output = 5 }}\n\
         [[phase]]\nname = \"only\"\nduration = \"400ms\"\n"
    )
}

/// The rows of a run's requests, or what it said.
fn requests(scenario: &str) -> Result<Vec<Value>> {
    let scene = Scene::new(scenario)?;
    let output = scene.run()?;
    let rows = rows(&scene.out().join("requests.jsonl"));
    let rows = rows.map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    assert_eq!(rows.len(), 20);
    Ok(rows)
}

#[test]
fn https_is_spoken_in_the_version_that_both_prefer_or_that_was_asked_for() -> Result {
    for (http, expected) in [("", "h2"), ("http = \"1.1\"", "http/1.1"), ("http = \"2\"", "h2")] {
        let server = Secured::start()?;
        let url = format!("url = \"https://127.0.0.1:{}/v1\"\nca = {:?}\n{http}", server.port, server.ca());
        for row in requests(&scenario(&url))? {
            assert_eq!((&row["outcome"], &row["events"]), (&json!("ok"), &json!(5)), "{row}");
        }
        assert_eq!(server.protocols(), [expected]);
    }
    Ok(())
}

#[test]
fn a_quick_load_speaks_both() -> Result {
    let server = Secured::start()?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["load", "-m", "m", "-n", "20", "-c", "4", "--output-tokens", "5", "--http2", "--cacert"]);
    command.arg(server.ca()).arg("--out").arg(folder.path().join("out"));
    let output = command.arg(format!("https://127.0.0.1:{}", server.port)).output()?;
    let rows = rows(&folder.path().join("out/requests.jsonl"))
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    assert!(rows.len() == 20 && rows.iter().all(|row| row["outcome"] == "ok"), "{rows:?}");
    assert_eq!(server.protocols(), ["h2"]);
    Ok(())
}

#[test]
fn a_certificate_of_nobody_known_is_refused() -> Result {
    let (server, other) = (Secured::start()?, Secured::start()?);
    let url = format!("url = \"https://127.0.0.1:{}/v1\"\nca = {:?}", server.port, other.ca());
    for row in requests(&scenario(&url))? {
        assert_eq!(row["outcome"], "connect_failed", "{row}");
        assert!(row["error"].as_str().is_some_and(|error| error.contains("certificate")), "{row}");
    }
    assert_eq!(server.protocols(), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_node_behind_tls_has_its_proxy_and_its_faults() -> Result {
    let server = Secured::start()?;
    let node = format!(
        "node = \"a\"\n[[node]]\nname = \"a\"\nurl = \"https://127.0.0.1:{}\"\nca = {:?}",
        server.port,
        server.ca()
    );
    for row in requests(&scenario(&node))? {
        assert_eq!((&row["outcome"], &row["genuine_marker"]), (&json!("ok"), &json!(true)), "{row}");
    }
    assert_eq!(server.protocols(), ["http/1.1"]);
    let second = Secured::start()?;
    let by_2 = format!(
        "node = \"a\"\n[[node]]\nname = \"a\"\nhttp = \"2\"\nurl = \"https://127.0.0.1:{}\"\nca = {:?}",
        second.port,
        second.ca()
    );
    for row in requests(&scenario(&by_2))? {
        assert_eq!((&row["outcome"], &row["genuine_marker"]), (&json!("ok"), &json!(true)), "{row}");
    }
    assert_eq!(second.protocols(), ["h2"]);
    let fault = "fault = [{ plugin = \"cut\", nodes = [\"a\"], with = { after = 3, how = \"reset\" } }]\n";
    // Not the last ones: the fault goes with its phase.
    for row in
        requests(&format!("{}{fault}", scenario(&node)))?.iter().filter(|row| row["id"].as_u64() < Some(10))
    {
        assert_eq!((&row["outcome"], &row["cohort"]), (&json!("reset"), &json!("faulted")), "{row}");
    }
    Ok(())
}

#[test]
fn a_node_whose_certificate_is_of_nobody_known_does_not_start_a_run() -> Result {
    let (server, other) = (Secured::start()?, Secured::start()?);
    let node = format!(
        "node = \"a\"\n[[node]]\nname = \"a\"\nurl = \"https://127.0.0.1:{}\"\nca = {:?}",
        server.port,
        other.ca()
    );
    let scene = Scene::new(&scenario(&node))?;
    let output = scene.run()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("certificate") && said.contains("`a`"), "{said}");
    Ok(())
}

#[test]
fn http_2_is_spoken_without_tls_by_prior_knowledge() -> Result {
    let sim = Sim::start()?;
    let url = format!("url = \"http://{}/v1\"\nhttp = \"2\"", sim.address);
    for row in requests(&scenario(&url))? {
        assert_eq!((&row["outcome"], &row["events"]), (&json!("ok"), &json!(5)), "{row}");
    }
    // A server that speaks HTTP/1.1 alone shows that it is HTTP/2 that was sent.
    let old = crate::support::Node::streaming(&["{}"])?;
    let url = format!("url = \"http://{}/v1\"\nhttp = \"2\"", old.address);
    let rows = requests(&scenario(&url))?;
    assert!(rows.iter().all(|row| row["outcome"] != "ok"), "{rows:?}");
    Ok(())
}

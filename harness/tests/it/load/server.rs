//! A server that reads one request a connection, and what it may answer.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Result;

/// What one request sent.
pub(super) struct Sent {
    pub(super) head: String,
    pub(super) body: serde_json::Value,
}

impl Sent {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(super) fn prompt(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap_or_default()
    }
}

/// Reads one request.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<Sent>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let sent = Sent { head, body: serde_json::Value::Null };
            let length = sent.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            while bytes.len() < end + 4 + length {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Ok(None);
                }
            }
            let body = serde_json::from_slice(&bytes[end + 4..])?;
            return Ok(Some(Sent { body, ..sent }));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// A server that reads one request a connection and hands both to `answer`.
pub(super) async fn serve<F, G>(answer: F) -> Result<SocketAddr>
where
    F: Fn(TcpStream, Sent) -> G + Clone + Send + Sync + 'static,
    G: Future<Output = io::Result<()>> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                if let Some(sent) = read(&mut stream).await? {
                    answer(stream, sent).await?;
                }
                io::Result::Ok(())
            });
        }
    });
    Ok(address)
}

/// A server that answers every request with the same bytes, and then ends the connection.
pub(super) async fn say(bytes: String) -> Result<SocketAddr> {
    serve(move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            stream.write_all(bytes.as_bytes()).await?;
            stream.shutdown().await
        }
    })
    .await
}

pub(super) const SSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
pub(super) const DONE: &str = "data: [DONE]\n\n";
pub(super) const LAST_CHUNK: &str = "0\r\n\r\n";

pub(super) fn content(text: &str) -> String {
    let json = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {json}\n\n")
}

pub(super) fn finish() -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n".into()
}

pub(super) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A stream of these events, in one chunk, ended as HTTP says.
pub(super) fn stream_of(events: &[String]) -> String {
    format!("{SSE}{}{LAST_CHUNK}", chunk(&events.concat()))
}

/// The events of a whole answer.
pub(super) fn whole(words: &[&str]) -> Vec<String> {
    let role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n".to_owned();
    let words = words.iter().map(|word| content(word));
    [role].into_iter().chain(words).chain([finish(), DONE.to_owned()]).collect()
}

pub(super) fn body_of(status: &str, json: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    )
}

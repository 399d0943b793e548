//! The simulated node, as a process of its own, over real sockets.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use squall::answer::Answer;
use squall::sse::Parser;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");
/// No test waits for longer, however loaded the machine is.
const PATIENCE: Duration = Duration::from_mins(1);

/// A simulated node; killed when dropped.
struct Sim {
    child: Child,
    origin: String,
    http: reqwest::Client,
}

impl Sim {
    /// With no waiting times unless `flags` say otherwise.
    fn start(flags: &[&str]) -> Result<Self> {
        let mut child = Command::new(SQUALL).arg("sim").args(flags).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let origin = line
            .strip_prefix("listening on ")
            .and_then(|origin| origin.strip_suffix('\n'))
            .map(str::to_owned);
        let origin = origin.ok_or_else(|| format!("it said {line:?}"))?;
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { child, origin, http })
    }

    fn instant() -> Result<Self> {
        Self::start(&["--ttft=0s", "--itl=0s", "--prefill=1000000000"])
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response> {
        Ok(self.http.get(format!("{}{path}", self.origin)).send().await?)
    }

    async fn post(&self, body: String) -> Result<reqwest::Response> {
        let request = self.http.post(format!("{}/v1/chat/completions", self.origin)).body(body);
        Ok(request.header("x-squall-request", "17").send().await?)
    }

    async fn ask(&self, message: &str, rest: Value) -> Result<reqwest::Response> {
        self.post(question(message, rest)).await
    }

    /// The value of a metric without labels of its own.
    async fn metric(&self, name: &str) -> Result<u64> {
        let text = self.get("/metrics").await?.text().await?;
        let head = format!("{name}{{model_name=");
        let line = text.lines().find(|line| line.starts_with(&head)).ok_or(format!("no {name} in {text}"))?;
        Ok(line.rsplit(' ').next().ok_or("no value")?.parse()?)
    }

    async fn until(&self, name: &str, value: u64) -> Result<()> {
        let reached = async {
            while self.metric(name).await? != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, reached).await.map_err(|_| format!("{name} did not become {value}"))?
    }

    /// Ends it by SIGTERM; its exit code.
    fn end(mut self) -> Result<Option<i32>> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn question(message: &str, rest: Value) -> String {
    let mut body = json!({"model": "sim", "messages": [{"role": "user", "content": message}]});
    if let (Value::Object(body), Value::Object(rest)) = (&mut body, rest) {
        body.extend(rest);
    }
    body.to_string()
}

/// The events of a stream: JSON, except for the last.
async fn events(response: reqwest::Response) -> Result<Vec<Value>> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut parser = Parser::new();
    parser.push(response.bytes().await?);
    let mut events = Vec::new();
    while let Some(event) = parser.next_event() {
        let data = event.data.ok_or("an event without data")?;
        events.push(if data == "[DONE]" { json!("[DONE]") } else { serde_json::from_slice(&data)? });
    }
    assert_eq!(parser.rest(), b"");
    Ok(events)
}

fn content(event: &Value) -> Option<&str> {
    event["choices"][0]["delta"]["content"].as_str()
}

/// The error of a refused request: status, type, code.
async fn refusal(response: reqwest::Response) -> Result<(u16, String, Value)> {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await?)?;
    assert!(!body["error"]["message"].as_str().unwrap_or_default().is_empty(), "{body}");
    Ok((status, body["error"]["type"].as_str().unwrap_or_default().to_owned(), body["error"]["code"].clone()))
}

fn rows(log: &Path) -> Result<Vec<Value>> {
    std::fs::read_to_string(log)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[tokio::test]
async fn a_stream_is_role_content_finish_usage_and_the_final_marker() -> Result<()> {
    // Both ways to write it: token by token, and all at once.
    for sim in [Sim::start(&["--ttft=1ms", "--itl=1ms"])?, Sim::instant()?] {
        let rest = json!({"stream": true, "max_tokens": 5, "stream_options": {"include_usage": true}});
        let events = events(sim.ask("tell me more", rest).await?).await?;
        assert_eq!(events.len(), 9);
        assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
        let answer = Answer::to("tell me more");
        for (index, event) in (0..).zip(&events[1..6]) {
            assert_eq!(event["object"], "chat.completion.chunk");
            assert_eq!(event["id"], events[0]["id"]);
            assert_eq!(event["model"], "sim");
            assert_eq!(event["choices"][0]["finish_reason"], Value::Null);
            assert_eq!(content(event), Some(answer.piece(index).to_string().as_str()));
        }
        assert_eq!(events[6]["choices"][0]["delta"], json!({}));
        assert_eq!(events[6]["choices"][0]["finish_reason"], "length");
        assert_eq!(events[7]["choices"], json!([]));
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8});
        assert_eq!(events[7]["usage"], usage);
        assert_eq!(events[8], "[DONE]");
    }
    Ok(())
}

#[tokio::test]
async fn two_nodes_give_the_same_answer_streamed_or_whole() -> Result<()> {
    let (a, b) = (Sim::start(&["--name=a", "--ttft=1ms", "--itl=100us"])?, Sim::instant()?);
    let streamed = events(a.ask("who are you?", json!({"stream": true})).await?).await?;
    let text: String = streamed.iter().filter_map(content).collect();
    let whole: Value = serde_json::from_str(&b.ask("who are you?", json!({})).await?.text().await?)?;
    let answer = Answer::to("who are you?");
    let tokens = answer.free_length();
    assert_eq!(text, answer.text(tokens));
    assert_eq!(whole["choices"][0]["message"], json!({"role": "assistant", "content": text}));
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["usage"]["completion_tokens"], tokens);
    // No usage was asked for: role, content, finish, marker.
    assert_eq!(streamed.len(), tokens as usize + 3);

    let other: Value = serde_json::from_str(&b.ask("and you?", json!({})).await?.text().await?)?;
    assert_ne!(other["choices"][0]["message"]["content"], Value::from(text));
    Ok(())
}

#[tokio::test]
async fn tokens_come_one_by_one_as_they_are_decoded() -> Result<()> {
    let sim = Sim::start(&["--ttft=30ms", "--itl=20ms"])?;
    let start = squall::clock::Clock::start();
    let mut response = sim.ask("slowly", json!({"stream": true, "max_tokens": 6})).await?;
    let mut pieces = 0;
    while response.chunk().await?.is_some() {
        pieces += 1;
    }
    // Each token waits for its step. A loaded machine may be late and merge some, but not early.
    assert!(start.now().as_secs_f64() >= 0.130, "done after {}", start.now());
    assert!(pieces > 1, "all came at once");
    Ok(())
}

#[tokio::test]
async fn a_full_queue_is_answered_429_and_a_client_that_leaves_frees_its_slot() -> Result<()> {
    let sim = Sim::start(&["--ttft=1ms", "--itl=1h", "--slots=2", "--queue=1"])?;
    let ask = || sim.ask("hello", json!({"stream": true, "max_tokens": 2}));
    // The head of a stream says that it was let in.
    let (first, second) = (ask().await?, ask().await?);
    let third = ask().await?;
    assert_eq!(sim.metric("vllm:num_requests_running").await?, 2);
    assert_eq!(sim.metric("vllm:num_requests_waiting").await?, 1);
    assert_eq!(sim.metric("vllm:kv_cache_usage_perc").await?, 1);
    let refused = ask().await?;
    assert_eq!(refused.headers()["retry-after"], "1");
    let expected = (429, "rate_limit_error".to_owned(), json!("rate_limit_exceeded"));
    assert_eq!(refusal(refused).await?, expected);

    drop(first);
    sim.until("vllm:num_requests_waiting", 0).await?;
    assert_eq!(sim.metric("vllm:num_requests_running").await?, 2);
    let mut third = third;
    assert!(third.chunk().await?.is_some(), "the one who waited has its first token");
    drop((second, third));
    sim.until("vllm:num_requests_running", 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_waits_for_a_whole_answer_frees_its_slot_too() -> Result<()> {
    let sim = Sim::start(&["--ttft=1ms", "--itl=1h", "--slots=1"])?;
    let ask = sim.ask("hello", json!({"max_tokens": 2}));
    tokio::select! {
        answered = ask => return Err(format!("answered: {answered:?}").into()),
        running = sim.until("vllm:num_requests_running", 1) => running?,
    }
    sim.until("vllm:num_requests_running", 0).await
}

#[tokio::test]
async fn a_cold_node_answers_503_until_it_is_warm() -> Result<()> {
    let cold = Sim::start(&["--cold-start=1h"])?;
    assert_eq!(refusal(cold.get("/health").await?).await?.0, 503);
    let answer = cold.ask("hello", json!({})).await?;
    let retry_after: u64 = answer.headers()["retry-after"].to_str()?.parse()?;
    assert!((1..=3600).contains(&retry_after), "{retry_after}");
    let expected = (503, "service_unavailable_error".to_owned(), json!("model_loading"));
    assert_eq!(refusal(answer).await?, expected);

    let start = squall::clock::Clock::start();
    let sim = Sim::start(&["--ttft=0s", "--itl=0s", "--cold-start=300ms"])?;
    let warm = async {
        while sim.get("/health").await?.status() != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    tokio::time::timeout(PATIENCE, warm).await??;
    assert!(start.now().as_secs_f64() >= 0.3, "warm after {}", start.now());
    assert_eq!(sim.ask("hello", json!({})).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn what_a_client_gets_wrong_is_told_in_the_api_s_shape() -> Result<()> {
    let sim = Sim::instant()?;
    let invalid = |status| (status, "invalid_request_error".to_owned(), Value::Null);
    assert_eq!(refusal(sim.post("{\"model\":".into()).await?).await?, invalid(400));
    let nobody = json!({"model": "sim", "messages": [{"role": "system", "content": "x"}]}).to_string();
    assert_eq!(refusal(sim.post(nobody).await?).await?, invalid(400));
    let unknown = sim.ask("hello", json!({"model": "gpt-9"})).await?;
    let expected = (404, "invalid_request_error".to_owned(), json!("model_not_found"));
    assert_eq!(refusal(unknown).await?, expected);
    assert_eq!(refusal(sim.get("/v1/other").await?).await?, invalid(404));
    assert_eq!(refusal(sim.get("/v1/chat/completions").await?).await?, invalid(405));
    assert_eq!(refusal(sim.post(" ".repeat((16 << 20) + 1)).await?).await?, invalid(413));
    Ok(())
}

#[tokio::test]
async fn models_and_metrics_are_served_under_their_names() -> Result<()> {
    let sim = Sim::start(&["--name=n1", "--model=tiny", "--ttft=1ms", "--itl=0s"])?;
    assert_eq!(sim.get("/health").await?.status(), 200);
    let models: Value = serde_json::from_str(&sim.get("/v1/models").await?.text().await?)?;
    assert_eq!(models["data"][0]["id"], "tiny");
    assert_eq!(models["data"][0]["owned_by"], "n1");
    let answer = sim.ask("one two three", json!({"model": "tiny", "max_tokens": 9})).await?;
    assert_eq!(answer.status(), 200);

    let response = sim.get("/metrics").await?;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await?;
    for line in [
        "vllm:num_requests_running{model_name=\"tiny\"} 0",
        "vllm:num_requests_waiting{model_name=\"tiny\"} 0",
        "vllm:kv_cache_usage_perc{model_name=\"tiny\"} 0",
        "vllm:prompt_tokens_total{model_name=\"tiny\"} 3",
        "vllm:generation_tokens_total{model_name=\"tiny\"} 9",
        "vllm:request_success_total{finished_reason=\"stop\",model_name=\"tiny\"} 0",
        "vllm:request_success_total{finished_reason=\"length\",model_name=\"tiny\"} 1",
        "vllm:request_success_total{finished_reason=\"abort\",model_name=\"tiny\"} 0",
        "vllm:time_to_first_token_seconds_count{model_name=\"tiny\"} 1",
        "vllm:inter_token_latency_seconds_count{model_name=\"tiny\"} 8",
        "vllm:e2e_request_latency_seconds_bucket{le=\"+Inf\",model_name=\"tiny\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    Ok(())
}

#[tokio::test]
async fn the_log_has_one_row_a_request_and_is_whole_after_sigterm() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("sim.jsonl");
    let path = log.to_str().ok_or("path")?;
    let sim = Sim::start(&["--ttft=2ms", "--itl=1ms", "--slots=1", "--queue=0", "--log", path])?;
    for rest in [json!({"max_tokens": 4, "stream": true}), json!({"max_tokens": 3})] {
        sim.ask("hello", rest).await?.bytes().await?;
    }
    let open = sim.ask("hello", json!({"max_tokens": 100_000, "stream": true})).await?;
    assert_eq!(sim.ask("hello", json!({})).await?.status(), 429);
    // The stream is still open when the node ends.
    assert_eq!(sim.end()?, Some(0));
    drop(open);

    let rows = rows(&log)?;
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap_or_default()).collect();
    assert_eq!(outcomes, ["complete", "complete", "queue_full", "aborted"]);
    assert!(rows.iter().all(|row| row["request"] == 17), "{rows:?}");
    for (row, tokens) in rows.iter().zip([4, 3]) {
        assert_eq!(row["tokens"], tokens);
        let at = |name: &str| row[name].as_u64().ok_or(name.to_owned());
        assert!(at("first_token_ns")? >= at("received_ns")? + 2_000_000, "{row}");
        assert!(at("last_token_ns")? >= at("first_token_ns")?, "{row}");
    }
    assert_eq!(rows[2]["first_token_ns"], Value::Null);
    assert_eq!(rows[2]["tokens"], 0);
    Ok(())
}

#[tokio::test]
async fn it_speaks_http_2_as_well() -> Result<()> {
    let sim = Sim::start(&["--ttft=1ms", "--itl=1ms"])?;
    let http = reqwest::Client::builder().http2_prior_knowledge().timeout(PATIENCE).build()?;
    let url = format!("{}/v1/chat/completions", sim.origin);
    let body = question("hello", json!({"stream": true, "max_tokens": 3}));
    let response = http.post(url).body(body).send().await?;
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(events(response).await?.len(), 6);
    Ok(())
}

#[test]
fn a_port_in_use_and_bad_flags_end_with_2_and_say_what_to_do() -> Result<()> {
    let sim = Sim::instant()?;
    let address = sim.origin.trim_start_matches("http://").to_owned();
    let run = |flags: &[&str]| Command::new(SQUALL).arg("sim").args(flags).output();
    let taken = run(&["--listen", &address])?;
    assert_eq!(taken.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(stderr.contains(&address) && stderr.contains("listens there already"), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&taken.stdout), "");
    for flag in ["--slots=0", "--ttft=soon", "--slowdown=-1", "--slowdown=nan", "--prefill=0", "--listen=x"] {
        let refused = run(&[flag])?;
        assert_eq!(refused.status.code(), Some(2), "{flag}");
        let name = flag.split('=').next().unwrap_or_default();
        assert!(String::from_utf8_lossy(&refused.stderr).contains(name), "{flag}");
    }
    Ok(())
}

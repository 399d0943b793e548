//! The load, as it is typed: what is asked, and the limits a client keeps.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::place::Placed;
use super::{Arrivals, Client, DurationText, FlagOrText, NumberOrText, Session, Spike, Users};

/// The load: exactly one of `trace`, `arrivals` and `users`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[traffic]", extend("oneOf" = [{"required": ["trace"]}, {"required": ["arrivals"]}, {"required": ["users"]}], "dependencies" = {"session": {"anyOf": [{"required": ["arrivals"]}, {"required": ["trace"]}]}}))]
pub(in crate::scenario) struct Traffic {
    /// Replay a recorded trace: its arrivals, and its lengths of prompts and answers.
    #[schemars(example = json!({"path": "traces/azure_llm_2023_conv.csv", "speed": 4.0}))]
    pub(in crate::scenario) trace: Option<Placed<Trace>>,
    /// Open loop: requests are sent at this rate, whatever became of those before.
    #[schemars(example = json!({"poisson": "40/s"}))]
    pub(in crate::scenario) arrivals: Option<Placed<Arrivals>>,
    /// Closed loop: users who each wait for their answer before they ask again.
    #[schemars(example = json!({"count": 20, "think": "1s"}))]
    pub(in crate::scenario) users: Option<Placed<Users>>,
    /// With `trace` or `arrivals`: what comes on top, each spike once. Spikes are Poisson, and leave what
    /// they are laid on as it is.
    #[schemars(example = json!([{"at": "30s", "for": "5s", "rate": "200/s"}]))]
    pub(in crate::scenario) spikes: Option<Placed<Vec<Placed<Spike>>>>,
    /// With `arrivals` or `trace`: each arrival, each row of the trace, begins a session, a conversation of
    /// several requests, instead of being one request alone. The first turn is the row's: sent at its time, of
    /// its lengths, or the request that it holds; those that follow are as `prompts`. A trace whose rows belong
    /// to conversations already is refused.
    #[schemars(example = json!({"turns": 6, "think": "exponential(2s)"}))]
    pub(in crate::scenario) session: Option<Placed<Session>>,
    /// With `arrivals`, `users`, `spikes` or `session`: what is asked, and how long prompts and answers are.
    #[schemars(example = json!({"input": "lognormal(600, 400)", "output": 200}))]
    pub(in crate::scenario) prompts: Option<Placed<Prompts>>,
    /// Ask for streams; `true` when it is left out, except for embeddings, which are none.
    #[schemars(example = false)]
    pub(in crate::scenario) stream: Option<Placed<bool>>,
    /// The limits a client keeps.
    #[schemars(example = json!({"in_flight": 2000, "first_token": "5s"}))]
    pub(in crate::scenario) limits: Option<Limits>,
    /// What a client does about failure, and when it leaves; nothing, and never, when it is left out.
    #[schemars(example = json!({"retries": {"attempts": 3}}))]
    pub(in crate::scenario) client: Option<Client>,
}

/// A recorded trace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "trace")]
pub(in crate::scenario) struct Trace {
    /// The trace's file, plain or compressed (`.gz`, `.zst`): Azure's or BurstGPT's CSV, Mooncake's
    /// JSONL, OpenAI's batch JSONL, or Squall's own JSONL.
    #[schemars(example = "traces/azure_llm_2023_conv.csv")]
    pub(in crate::scenario) path: Placed<String>,
    /// Its format; found by its first line when it is left out.
    #[schemars(example = &"mooncake")]
    pub(in crate::scenario) format: Option<TraceFormat>,
    /// How many times as fast as it was recorded; 1 when it is left out.
    #[schemars(example = 4.0)]
    pub(in crate::scenario) speed: Option<Placed<f64>>,
    /// Spread times that were rounded when they were recorded, within their rounding: `true` finds it,
    /// a duration says it. Fixed by the seed; `false` when it is left out.
    #[schemars(example = true, example = "1s")]
    pub(in crate::scenario) spread: Option<Placed<FlagOrText>>,
    /// What becomes of a row that is not what the format says; `refuse` when it is left out.
    #[schemars(example = &"skip")]
    pub(in crate::scenario) bad_rows: Option<BadRows>,
}

/// A trace's format.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum TraceFormat {
    /// Azure's LLM inference traces of 2023, 2024 and 2025: CSV.
    Azure,
    /// BurstGPT, with or without sessions: CSV.
    BurstGpt,
    /// Mooncake: JSONL with ids of blocks.
    Mooncake,
    /// OpenAI's batch API: JSONL of requests as they are, without times.
    OpenaiBatch,
    /// Squall's own: JSONL.
    Squall,
}

/// What becomes of a bad row.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum BadRows {
    /// It is an error, and nothing is run.
    Refuse,
    /// It is left out and counted.
    Skip,
}

/// What is asked: conversations of a corpus, what the rows of a trace say, or texts that are written. Lengths are in tokens: a number, or
/// `lognormal(mean, standard deviation)`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "prompts")]
pub(in crate::scenario) struct Prompts {
    /// Tokens of a prompt; `lognormal(600, 400)` when it is left out.
    #[schemars(example = "lognormal(600, 400)")]
    pub(in crate::scenario) input: Option<Placed<NumberOrText>>,
    /// Tokens of an answer; 200 when it is left out.
    #[schemars(example = 200)]
    pub(in crate::scenario) output: Option<Placed<NumberOrText>>,
    /// Conversations to ask with: a JSONL file, one a line, of which each request takes one. Such prompts
    /// have lengths of their own, so `input` has no place beside it.
    #[schemars(example = "corpora/chat.jsonl")]
    pub(in crate::scenario) corpus: Option<Placed<String>>,
    /// With `arrivals` or `users`: ask what the rows of a trace say, one after the other and then from the first
    /// again, whether or not they have times. What a row does not say is as `input` and `output`.
    #[schemars(example = json!({"path": "traces/mooncake.jsonl"}))]
    pub(in crate::scenario) trace: Option<Placed<PromptTrace>>,
}

/// A trace whose rows say what is asked, but not when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the trace of prompts")]
pub(in crate::scenario) struct PromptTrace {
    /// The trace's file, plain or compressed (`.gz`, `.zst`), of any format that `traffic.trace` reads.
    #[schemars(example = "traces/azure_llm_2023_conv.csv")]
    pub(in crate::scenario) path: Placed<String>,
    /// Its format; found by its first line when it is left out.
    #[schemars(example = &"mooncake")]
    pub(in crate::scenario) format: Option<TraceFormat>,
    /// What becomes of a row that is not what the format says; `refuse` when it is left out.
    #[schemars(example = &"skip")]
    pub(in crate::scenario) bad_rows: Option<BadRows>,
}

/// The limits a client keeps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "limits")]
pub(in crate::scenario) struct Limits {
    /// Requests in flight at once; an arrival beyond it is counted as shed. 1000 when it is left out.
    #[schemars(example = 2000)]
    pub(in crate::scenario) in_flight: Option<Placed<u32>>,
    /// Requests of the whole run: it ends when so many have ended, or with its last phase, whichever is
    /// first.
    #[schemars(example = 1000)]
    pub(in crate::scenario) requests: Option<Placed<u32>>,
    /// To connect; `2s` when it is left out.
    #[schemars(example = &"2s")]
    pub(in crate::scenario) connect: Option<Placed<DurationText>>,
    /// To the first content; `10s` when it is left out.
    #[schemars(example = &"5s")]
    pub(in crate::scenario) first_token: Option<Placed<DurationText>>,
    /// Between events; `5s` when it is left out.
    #[schemars(example = &"3s")]
    pub(in crate::scenario) idle: Option<Placed<DurationText>>,
    /// To the end of the answer; `120s` when it is left out.
    #[schemars(example = &"60s")]
    pub(in crate::scenario) total: Option<Placed<DurationText>>,
}

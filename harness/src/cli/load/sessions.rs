//! Conversations of several turns, as flags: a scenario's `[traffic.session]`, or the turns of its users.

use anyhow::bail;

use super::text::{Text, number_or_quoted, quoted, seconds};

/// Conversations of several turns.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Conversations")]
pub(super) struct SessionArgs {
    /// Turns of a conversation, each with all that was said before: at a rate or of a trace each arrival begins
    /// one, of users each has one after the other. A number, or `uniform(2, 8)`, `geometric(4)` where arrivals
    /// begin them
    #[arg(long, value_name = "TURNS", aliases = ["session-turns-mean", "conversation-turn-mean"])]
    turns: Option<String>,
    /// How long from an answer to the next turn, or to a user's next request: a duration, or
    /// `exponential(2s)`, `uniform(1s, 5s)`, `lognormal(3s, 2s)` [default: 0s]
    #[arg(long, value_name = "DURATION")]
    think: Option<String>,
    /// With --turns at a rate or of a trace: tools that each answer but the last calls, all at once
    #[arg(long, value_name = "N")]
    tools: Option<u32>,
    /// How long each of them works, as --think [default: 0s]
    #[arg(long, value_name = "DURATION")]
    tool_time: Option<String>,
    /// Tokens of what each of them gives, as --input-tokens [default: 100]
    #[arg(long, value_name = "LENGTH")]
    tool_tokens: Option<String>,
    /// With --turns at a rate or of a trace: requests of their own that follow each answer but the last, all at
    /// once, as an agent has others do parts of its work
    #[arg(long, value_name = "N")]
    sub_requests: Option<u32>,
}

impl SessionArgs {
    /// Conversations have several turns.
    pub(super) fn have_turns(&self) -> bool {
        self.turns.is_some()
    }

    /// Refuses what counts for nothing, or can't be, with this load: one of users who wait, or one whose
    /// arrivals begin what they ask for.
    pub(super) fn fit(&self, users: bool) -> anyhow::Result<()> {
        if self.think.is_some() && !users && !self.have_turns() {
            bail!(
                "--think belongs to --users or --turns, and counts for nothing here; take it away, or give \
                 --turns 6 to let each arrival begin a conversation"
            );
        }
        let between = [
            ("--tools", self.tools.is_some()),
            ("--tool-time", self.tool_time.is_some()),
            ("--tool-tokens", self.tool_tokens.is_some()),
            ("--sub-requests", self.sub_requests.is_some()),
        ];
        if let Some((flag, _)) = between.into_iter().find(|(_, given)| *given) {
            if users {
                bail!(
                    "{flag} belongs to conversations that begin at a rate or with a trace's rows, not to users: \
                     give --rate or --trace in place of --users, or take it away"
                );
            }
            if !self.have_turns() {
                bail!("{flag} comes between two turns: give --turns 6 as well, or take it away");
            }
        }
        if let Some(turns) = self.turns.as_deref().filter(|turns| users && turns.parse::<u32>().is_err()) {
            bail!(
                "--turns {turns}: conversations of users all have the same number of turns, as in --turns 6; give \
                 --rate in place of --users to have it drawn"
            );
        }
        Ok(())
    }

    /// What is said of users beside how many they are.
    pub(super) fn of_users(&self) -> String {
        let turns = self.turns.as_deref().map(|turns| format!(", turns = {turns}"));
        self.thinking().into_iter().chain(turns).collect()
    }

    /// The line of what each arrival begins, if that is more than a request.
    pub(super) fn of_arrivals(&self, text: &mut Text) {
        let Some(turns) = &self.turns else { return };
        let tools = [
            self.tools.map(|calls| format!("calls = {calls}")),
            self.tool_time.as_deref().map(|time| format!("time = {}", quoted(&seconds(time)))),
            self.tool_tokens.as_deref().map(|result| format!("result = {}", number_or_quoted(result))),
        ];
        let tools: Vec<String> = tools.into_iter().flatten().collect();
        let tools = (!tools.is_empty()).then(|| format!(", tools = {{ {} }}", tools.join(", ")));
        let parts = self.sub_requests.map(|count| format!(", sub_requests = {{ count = {count} }}"));
        let more: String = self.thinking().into_iter().chain(tools).chain(parts).collect();
        text.line(
            &format!("session = {{ turns = {}{more} }}", number_or_quoted(turns)),
            "--turns, --think, --tools, --sub-requests",
        );
    }

    fn thinking(&self) -> Option<String> {
        self.think.as_deref().map(|think| format!(", think = {}", quoted(&seconds(think))))
    }
}

//! Prompts: taken from a corpus, or written to an exact length in tokens; unique in the run.
//!
//! What is written is the blocks that its trace names, which it shares with the prompts that name them too, then
//! prose of its own, and last the request's tag ([`correlation::tag`]), by which a proxy can tell the
//! request when a gateway drops its header. So what is shared is a prefix, and caches of prefixes work as
//! they do in production. The blocks' lengths are those of the trace; where the tag does not fit behind
//! the last of them, it takes the place of that one's end.

use std::path::Path;
use std::sync::Arc;

use rand_distr::{Distribution as _, StandardNormal};

use super::TrafficError;
use super::as_is;
use super::conversation::{Conversation, Prompt, Tool};
use super::corpus::Corpus;
use super::draw::{Purpose, stream};
use super::prose::{Vocabulary, write};
use super::rows::AskedRows;
use super::trace::{AsIs, BLOCK_TOKENS, Row};
use crate::correlation;
use crate::name::RequestId;
use crate::scenario::plan::{self, Length, Lengths, Plan};
use crate::tokens::Tokenizer;

/// The longest prompt and the longest answer: the largest context window of any model known.
pub const MAX_TOKENS: u32 = 10_000_000;

/// A word and the space before it, for the size of the buffer.
const BYTES_PER_TOKEN: usize = 6;
/// For a tokenizer whose counts don't add up, a text is written again until it has the right length, so
/// often at most.
const TRIES: u32 = 8;

/// What a row's request asks, where it is one that can be asked again.
pub(super) fn read_request(
    request: &AsIs,
    row: &Row,
    path: &Path,
) -> Result<(Conversation, Arc<[Tool]>), TrafficError> {
    as_is::read(request).map_err(|problem| TrafficError::Row {
        path: path.to_owned(),
        line: row.line,
        problem,
    })
}

/// What a prompt is to be like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// Its tokens.
    pub tokens: u32,
    /// The blocks that it begins with, in order.
    pub blocks: &'a [u64],
    /// Tokens of each block.
    pub block_tokens: u32,
}

/// Makes the prompts of a run.
#[derive(Debug)]
pub struct Prompts {
    seed: u64,
    lengths: Lengths,
    tokenizer: Arc<Tokenizer>,
    /// What that is.
    which: plan::Tokenizer,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Written,
    /// As the rows of a trace say, which may be requests as they are.
    Rows(Box<AskedRows>),
    Corpus(Arc<Corpus>),
}

impl Prompts {
    /// The prompts of `plan`. Reads the file of its tokenizer, and its corpus through.
    pub fn of(plan: &Plan) -> Result<Self, TrafficError> {
        let source = match (&plan.traffic.corpus, &plan.traffic.rows) {
            (Some(path), _) => Source::Corpus(Corpus::load(path)?),
            (None, Some(rows)) => Source::Rows(Box::new(AskedRows::open(rows, plan.seed)?)),
            (None, None) => Source::Written,
        };
        let which = plan.target.tokenizer.clone();
        let tokenizer = Tokenizer::load(&which)?;
        Ok(Self { seed: plan.seed, lengths: plan.traffic.lengths, tokenizer, which, source })
    }

    /// Finds the words that prompts are written with, unless they were found before. Takes tenths of a second
    /// the first time, and fails where a tokenizer has too few of them: so it is not done for prompts that are
    /// taken as they are.
    pub fn get_ready_to_write(&self) -> Result<(), TrafficError> {
        self.vocabulary().map(drop)
    }

    fn vocabulary(&self) -> Result<Arc<Vocabulary>, TrafficError> {
        Ok(Vocabulary::load(&self.which)?)
    }

    /// The prompt of request `id` and the tokens of its answer: from the corpus, as a trace's row says, or of
    /// lengths drawn. Of a trace's rows each is asked once.
    pub fn draw(&self, id: RequestId) -> Result<(Prompt, u32), TrafficError> {
        self.draw_of(id, self.lengths)
    }

    /// The same, of other lengths than the run's.
    pub fn draw_of(&self, id: RequestId, lengths: Lengths) -> Result<(Prompt, u32), TrafficError> {
        let (tokens, drawn) = draw_lengths(self.seed, id, lengths);
        match &self.source {
            Source::Written => {
                Ok((self.written(id, Shape { tokens, ..Shape::default() }, &*self.vocabulary()?), drawn))
            }
            Source::Corpus(corpus) => {
                let (prompt, output) = corpus.prompt(self.seed, id, &self.tokenizer)?;
                Ok((prompt, output.unwrap_or(drawn)))
            }
            Source::Rows(rows) => self.of_row(id, &rows.row(id)?, &rows.source.path),
        }
    }

    /// The prompt of request `id` and the tokens of its answer, as a row of a trace has them; what it does
    /// not say is drawn. `path` is the trace's, for the error.
    pub fn of_row(&self, id: RequestId, row: &Row, path: &Path) -> Result<(Prompt, u32), TrafficError> {
        let drawn = self.lengths(id);
        let output = row.output_tokens.unwrap_or(drawn.1);
        let Some(request) = &row.request else {
            let tokens = row.input_tokens.unwrap_or(drawn.0);
            let shape = Shape { tokens, blocks: &row.hash_ids, block_tokens: BLOCK_TOKENS };
            return Ok((self.shaped(id, shape)?, output));
        };
        let (mut conversation, tools) = read_request(request, row, path)?;
        conversation.sign(&correlation::tag(self.seed, id));
        let texts = conversation.messages().iter().map(|message| message.text.as_str());
        let input_tokens = texts.map(|text| self.tokenizer.count(text)).sum::<usize>() as u32;
        Ok((Prompt { conversation, tools, expect: None, input_tokens }, output))
    }

    /// The prompt of request `id`, of this shape; a corpus has shapes of its own.
    pub fn shaped(&self, id: RequestId, shape: Shape<'_>) -> Result<Prompt, TrafficError> {
        match &self.source {
            Source::Written | Source::Rows(_) => Ok(self.written(id, shape, &*self.vocabulary()?)),
            Source::Corpus(_) => Ok(self.draw(id)?.0),
        }
    }

    /// Tokens of the prompt and of the answer of request `id`, each from 1 to [`MAX_TOKENS`].
    pub fn lengths(&self, id: RequestId) -> (u32, u32) {
        draw_lengths(self.seed, id, self.lengths)
    }

    /// A prompt of this shape, of so many tokens exactly; or, where it is asked to be shorter, of its tag's.
    /// Plain ASCII that JSON need not escape.
    fn written(&self, id: RequestId, shape: Shape<'_>, vocabulary: &Vocabulary) -> Prompt {
        let tag = format!(" {}", correlation::tag(self.seed, id));
        // In a frame, since its first token has a word or a mark before it.
        let tag_tokens = self.tokenizer.count(&format!("The{tag}")).saturating_sub(1);
        let tokens = shape.tokens.min(MAX_TOKENS) as usize;
        let Some(body) = tokens.checked_sub(tag_tokens).filter(|body| *body > 0) else {
            let text = tag.trim_start();
            return Prompt::question_alone(text, self.tokenizer.count(text) as u32);
        };
        let write = |body| self.text(id, shape, vocabulary, body, &tag);
        if vocabulary.adds_up {
            return Prompt::question_alone(write(body), tokens as u32);
        }
        let (text, tokens) = self.counted(tokens, body, write);
        Prompt::question_alone(text, tokens as u32)
    }

    /// Writes until the text has the right length, or nearly; and says what it has.
    fn counted(&self, tokens: usize, mut body: usize, write: impl Fn(usize) -> String) -> (String, usize) {
        let mut text = write(body);
        let mut got = self.tokenizer.count(&text);
        for _ in 1..TRIES {
            if got == tokens {
                break;
            }
            body = (body + tokens).saturating_sub(got).max(1);
            text = write(body);
            got = self.tokenizer.count(&text);
        }
        (text, got)
    }

    /// Blocks and prose of `body` tokens, and the tag.
    fn text(
        &self,
        id: RequestId,
        shape: Shape<'_>,
        vocabulary: &Vocabulary,
        body: usize,
        tag: &str,
    ) -> String {
        let mut text = String::with_capacity(body * BYTES_PER_TOKEN + tag.len());
        let block_tokens = shape.block_tokens as usize;
        let mut left = body;
        for &block in shape.blocks {
            let random = stream(self.seed, Purpose::Blocks, block);
            write(&mut text, vocabulary.block(block, random, block_tokens).take(left));
            left = left.saturating_sub(block_tokens);
        }
        write(&mut text, vocabulary.prose(stream(self.seed, Purpose::Words, id.0), left));
        text.push_str(tag);
        text
    }
}

/// Tokens of the prompt and of the answer of request `id`, each from 1 to [`MAX_TOKENS`].
pub(super) fn draw_lengths(seed: u64, id: RequestId, lengths: Lengths) -> (u32, u32) {
    let mut random = stream(seed, Purpose::Lengths, id.0);
    // Both normals are drawn always, so that a fixed prompt length does not shift the answer's.
    let (input, output) = (StandardNormal.sample(&mut random), StandardNormal.sample(&mut random));
    (length(lengths.input, input), length(lengths.output, output))
}

/// A length, given a standard normal draw.
pub(super) fn length(length: Length, normal: f64) -> u32 {
    let tokens = match length {
        Length::Fixed(tokens) => tokens,
        Length::Lognormal { mean, sd } => {
            // The moments of the log-normal, solved for those of the normal beneath it.
            let variance = (sd / mean).powi(2).ln_1p();
            (mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp().round() as u32
        }
    };
    tokens.clamp(1, MAX_TOKENS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    use std::sync::LazyLock;

    use crate::scenario::plan::Encoding;

    const LENGTHS: Lengths =
        Lengths { input: Length::Fixed(50), output: Length::Lognormal { mean: 90.0, sd: 40.0 } };
    const O200K: plan::Tokenizer = plan::Tokenizer::Encoding(Encoding::O200kBase);

    fn prompts(seed: u64, tokenizer: &plan::Tokenizer) -> Prompts {
        let loaded = Tokenizer::load(tokenizer).expect("loads");
        let (which, source) = (tokenizer.clone(), Source::Written);
        Prompts { seed, lengths: LENGTHS, tokenizer: loaded, which, source }
    }

    fn write(prompts: &Prompts, id: u64, shape: Shape<'_>) -> Prompt {
        prompts.shaped(RequestId(id), shape).expect("written")
    }

    fn all() -> Vec<plan::Tokenizer> {
        let encodings = [Encoding::O200kBase, Encoding::Cl100kBase, Encoding::P50kBase, Encoding::R50kBase];
        let trained = TRAINED.iter().map(|file| plan::Tokenizer::File(file.path().to_owned()));
        let known = encodings.map(plan::Tokenizer::Encoding).into_iter().chain([plan::Tokenizer::Words]);
        known.chain(trained).collect()
    }

    /// Hugging Face files of the two kinds that models have: bytes as GPT-2 and Llama 3, and `▁` as Llama 2.
    static TRAINED: LazyLock<[tempfile::NamedTempFile; 2]> = LazyLock::new(|| {
        let text = write(&prompts(1, &plan::Tokenizer::Words), 1, of(60_000));
        let text = [text.question()];
        [crate::tokens::trained_on_bytes(&text), crate::tokens::trained_on_words(&text)]
    });

    fn of(tokens: u32) -> Shape<'static> {
        Shape { tokens, ..Shape::default() }
    }

    #[test]
    fn every_tokenizer_adds_up_and_a_long_prompt_is_exact() {
        for tokenizer in all() {
            let prompts = prompts(7, &tokenizer);
            assert!(Vocabulary::load(&tokenizer).is_ok_and(|found| found.adds_up), "{tokenizer}");
            let prompt = write(&prompts, 9_999, of(120_000));
            let got = Tokenizer::load(&tokenizer).expect("loads").count(prompt.question());
            assert_eq!((prompt.input_tokens, got), (120_000, 120_000), "{tokenizer}");
        }
    }

    #[test]
    fn a_prompt_reads_like_sentences() {
        let prompt = write(&prompts(7, &O200K), 3, of(60));
        insta::assert_snapshot!(prompt.question(), @"Its primary right quite answered his line of another dark word, because that project examined his office around the normal control because one station. His bill checked that day, but that condition removed that standard rate. Our man followed their game. That direct player expected the. (ref sq-7-3)");
    }

    #[test]
    fn a_prompt_is_fixed_by_seed_and_id_and_can_be_told() {
        let prompts = |seed| prompts(seed, &O200K);
        let draw = |seed, id| prompts(seed).draw(RequestId(id)).expect("written");
        let (first, output) = draw(7, 3);
        assert_eq!(draw(7, 3), (first.clone(), output));
        assert_ne!(draw(7, 4).0.question(), first.question());
        assert_ne!(draw(8, 3).0.question(), first.question());
        assert_eq!(correlation::find_tag(7, first.question().as_bytes()), Some(RequestId(3)));
    }

    #[test]
    fn what_is_shorter_than_its_tag_is_its_tag() {
        let prompt = write(&prompts(7, &O200K), 3, of(1));
        assert_eq!(prompt.question(), "(ref sq-7-3)");
        assert_eq!(
            prompt.input_tokens as usize,
            Tokenizer::load(&O200K).expect("loads").count("(ref sq-7-3)")
        );
    }

    #[test]
    fn lognormal_lengths_have_the_moments_asked_for() {
        let lengths =
            Lengths { input: Length::Lognormal { mean: 600.0, sd: 400.0 }, output: Length::Fixed(1) };
        let n = 20_000;
        let drawn: Vec<f64> = (0..n).map(|id| f64::from(draw_lengths(1, RequestId(id), lengths).0)).collect();
        let mean = drawn.iter().sum::<f64>() / n as f64;
        let sd = (drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        assert!((mean - 600.0).abs() < 12.0, "mean {mean}");
        assert!((sd - 400.0).abs() < 30.0, "sd {sd}");
    }

    proptest! {
        #[test]
        fn any_length_is_exact_by_the_tokenizer_itself(
            seed: u64, id: u64, which in 0_usize..7, tokens in 1_u32..2_000, blocks in prop::collection::vec(0_u64..400_000, 0..5),
        ) {
            let tokenizer = &all()[which];
            let shape = Shape { tokens, blocks: &blocks, block_tokens: 512 };
            let prompt = write(&prompts(seed, tokenizer), id, shape);
            let got = Tokenizer::load(tokenizer).expect("loads").count(prompt.question());
            prop_assert_eq!(got, prompt.input_tokens as usize);
            prop_assert!(got == tokens as usize || tokens < 40 && prompt.question().starts_with('('));
            prop_assert_eq!(correlation::find_tag(seed, prompt.question().as_bytes()), Some(RequestId(id)));
        }

        #[test]
        fn rows_that_share_k_blocks_share_so_many_tokens_and_the_same_bytes(
            shared in prop::collection::vec(0_u64..200_000, 0..6),
            one in prop::collection::vec(0_u64..200_000, 1..4),
            other in prop::collection::vec(200_000_u64..400_000, 1..4),
            which in 0_usize..7, ends in (20_u32..=512, 20_u32..=512),
        ) {
            let tokenizer = &all()[which];
            let prompts = prompts(7, tokenizer);
            let asked = |id, rest: &[u64], end: u32| {
                let blocks: Vec<u64> = shared.iter().chain(rest).copied().collect();
                let tokens = (blocks.len() as u32 - 1) * 512 + end;
                write(&prompts, id, Shape { tokens, blocks: &blocks, block_tokens: 512 })
            };
            let (one, other) = (asked(1, &one, ends.0), asked(2, &other, ends.1));
            let tokenizer = Tokenizer::load(tokenizer).expect("loads");
            let (a, b) = (tokenizer.encode(one.question()), tokenizer.encode(other.question()));
            let common = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            // The next blocks have names of four tokens, which differ in at least one; or a tag is there.
            let blocks = shared.len() * 512;
            prop_assert!((blocks..blocks + 4).contains(&common), "{} for {}", common, blocks);
            let bytes = one.question().bytes().zip(other.question().bytes()).take_while(|(a, b)| a == b).count();
            prop_assert!(tokenizer.count(&one.question()[..bytes]) >= blocks);
        }

        #[test]
        fn any_length_that_is_drawn_is_one(seed: u64, id: u64, mean in 0.1_f64..1e12, sd in 0.0_f64..1e12) {
            let length = Length::Lognormal { mean, sd };
            let (input, output) = draw_lengths(seed, RequestId(id), Lengths { input: length, output: length });
            prop_assert!((1..=MAX_TOKENS).contains(&input) && (1..=MAX_TOKENS).contains(&output));
        }
    }
}

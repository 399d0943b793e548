//! What was probably meant.

use strsim::damerau_levenshtein;

/// The candidate nearest to `word`, when it is near enough to be what was meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = normal(word);
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&wanted, &normal(candidate)), candidate))
        // One slip in three characters: less is a typo, more is another word.
        .filter(|(slips, candidate)| slips * 3 <= wanted.chars().count().max(candidate.chars().count()))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// `Node_Kill` and `node-kill` are the same mistake-free word.
fn normal(word: &str) -> String {
    word.to_lowercase().replace(['_', ' '], "-")
}

/// `a`, `b` and `c`, each in backticks.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "none".into(),
        [one] => one.clone(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_has_a_suggestion_and_another_word_has_none() {
        let keys = ["name", "duration", "warmup", "node-kill"];
        assert_eq!(nearest("nmae", keys), Some("name"));
        assert_eq!(nearest("Duration", keys), Some("duration"));
        assert_eq!(nearest("node_kill", keys), Some("node-kill"));
        assert_eq!(nearest("colour", keys), None);
        // Of names this short every other is one slip away: a guess would be noise.
        assert_eq!(nearest("d", ["a", "b"]), None);
    }

    #[test]
    fn lists_read_as_people_write_them() {
        assert_eq!(list([], "and"), "none");
        assert_eq!(list(["a"], "and"), "`a`");
        assert_eq!(list(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}

//! The difference between two texts, line by line: the longest common subsequence, as golden files are
//! short.

/// A line, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// Only in the first.
    Removed(&'a str),
    /// Only in the second.
    Added(&'a str),
}

/// How the lines of `old` become those of `new`.
pub fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (mut old, mut new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // What begins and ends alike need not be in the table, which is quadratic.
    let begin = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let mut all: Vec<Line<'a>> = old.drain(..begin).map(Line::Same).collect();
    new.drain(..begin);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = old.split_off(old.len() - end);
    new.truncate(new.len() - end);
    // common[i][j]: the lines that old[i..] and new[j..] have in common.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            all.push(Line::Removed(old[i]));
            i += 1;
        } else {
            all.push(Line::Added(new[j]));
            j += 1;
        }
    }
    all.extend(tail.into_iter().map(Line::Same));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_difference_holds_both_texts(old in "([abc]\n){0,9}", new in "([abc]\n){0,9}") {
            let lines = lines(&old, &new);
            let kept = |side: fn(&Line<'_>) -> bool| lines.iter().filter(|line| side(line)).map(|line| match line {
                Line::Same(text) | Line::Removed(text) | Line::Added(text) => format!("{text}\n"),
            }).collect::<String>();
            prop_assert_eq!(kept(|line| !matches!(line, Line::Added(_))), old.as_str());
            prop_assert_eq!(kept(|line| !matches!(line, Line::Removed(_))), new.as_str());
        }
    }

    #[test]
    fn what_is_alike_stays() {
        assert_eq!(
            lines("a\nb\nc\n", "a\nx\nc\n"),
            [Line::Same("a"), Line::Removed("b"), Line::Added("x"), Line::Same("c"),]
        );
    }
}

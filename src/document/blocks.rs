//! The blocks of a text: what is repeated, and for what.

use super::Node;
use crate::error::{Words, shorten, words};

/// What a block is repeated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Records,
    Rows,
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Each { block: Block, body: Vec<Piece<'a>>, otherwise: Vec<Piece<'a>> },
}

/// A word that has to do with blocks.
enum Word {
    Each(Block),
    Else,
    End,
}

fn word(text: &str) -> Result<Option<Word>, Words> {
    Ok(Some(match text {
        "@each records" => Word::Each(Block::Records),
        "@each rows" => Word::Each(Block::Rows),
        "@else" => Word::Else,
        "@end" => Word::End,
        _ if text == "@each" || text.starts_with("@each ") => {
            let shown = shorten(text);
            return Err(words!(
                "「${{{shown}}}」: 繰り返せるのは「records」と「rows」です",
                "\"${{{shown}}}\": records and rows are what can be repeated"
            ));
        }
        _ => return Ok(None),
    }))
}

/// A block that is not closed yet, and what was read of it.
struct Open<'a> {
    block: Block,
    body: Vec<Piece<'a>>,
    otherwise: Option<Vec<Piece<'a>>>,
}

/// Takes a text apart. The error is the rule that was broken.
pub(super) fn parse(text: &str) -> Result<Vec<Piece<'_>>, Words> {
    let mut top = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(at) = rest[from..].find("${").map(|at| from + at) {
        let Some(end) = rest[at..].find('}').map(|end| at + end) else { break };
        let Some(word) = word(&rest[at + 2..end])? else {
            from = end + 1;
            continue;
        };
        let (before, behind) = alone(&rest[..at], &rest[end + 1..], text.len() == rest.len());
        if !before.is_empty() {
            current(&mut top, &mut open).push(Piece::Text(before));
        }
        (rest, from) = (behind, 0);
        match word {
            Word::Each(block) => {
                if open.iter().any(|other| other.block == block || other.block == Block::Rows) {
                    return Err(words!(
                        "「records」の中に置けるのは「rows」だけです",
                        "within records only rows can be repeated, and within rows nothing"
                    ));
                }
                open.push(Open { block, body: Vec::new(), otherwise: None });
            }
            Word::Else => match open.last_mut() {
                Some(last) if last.otherwise.is_none() => last.otherwise = Some(Vec::new()),
                _ => {
                    return Err(words!(
                        "「${{@else}}」は「${{@each …}}」と「${{@end}}」の間に1回だけ置けます",
                        "${{@else}} stands once, between ${{@each …}} and ${{@end}}"
                    ));
                }
            },
            Word::End => {
                let Some(Open { block, body, otherwise }) = open.pop() else {
                    return Err(words!(
                        "「${{@end}}」に対応する「${{@each …}}」がありません",
                        "an ${{@end}} has no ${{@each …}} before it"
                    ));
                };
                let otherwise = otherwise.unwrap_or_default();
                current(&mut top, &mut open).push(Piece::Each { block, body, otherwise });
            }
        }
    }
    if !open.is_empty() {
        return Err(words!(
            "「${{@each …}}」が「${{@end}}」で閉じられていません",
            "an ${{@each …}} is not closed with ${{@end}}"
        ));
    }
    if !rest.is_empty() {
        top.push(Piece::Text(rest));
    }
    Ok(top)
}

fn current<'a, 'b>(top: &'b mut Vec<Piece<'a>>, open: &'b mut [Open<'a>]) -> &'b mut Vec<Piece<'a>> {
    match open.last_mut() {
        Some(Open { otherwise: Some(otherwise), .. }) => otherwise,
        Some(open) => &mut open.body,
        None => top,
    }
}

/// Leaves out the line of a word that stands alone on it.
fn alone<'a>(before: &'a str, behind: &'a str, is_first: bool) -> (&'a str, &'a str) {
    let line = before.trim_end_matches([' ', '\t']);
    let begins = line.ends_with('\n') || (line.is_empty() && is_first) || before.is_empty();
    let rest = behind.trim_start_matches([' ', '\t']);
    let ends = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'));
    match ends {
        Some(rest) if begins => (line, rest),
        None if begins && rest.is_empty() => (line, rest),
        _ => (before, behind),
    }
}

/// Whether detail rows are repeated anywhere.
pub(super) fn has_rows(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(..) => false,
        Node::Each { block, body, otherwise } => *block == Block::Rows || has_rows(body) || has_rows(otherwise),
    })
}

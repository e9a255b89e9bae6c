//! Where in an HTML document a value stands: it must not become markup, a script, or a link to one.

use super::escape::Way;
use crate::error::{Words, shorten, words};

/// Elements whose inside is no text of the document.
const CODE: &[&str] = &["script", "style", "iframe", "noscript", "noembed", "noframes", "xmp", "plaintext"];

/// Elements whose inside is text without markup.
const PLAIN: &[&str] = &["title", "textarea"];

/// Attributes that name something to be opened or loaded.
const LINKS: &[&str] =
    &["href", "src", "action", "formaction", "cite", "data", "poster", "background", "xlink:href", "ping", "longdesc"];

/// What a link may begin with.
const SCHEMES: &[&str] = &["http", "https", "mailto", "tel"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// Behind `<`.
    Open,
    /// Behind `<!`: a comment, or a declaration.
    Bang,
    Comment,
    TagName,
    InTag,
    AttributeName,
    /// Behind the name of an attribute, before `=`.
    BehindName,
    BehindEquals,
    Quoted(char),
    Unquoted,
    /// Inside of an element of [`CODE`] or [`PLAIN`], until its end.
    Inside,
}

/// Reads the literal text of a document, and knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reader {
    state: State,
    tag: String,
    is_end: bool,
    attribute: String,
    /// The last characters, where an end is looked for.
    tail: String,
    /// Whether nothing but blanks stands before this in the value of the attribute.
    is_start: bool,
    /// Whether a value began the value of the attribute.
    has_value: bool,
}

impl Reader {
    /// Whether the document may end here, or go on as it began.
    pub(crate) fn is_in_text(&self) -> bool {
        self.state == State::Text
    }

    pub(super) fn read(&mut self, text: &str) {
        text.chars().for_each(|character| self.step(character));
    }

    fn step(&mut self, c: char) {
        let lower = c.to_ascii_lowercase();
        self.state = match (self.state, c) {
            (State::Text, '<') => {
                self.tag.clear();
                self.is_end = false;
                State::Open
            }
            (State::Text, _) => State::Text,
            (State::Open, '!' | '?') => {
                self.tail.clear();
                State::Bang
            }
            (State::Open, '/') if !self.is_end => {
                self.is_end = true;
                State::Open
            }
            (State::Open, _) if c.is_ascii_alphabetic() => {
                self.tag.push(lower);
                State::TagName
            }
            (State::Open, '<') => State::Open,
            (State::Open, _) => State::Text,
            (State::Bang, '>') => State::Text,
            (State::Bang, _) => {
                self.tail.push(c);
                if self.tail == "--" { State::Comment } else { State::Bang }
            }
            (State::Comment, '>') if self.tail.ends_with("--") => State::Text,
            (State::Comment, _) => {
                self.keep(lower);
                State::Comment
            }
            (State::TagName | State::InTag | State::AttributeName | State::BehindName, '>') => self.end_of_tag(),
            (State::BehindEquals | State::Unquoted, '>') => self.end_of_tag(),
            (State::TagName, _) if c.is_ascii_whitespace() || c == '/' => State::InTag,
            (State::TagName, _) => {
                self.tag.push(lower);
                State::TagName
            }
            (State::InTag, _) if c.is_ascii_whitespace() || c == '/' => State::InTag,
            (State::AttributeName, _) if c.is_ascii_whitespace() => State::BehindName,
            (State::AttributeName | State::BehindName, '=') => State::BehindEquals,
            (State::BehindName, _) if c.is_ascii_whitespace() => State::BehindName,
            (State::AttributeName, '/') => State::InTag,
            (State::AttributeName, _) => {
                self.attribute.push(lower);
                State::AttributeName
            }
            (State::InTag | State::BehindName, _) => {
                self.attribute = lower.to_string();
                State::AttributeName
            }
            (State::BehindEquals, '"' | '\'') => {
                (self.is_start, self.has_value) = (true, false);
                State::Quoted(c)
            }
            (State::BehindEquals, _) if c.is_ascii_whitespace() => State::BehindEquals,
            (State::BehindEquals, _) => State::Unquoted,
            (State::Quoted(quote), _) if c == quote => State::InTag,
            (State::Quoted(quote), _) => {
                self.is_start &= c.is_whitespace();
                State::Quoted(quote)
            }
            (State::Unquoted, _) if c.is_ascii_whitespace() => State::InTag,
            (State::Unquoted, _) => State::Unquoted,
            (State::Inside, _) => {
                self.keep(lower);
                let is_end = self.tail.strip_suffix(&self.tag).is_some_and(|before| before.ends_with("</"));
                self.is_end = is_end;
                if is_end { State::TagName } else { State::Inside }
            }
        };
    }

    /// Keeps the last characters only.
    fn keep(&mut self, character: char) {
        if self.tail.len() > 64 {
            self.tail = self.tail.chars().skip(self.tail.chars().count() / 2).collect();
        }
        self.tail.push(character);
    }

    fn end_of_tag(&mut self) -> State {
        self.tail.clear();
        match !self.is_end && (CODE.contains(&&*self.tag) || PLAIN.contains(&&*self.tag)) {
            true => State::Inside,
            false => State::Text,
        }
    }

    /// How a value is escaped that stands here.
    pub(super) fn value(&mut self) -> Result<Way, Words> {
        match self.state {
            State::Text => Ok(Way::Html),
            State::Inside if PLAIN.contains(&&*self.tag) => Ok(Way::HtmlInside),
            State::Quoted(_) => {
                let name = shorten(&self.attribute);
                if self.attribute.starts_with("on") || matches!(&*self.attribute, "style" | "srcdoc" | "srcset") {
                    return Err(words!(
                        "属性「{name}」の中に値は使用できません",
                        "a value cannot stand in the attribute \"{name}\""
                    ));
                }
                if !self.is_start || !LINKS.contains(&&*self.attribute) {
                    return Ok(Way::HtmlInside);
                }
                match std::mem::replace(&mut self.has_value, true) {
                    false => Ok(Way::HtmlLink),
                    true => Err(words!(
                        "属性「{name}」の先頭に2つの値は使用できません",
                        "two values cannot begin the attribute \"{name}\""
                    )),
                }
            }
            _ => Err(words!(
                "HTMLの値は、本文の中か、引用符で囲まれた属性の値の中に置いてください",
                "in HTML a value stands in the text, or between the quotes of an attribute"
            )),
        }
    }
}

/// Refuses what would not open something by a known way.
pub(super) fn check_link(text: &str) -> Result<(), Words> {
    // Browsers leave out blanks and control characters.
    let seen = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect::<String>();
    let scheme = seen.find(':').map(|at| &seen[..at]).filter(|before| !before.contains(['/', '?', '#']));
    match scheme {
        Some(scheme) if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            let scheme = shorten(scheme);
            Err(words!(
                "「{scheme}:」で始まるリンクは使用できません（http・https・mailto・tel）",
                "a link cannot begin with \"{scheme}:\" (http, https, mailto, tel)"
            ))
        }
        _ => Ok(()),
    }
}

/// Text as HTML shows it.
pub(super) fn write(text: &str, line_end: &str, out: &mut String) {
    let mut before = ' ';
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' if before == '\r' => {}
            '\n' | '\r' => out.push_str(line_end),
            other => out.push(other),
        }
        before = character;
    }
}

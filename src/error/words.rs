//! Pieces of messages in both languages.

use std::borrow::Cow;
use std::fmt;

use super::Language;

/// A piece of a message, such as the rule that a value broke, in both languages. Figures, names and what other libraries
/// say are the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    Same(Cow<'static, str>),
    /// Japanese, English.
    Both(Box<[String; 2]>),
}

/// Words from two format strings, Japanese and English, with the same arguments. Behind `;` stand variables that are
/// words themselves.
macro_rules! words {
    ($ja:literal, $en:literal $(, $argument:expr)* ; $($words:ident),+ $(,)?) => {
        $crate::error::Words::both(
            {
                $(let $words = $words.get($crate::error::Language::Japanese);)+
                format!($ja $(, $argument)*)
            },
            {
                $(let $words = $words.get($crate::error::Language::English);)+
                format!($en $(, $argument)*)
            },
        )
    };
    ($ja:literal, $en:literal $(, $argument:expr)* $(,)?) => {
        $crate::error::Words::both(format!($ja $(, $argument)*), format!($en $(, $argument)*))
    };
}
pub(crate) use words;

impl Words {
    pub(crate) const NONE: Words = Words::Same(Cow::Borrowed(""));

    pub(crate) fn both(ja: impl Into<String>, en: impl Into<String>) -> Words {
        Words::Both(Box::new([ja.into(), en.into()]))
    }

    /// What `say` says in each language.
    pub(crate) fn of(say: impl Fn(Language) -> String) -> Words {
        Words::both(say(Language::Japanese), say(Language::English))
    }

    pub(crate) fn get(&self, language: Language) -> &str {
        match (self, language) {
            (Words::Same(text), _) => text,
            (Words::Both(texts), Language::Japanese) => &texts[0],
            (Words::Both(texts), Language::English) => &texts[1],
        }
    }

    /// Several, one after the other.
    pub(crate) fn list(all: &[Words], between: &str) -> Words {
        Words::of(|language| all.iter().map(|words| words.get(language)).collect::<Vec<_>>().join(between))
    }
}

impl Default for Words {
    fn default() -> Words {
        Words::NONE
    }
}

/// What becomes words: words, and any text.
pub(crate) trait IntoWords {
    fn into_words(self) -> Words;
}

impl IntoWords for Words {
    fn into_words(self) -> Words {
        self
    }
}

/// A text is the same in both languages.
impl<T: fmt::Display> IntoWords for T {
    fn into_words(self) -> Words {
        Words::Same(Cow::Owned(self.to_string()))
    }
}

/// Why the system refused a file.
pub(crate) fn io_words(error: &std::io::Error) -> Words {
    use std::io::ErrorKind;
    let ja = match error.kind() {
        ErrorKind::NotFound => "存在しません",
        ErrorKind::PermissionDenied => "アクセス権がありません",
        ErrorKind::AlreadyExists => "すでに存在します",
        ErrorKind::IsADirectory => "フォルダです",
        ErrorKind::NotADirectory => "フォルダではないものが途中にあります",
        ErrorKind::ReadOnlyFilesystem => "読み取り専用のディスクです",
        ErrorKind::StorageFull => "ディスクの空き容量がありません",
        ErrorKind::InvalidFilename => "ファイル名が正しくありません",
        ErrorKind::BrokenPipe => "出力先が閉じられました",
        ErrorKind::TimedOut => "時間内に終わりませんでした",
        _ => return error.into_words(),
    };
    Words::both(ja, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_said_in_both_languages() {
        let (count, most) = (3, 2);
        let fault = words!("{count}個あります（上限{most}）", "it has {count}; {most} is the limit");
        let fault = words!("項目「{}」: {fault}", "field \"{}\": {fault}", "a"; fault);
        let both = Words::list(&[fault, "x".into_words()], " / ");
        assert_eq!(both.get(Language::Japanese), "項目「a」: 3個あります（上限2） / x");
        assert_eq!(both.get(Language::English), "field \"a\": it has 3; 2 is the limit / x");
    }

    #[test]
    fn words_are_no_larger_than_a_text() {
        assert_eq!(size_of::<Words>(), size_of::<String>());
    }
}

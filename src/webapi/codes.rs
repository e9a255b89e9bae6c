//! The one table of the codes and messages that the Web API answers with.
//!
//! An error has an outer code for the whole call, and inner codes for single parameters and items. Those that clients
//! know from 働くDB / 楽楽販売 keep their numbers and words; the others are ours, from 901 and from 1001 on, out of the way
//! of numbers nobody has seen yet.

use crate::error::Code;

macro_rules! outer {
    ($($name:ident $number:literal $status:literal $message:literal $about:literal;)*) => {
        /// The outer codes: `errors.code` and `errors.msg` of an answer, with its HTTP status.
        ///
        /// | code | HTTP | message | when |
        /// | --- | --- | --- | --- |
        $(#[doc = concat!("| `", $number, "` | ", stringify!($status), " | ", $message, " | ", $about, " |")])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum OuterCode { $(#[doc = $about] $name,)* }

        impl OuterCode {
            /// Every outer code, in the order of the table.
            pub const ALL: &'static [OuterCode] = &[$(OuterCode::$name,)*];

            /// The code as it stands in the answer.
            pub fn number(self) -> &'static str {
                match self { $(OuterCode::$name => $number,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(OuterCode::$name => $status,)* }
            }

            /// The sentence.
            pub fn message(self) -> &'static str {
                match self { $(OuterCode::$name => $message,)* }
            }
        }
    };
}

outer! {
    TokenMissing "1" 401 "認証に失敗しました。APIトークンが指定されていません。" "no header `X-HD-apitoken`";
    TokenRefused "2" 401 "認証に失敗しました。APIトークンが正しくありません。" "an unknown, revoked or expired token, or one of an inactive user";
    AddressRefused "7" 403 "アクセスが拒否されました。" "the caller's address is on no allow-list";
    Parameter "100" 400 "パラメータが不正です。" "see the inner codes";
    NoFunction "901" 404 "指定されたAPIは存在しません。" "no function of that name, or another account";
    NotPost "902" 405 "POSTメソッドで呼び出してください。" "a method other than POST";
    TooManyCalls "903" 429 "APIの実行回数が制限を超えました。" "more calls in a minute than allowed";
    NotPermitted "904" 403 "この操作を行う権限がありません。" "the user of the token lacks a permission";
    BodyLarge "905" 413 "リクエストのサイズが上限を超えています。" "a body beyond the limits of the dispatcher";
    BodyBroken "906" 400 "リクエストを最後まで受信できませんでした。" "the connection ended or was too slow in the middle of the body";
    Busy "907" 503 "混雑しているため処理できませんでした。しばらくしてから再度実行してください。" "another writer held the store for too long";
    Internal "908" 500 "サーバ内部でエラーが発生しました。" "a fault of the server, told in its log";
}

macro_rules! inner {
    ($($name:ident $number:literal $message:literal $about:literal;)*) => {
        /// The inner codes: `code` and `msg` of the entries of `errors.description`.
        ///
        /// In messages, `{name}` is the display name of the item and `{rule}` the figure of the limit.
        ///
        /// | code | message | when |
        /// | --- | --- | --- |
        $(#[doc = concat!("| `", $number, "` | ", $message, " | ", $about, " |")])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum InnerCode { $(#[doc = $about] $name,)* }

        impl InnerCode {
            /// Every inner code, in the order of the table.
            pub const ALL: &'static [InnerCode] = &[$(InnerCode::$name,)*];

            /// The code as it stands in the answer.
            pub fn number(self) -> &'static str {
                match self { $(InnerCode::$name => $number,)* }
            }

            /// The sentence, with `{name}` and `{rule}` still in it.
            pub fn message(self) -> &'static str {
                match self { $(InnerCode::$name => $message,)* }
            }
        }
    };
}

inner! {
    // Parameters.
    NotFound "8" "紐づくデータが存在しません。" "a parameter names no database, setting, file, process or record";
    ParameterMissing "1001" "必須パラメータが指定されていません。" "a required parameter is absent or empty";
    ParameterNumber "1002" "0以上の整数で指定してください。" "`limit` or `offset` is no whole number";
    ParameterFlag "1003" "0または1で指定してください。" "a switch is neither `0` nor `1`";
    ParameterType "1004" "値の形式が正しくありません。" "a parameter is of another type: a list where a text is wanted, a text where an object is wanted";
    BodyJson "1005" "リクエストのJSONを読み取れません。" "the body, or the part `json`, is no JSON object";
    BodyMultipart "1006" "リクエストをマルチパート形式として読み取れません。" "the body of an upload is not multipart, or ends in the middle";
    UploadLarge "1007" "ファイルのサイズが上限（{rule}バイト）を超えています。" "an uploaded file has too many bytes";
    UploadLong "1008" "ファイルの行数が上限（{rule}行）を超えています。" "an uploaded file has too many lines";
    RecordLinked "1009" "他のレコードから紐づけられているため、削除できません。" "the record to be deleted is linked from others";
    DetailsMany "1010" "明細の行数が上限（{rule}行）を超えています。" "a record would have too many detail rows";
    SettingUnusable "1011" "この設定は使用できません。" "a list, search or import setting does not fit its database any more";
    RecordChanged "1012" "他の処理によって更新されているため、処理できませんでした。" "somebody else changed the record at the same time";
    // Items.
    ChoiceUnknown "37" "'{name}'に選択された値は、選択肢として設定されていません。" "a label that is not among the choices";
    DateInvalid "39" "'{name}'に入力された値が、日付として正しくありません。" "no date, or no date and time";
    LinkUnknown "8" "'{name}'に紐づくデータが存在しません。" "a link names no record";
    Required "1101" "'{name}'を入力してください。" "a required item would be empty, also one that the call does not mention";
    NumberInvalid "1102" "'{name}'に入力された値が、数値として正しくありません。" "no number";
    NumberScale "1103" "'{name}'の小数は{rule}桁以内で入力してください。" "too many decimal places";
    NumberRange "1104" "'{name}'に入力された値が、範囲外です（{rule}）。" "a number below the least or above the greatest";
    NumberDigits "1105" "'{name}'に入力された値の桁数が多すぎます。" "more than 18 digits";
    TimeInvalid "1106" "'{name}'に入力された値が、時間として正しくありません。" "no time of day";
    DateRange "1107" "'{name}'に入力された日付が、範囲外です（{rule}）。" "a date out of range";
    TextLong "1108" "'{name}'は{rule}文字以内で入力してください。" "too many characters";
    TextCharacters "1109" "'{name}'に使用できない文字が含まれています。" "characters that the item does not take";
    TextHalfKana "1110" "'{name}'に半角カタカナを使用しないで下さい。" "half-width katakana where they are not taken";
    TextLine "1111" "'{name}'に改行は入力できません。" "a line break in a text of one line";
    TextNul "1112" "'{name}'に使用できない制御文字が含まれています。" "a NUL character";
    UserUnknown "1113" "'{name}'に指定されたユーザが存在しません。" "a user item names nobody";
    EmailInvalid "1114" "'{name}'に入力された値が、メールアドレスとして正しくありません。" "no mail address";
    UrlInvalid "1115" "'{name}'に入力された値が、URLとして正しくありません。" "no http or https address";
    PhoneInvalid "1116" "'{name}'に入力された値が、電話番号として正しくありません。" "no phone number";
    FileUnknown "1117" "'{name}'に指定されたファイルが存在しません。" "a file item names no stored file";
    FileAttached "1118" "'{name}'に指定されたファイルは、すでに別のレコードで使われています。" "the stored file belongs to another record";
    FileLarge "1119" "'{name}'に指定されたファイルが大きすぎます（上限{rule}バイト）。" "the stored file is larger than the item takes";
    Duplicate "1120" "'{name}'に入力された値は、すでに別のレコードで設定されています。" "a key, or a value that must be unique, exists already";
    KeyFormat "1121" "'{name}'にてキー項目の形式として正しくありません。" "the key does not have its form";
    KeyIssued "1122" "'{name}'は自動採番のため、値を指定できません。" "a key that is numbered automatically cannot be changed";
    ReadOnly "1123" "'{name}'は自動で設定される項目のため、値を指定できません。" "a calculated, numbered or referring item takes no value";
    CalculationFailed "1124" "'{name}'を計算できません。" "a calculation over the values has no result";
    TypeMismatch "1125" "'{name}'の値の形式が正しくありません。" "a list for an item of one value, or an object";
    FieldUnknown "1126" "項目が存在しません。" "no item has this ID";
    DetailKeyUnknown "1127" "明細行が存在しません。" "no detail row is meant";
    DetailsAbsent "1128" "このDBに明細はありません。" "detail rows for a database without detail items";
    Other "1199" "'{name}'に入力された値が正しくありません。" "anything else";
}

impl InnerCode {
    /// What the refusal of a value is called on the wire.
    pub(super) fn of_value(code: Code) -> InnerCode {
        match code {
            Code::Required => InnerCode::Required,
            Code::NumberInvalid => InnerCode::NumberInvalid,
            Code::NumberScale => InnerCode::NumberScale,
            Code::NumberRange => InnerCode::NumberRange,
            Code::NumberDigits => InnerCode::NumberDigits,
            Code::DateInvalid | Code::DateTimeInvalid => InnerCode::DateInvalid,
            Code::TimeInvalid => InnerCode::TimeInvalid,
            Code::DateRange => InnerCode::DateRange,
            Code::TextLong => InnerCode::TextLong,
            Code::TextCharacters => InnerCode::TextCharacters,
            Code::TextHalfKana => InnerCode::TextHalfKana,
            Code::TextLine => InnerCode::TextLine,
            Code::TextNul => InnerCode::TextNul,
            Code::ChoiceUnknown => InnerCode::ChoiceUnknown,
            Code::UserUnknown => InnerCode::UserUnknown,
            Code::EmailInvalid => InnerCode::EmailInvalid,
            Code::UrlInvalid => InnerCode::UrlInvalid,
            Code::PhoneInvalid => InnerCode::PhoneInvalid,
            Code::LinkUnknown => InnerCode::LinkUnknown,
            Code::FileUnknown => InnerCode::FileUnknown,
            Code::FileAttached => InnerCode::FileAttached,
            Code::FileLarge => InnerCode::FileLarge,
            Code::Duplicate => InnerCode::Duplicate,
            Code::KeyFormat => InnerCode::KeyFormat,
            Code::KeyIssued => InnerCode::KeyIssued,
            Code::ReadOnly => InnerCode::ReadOnly,
            Code::CalculationFailed => InnerCode::CalculationFailed,
            Code::TypeMismatch => InnerCode::TypeMismatch,
            Code::FieldUnknown => InnerCode::FieldUnknown,
            Code::DetailKeyUnknown => InnerCode::DetailKeyUnknown,
            Code::DetailsAbsent => InnerCode::DetailsAbsent,
            _ => InnerCode::Other,
        }
    }

    /// The sentence for an item.
    pub(super) fn render(self, name: &str, rule: &str) -> String {
        // The name goes in last: it may look like a placeholder itself.
        let mut out = String::new();
        let mut rest = self.message();
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            rest = &rest[open..];
            match () {
                () if rest.starts_with("{name}") => out.push_str(name),
                () => out.push_str(rule),
            }
            rest = &rest[6..];
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn every_refusal_of_a_value_has_a_code_of_its_own() {
        for code in Code::ALL.iter().filter(|code| code.kind() == Kind::Validation) {
            // These tell of several values or records.
            if !matches!(code, Code::RecordInvalid | Code::ImportRejected | Code::AutomationRefused) {
                assert_ne!(InnerCode::of_value(*code), InnerCode::Other, "{}", code.as_str());
            }
        }
    }

    #[test]
    fn numbers_are_distinct_but_for_the_known_double() {
        let mut numbers: Vec<&str> = InnerCode::ALL.iter().map(|code| code.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), InnerCode::ALL.len() - 1);
        let mut numbers: Vec<&str> = OuterCode::ALL.iter().map(|code| code.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), OuterCode::ALL.len());
    }

    #[test]
    fn messages_take_their_figures() {
        assert_eq!(InnerCode::TextLong.render("{rule}", "5"), "'{rule}'は5文字以内で入力してください。");
        assert_eq!(InnerCode::UploadLong.render("", "50000"), "ファイルの行数が上限（50000行）を超えています。");
        assert_eq!(InnerCode::NotFound.render("x", "y"), InnerCode::NotFound.message());
        for code in InnerCode::ALL {
            assert!(!code.render("N", "R").contains(['{', '}']), "{code:?}");
        }
    }
}

//! The one table of codes and messages, in Japanese and English.

/// What sort of trouble an [`Error`](crate::Error) is, for callers that branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The call itself was wrong: an argument, an option, a definition.
    Usage,
    /// A definition is not acceptable, or does not fit the records already stored.
    Definition,
    /// A value does not obey the rules of its field.
    Validation,
    /// The bytes of an input file are not what was declared.
    Input,
    /// What was named does not exist.
    NotFound,
    /// Somebody else changed it first, or it exists already.
    Conflict,
    /// A configured limit was passed.
    Limit,
    /// Who asks is not known, or may not do this.
    Denied,
    /// The operation was cancelled.
    Cancelled,
    /// The store is held by another writer for longer than allowed.
    Busy,
    /// The file is not a store that this version can use.
    Incompatible,
    /// An outside system could not be reached, did not answer, or refused.
    Remote,
    /// The file system or SQLite failed.
    Storage,
    /// A fault in this crate.
    Internal,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $kind:ident $ja:literal $en:literal;)*) => {
        /// A stable code for everything that can be refused. [`Code::as_str`] is the form for logs and for the wire.
        ///
        /// Codes are never renamed or reused; new ones may be added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $en] $(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable text of the code, such as `value.date`.
            ///
            /// ```
            /// assert_eq!(renkei::Code::DateInvalid.as_str(), "value.date");
            /// ```
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The sort of trouble this code stands for.
            pub fn kind(self) -> Kind {
                match self { $(Code::$name => Kind::$kind,)* }
            }

            pub(super) fn template(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Code::$name, Language::Japanese) => $ja,
                      (Code::$name, Language::English) => $en,)*
                }
            }

            /// The code whose text is `text`.
            ///
            /// ```
            /// use renkei::Code;
            /// assert_eq!(Code::from_text("value.date"), Some(Code::DateInvalid));
            /// assert_eq!(Code::from_text("no.such.code"), None);
            /// ```
            pub fn from_text(text: &str) -> Option<Code> {
                match text { $($text => Some(Code::$name),)* _ => None }
            }
        }
    };
}

codes! {
    // Values of fields. {name} is the field's display name, {value} what was given, {rule} the rule's own figure.
    Required "value.required" Validation
        "'{name}'を入力してください。" "'{name}' is required: give a value.";
    NumberInvalid "value.number" Validation
        "'{name}'に入力された値「{value}」が、数値として正しくありません。" "'{name}': \"{value}\" is not a number.";
    NumberScale "value.number.scale" Validation
        "'{name}'の小数は{rule}桁までです: 「{value}」" "'{name}' takes at most {rule} decimal places: \"{value}\".";
    NumberRange "value.number.range" Validation
        "'{name}'の値「{value}」が範囲外です（{rule}）。" "'{name}': {value} is out of range ({rule}).";
    NumberDigits "value.number.digits" Validation
        "'{name}'の値「{value}」は桁数が多すぎます（18桁まで）。" "'{name}': {value} has too many digits (18 at most, decimal places included).";
    DateInvalid "value.date" Validation
        "'{name}'に入力された値が、日付として正しくありません。: 「{value}」" "'{name}': \"{value}\" is not a date (for example 2026-01-31 or 2026/01/31).";
    DateTimeInvalid "value.datetime" Validation
        "'{name}'に入力された値が、日時として正しくありません。: 「{value}」" "'{name}': \"{value}\" is not a date and time (for example 2026-01-31 09:30:00).";
    TimeInvalid "value.time" Validation
        "'{name}'に入力された値が、時間として正しくありません。: 「{value}」" "'{name}': \"{value}\" is not a time of day (for example 09:30 or 09:30:15).";
    DateRange "value.date.range" Validation
        "'{name}'の値「{value}」が範囲外です（{rule}）。" "'{name}': {value} is out of range ({rule}).";
    TextLong "value.text.long" Validation
        "'{name}'は{rule}文字以内で入力してください。" "'{name}' is too long: at most {rule} characters.";
    TextCharacters "value.text.characters" Validation
        "'{name}'に使用できない文字が含まれています（使用できる文字: {rule}）: 「{value}」" "'{name}': \"{value}\" has characters that are not allowed (allowed: {rule}).";
    TextHalfKana "value.text.half_kana" Validation
        "'{name}'に半角カタカナを使用しないで下さい。: 「{value}」" "'{name}': half-width katakana is not allowed: \"{value}\".";
    TextLine "value.text.line" Validation
        "'{name}'に改行は入力できません。" "'{name}' is a single line: line breaks are not allowed.";
    TextNul "value.text.nul" Validation
        "'{name}'にNUL文字は入力できません。" "'{name}' must not contain a NUL character.";
    ChoiceUnknown "value.choice" Validation
        "'{name}'に選択された値は、選択肢として設定されていません。: 「{value}」" "'{name}': \"{value}\" is not one of its choices ({rule}).";
    UserUnknown "value.user" Validation
        "'{name}'に指定されたユーザが存在しません。: 「{value}」" "'{name}': there is no user \"{value}\".";
    EmailInvalid "value.email" Validation
        "'{name}'に入力された値が、メールアドレスとして正しくありません。: 「{value}」" "'{name}': \"{value}\" is not a mail address.";
    UrlInvalid "value.url" Validation
        "'{name}'に入力された値が、URLとして正しくありません。: 「{value}」" "'{name}': \"{value}\" is not a URL (http:// or https://).";
    PhoneInvalid "value.phone" Validation
        "'{name}'に入力された値が、電話番号として正しくありません。: 「{value}」" "'{name}': \"{value}\" is not a phone number (digits, with +, -, ( ) and spaces between).";
    LinkUnknown "value.link" Validation
        "'{name}'に紐づくデータが存在しません。: 「{value}」" "'{name}': no record of '{rule}' has the key \"{value}\".";
    FileUnknown "value.file" Validation
        "'{name}'に指定されたファイルが存在しません。: 「{value}」" "'{name}': there is no stored file {value}.";
    FileAttached "value.file.attached" Validation
        "'{name}'に指定されたファイルは、すでに別のレコードで使われています。: 「{value}」" "'{name}': file {value} already belongs to another record; store the bytes again to use them twice.";
    FileLarge "value.file.large" Validation
        "'{name}'に指定されたファイルが大きすぎます（上限{rule}バイト）: 「{value}」" "'{name}': file {value} is larger than {rule} bytes.";
    Duplicate "value.duplicate" Validation
        "'{name}'に入力された値は、すでに別のレコードで設定されています。: 「{value}」" "'{name}': another record already has \"{value}\".";
    KeyFormat "value.key" Validation
        "'{name}'にてキー項目の形式として正しくありません。: 「{value}」（{rule}）" "'{name}': \"{value}\" does not have the form of the key ({rule}).";
    KeyIssued "value.key.issued" Validation
        "'{name}'は自動採番のため、値を指定できません。: 「{value}」" "'{name}' is numbered automatically: leave it out, or allow given numbers for this call.";
    ReadOnly "value.read_only" Validation
        "'{name}'は自動で設定される項目のため、値を指定できません。: 「{value}」" "'{name}' is filled in automatically and takes no value: leave it out.";
    CalculationFailed "value.calculation" Validation
        "'{name}'を計算できません（{rule}）。" "'{name}' cannot be calculated: {rule}.";
    TypeMismatch "value.type" Validation
        "'{name}'の値の型が正しくありません（{rule}）: 「{value}」" "'{name}' takes {rule}, not {value}.";
    FieldUnknown "field.unknown" Validation
        "項目「{value}」は存在しません。" "There is no field \"{value}\" in '{rule}'.";
    DetailKeyUnknown "detail.key" Validation
        "明細キー「{value}」の明細行が存在しません。" "No detail row has the detail key or id \"{value}\".";
    DetailsAbsent "detail.absent" Validation
        "データベース「{rule}」に明細はありません。" "Database '{rule}' has no detail rows: it defines no detail fields.";
    RecordInvalid "record.invalid" Validation
        "入力された値が正しくありません。" "The record was refused and nothing was written";

    // Records.
    RecordNotFound "record.not_found" NotFound
        "データベース「{rule}」にレコード{value}がありません。" "There is no record {value} in '{rule}'.";
    RevisionConflict "record.revision" Conflict
        "レコード「{value}」は他の利用者によって更新されています（{rule}）。" "Record {value} was changed by somebody else ({rule}): read it again, then repeat the change.";
    RecordLinked "record.linked" Conflict
        "レコード「{value}」は他のレコードから紐づけられているため、削除できません（{rule}）。" "Record {value} cannot be deleted: it is linked from {rule}. Delete or relink those first.";
    ApprovalAbsent "approval.absent" Usage
        "データベース「{value}」は承認を使用していません。" "Database '{value}' keeps no approval state: set `approval` in its definition first.";
    FileNotFound "file.not_found" NotFound
        "ファイル「{value}」が存在しません。" "There is no stored file {value}.";

    // Definitions.
    DatabaseNotFound "database.not_found" NotFound
        "データベース「{value}」が存在しません。" "There is no database \"{value}\" in this store.";
    DefinitionNotFound "definition.not_found" NotFound
        "{rule}「{value}」が存在しません。" "There is no {rule} \"{value}\".";
    DefinitionJson "definition.json" Definition
        "定義のJSONを読み取れません: {rule}" "The definition is not readable: {rule}.";
    DefinitionInvalid "definition.invalid" Definition
        "定義「{name}」が正しくありません: {rule}" "The definition of '{name}' is not acceptable: {rule}.";
    DefinitionStored "definition.stored" Definition
        "定義「{name}」を変更できません。保存済みのレコードが新しい定義に合いません: {rule}" "The definition of '{name}' cannot be changed: records already stored do not fit it: {rule}. Mend them first.";
    DefinitionInUse "definition.in_use" Conflict
        "「{name}」は使用中です: {rule}。先に、または同じ文書でそれらを変更してください。" "'{name}' cannot be taken out of use: it is used by {rule}. Change those first, or in the same document.";

    ScheduleInvalid "schedule.invalid" Definition
        "スケジュールの'{name}'が正しくありません: {rule}（「{value}」）" "The schedule is not acceptable: '{name}' (\"{value}\"): {rule}.";

    // Queries.
    QueryField "query.field" Usage
        "「{value}」という項目はありません（{rule}）。" "\"{value}\" is no field of '{rule}'.";
    QueryOperator "query.operator" Usage
        "項目「{value}」に演算「{rule}」は使えません。" "The query applies \"{rule}\" to \"{value}\", a field whose type does not take it.";
    QueryValue "query.value" Usage
        "条件の値「{value}」が、項目「{name}」の値として正しくありません（{rule}）。" "The query compares '{name}' with \"{value}\", which is no value of that field: {rule}.";
    QueryShape "query.shape" Usage
        "検索条件が正しくありません: {rule}" "The query is not acceptable: {rule}.";

    // CSV files and import.
    CsvEncoding "csv.encoding" Input
        "'{name}'に{rule}として読めないバイトがあります: {value}" "'{name}' has a byte that is not {rule}: {value}.";
    CsvEncodingUnknown "csv.encoding.unknown" Input
        "文字コードを判定できません: {rule}" "The file is neither UTF-8 nor Shift_JIS (cp932): {rule}. Save it in one of the two.";
    CsvColumns "csv.columns" Input
        "インポート設定の項目設定で設定した項目数とインポートデータの項目数が異なります。（設定: {rule}、データ: {value}）" "The line has {value} columns where {rule} are expected.";
    CsvQuote "csv.quote" Input
        "引用符が閉じられていません: {value}" "A quoted cell is never closed; it begins: {value}.";
    CsvCellLong "csv.cell.long" Limit
        "セルまたは行が大きすぎます（上限{rule}バイト）。" "A cell or line is larger than {rule} bytes.";
    CsvColumnsMany "csv.columns.many" Limit
        "列数が多すぎます（上限{rule}列）。" "A line has more than {rule} columns.";
    CsvHeader "csv.header" Input
        "見出し行が設定と異なります。設定: {rule} / ファイル: {value}" "The header line differs from the setting. Expected: {rule}. Found: {value}.";
    CsvHeaderDuplicate "csv.header.duplicate" Input
        "見出し「{value}」が重複しています（{rule}列目）。" "The header \"{value}\" stands twice (columns {rule}): rename one, or map the columns by position.";
    CsvEmpty "csv.empty" Input
        "ファイルが空です: {rule}" "The file is empty: {rule}.";
    CsvUnmappable "csv.unmappable" Input
        "'{name}'の文字「{value}」は{rule}で表現できません。" "'{name}' has the character {value}, which {rule} cannot express: export as UTF-8, or choose to replace or report such characters.";
    ImportFileChanged "import.file_changed" Input
        "インポート中にファイル「{value}」が変更されました（{rule}）。" "The file {value} changed while it was being imported ({rule}): reserve the import again.";
    ImportFileMissing "import.file_missing" Input
        "インポートするファイル「{value}」を開けません: {rule}" "The file {value} cannot be opened: {rule}.";
    ImportKeyMissing "import.key_missing" NotFound
        "'{name}'が「{value}」のレコードが存在しません。" "'{name}': no record has the key \"{value}\" (this setting only updates).";
    ImportRejected "import.rejected" Validation
        "{value}件の行に誤りがあるため、何も登録しませんでした。" "{value} line(s) were refused, so nothing was imported (the setting is atomic).";
    JobGivenUp "job.given_up" Internal
        "処理が{value}回中断されたため、中止しました。" "The job ended the process that ran it {value} times and was given up.";
    UploadExpired "upload.expired" NotFound
        "一時ファイル「{value}」が存在しないか、保存期間を過ぎています。" "There is no upload {value}, or its time is over.";
    LimitPassed "limit" Limit
        "上限を超えました: {rule}（{value}）" "A limit was passed: {rule} ({value}).";

    // Jobs.
    JobNotFound "job.not_found" NotFound
        "処理「{value}」が存在しません。" "There is no job {value}.";
    JobState "job.state" Conflict
        "処理「{value}」は{rule}のため、この操作はできません。" "Job {value} is {rule}: that cannot be done now.";
    JobLost "job.lost" Conflict
        "処理「{value}」は他の実行者に引き継がれました。" "Job {value} was taken over by another worker.";
    Cancelled "cancelled" Cancelled
        "処理は中止されました。" "The operation was cancelled.";

    // Events.
    EventLoop "event.loop" Limit
        "'{name}'は実行しませんでした。処理が互いを起動する連鎖が上限に達しています（{rule}）。" "'{name}' was not run: runs that start one another have come to the limit ({rule}).";

    // Access. {name} is a user; secrets are never told.
    AccessDenied "access.denied" Denied
        "ユーザ「{name}」には、{value}の{rule}の権限がありません。" "The user \"{name}\" has not the right \"{rule}\" for {value}: grant it in his definition.";
    AdministratorOnly "access.administrator" Denied
        "ユーザ「{name}」は管理者ではないため、この操作はできません（{value}）。" "The user \"{name}\" is no administrator, and only administrators may do this ({value}).";
    UserInactive "access.user.inactive" Denied
        "ユーザ「{name}」は停止されています。" "The user \"{name}\" is not active.";
    TokenUnknown "access.token.unknown" Denied
        "認証に失敗しました。APIトークンが正しくありません。" "The token is none of this store: give one that was issued and is whole.";
    TokenExpired "access.token.expired" Denied
        "認証に失敗しました。APIトークンの有効期限が切れています（{rule}）。" "The token {value} has expired ({rule}): issue a new one.";
    TokenRevoked "access.token.revoked" Denied
        "認証に失敗しました。APIトークンは失効しています（{rule}）。" "The token {value} was revoked ({rule}): issue a new one.";
    TokenNotFound "access.token.not_found" NotFound
        "APIトークン「{value}」が存在しません。" "There is no token with the id {value}.";
    AddressDenied "access.address" Denied
        "アクセスが拒否されました（接続元: {value}、{rule}）。" "The address {value} is not on the allow-list of {rule}: add it there.";
    CallsExceeded "access.calls" Limit
        "APIの実行回数が制限を超えました（{rule}）。{value}秒後に再度実行してください。" "More calls than allowed ({rule}): try again in {value} s.";
    // What leaves the store.
    DeliveryInvalid "delivery.invalid" Usage
        "送信内容が正しくありません（{value}）: {rule}" "The message cannot be sent ({value}): {rule}.";
    DeliveryNotFound "delivery.not_found" NotFound
        "送信「{value}」が存在しません。" "There is no delivery {value}.";
    DeliveryState "delivery.state" Conflict
        "送信「{value}」は{rule}のため、この操作はできません。" "Delivery {value} is {rule}: that cannot be done now.";
    DeliveryExpired "delivery.expired" Remote
        "送信期限（{rule}）を過ぎたため、送信を中止しました。" "The delivery was given up: its time was over at {rule}.";
    DeliveryChannel "delivery.channel" Usage
        "「{value}」で送信する手段がありません: {rule}" "There is nothing to send by {value}: {rule}.";
    TargetNotFound "target.not_found" NotFound
        "連携先「{value}」が存在しません。" "There is no target \"{value}\".";
    AddressRefused "network.refused" Remote
        "「{value}」への接続は許可されていません: {rule}" "{value} may not be called: it is {rule}.";
    HostUnknown "network.host" Remote
        "ホスト「{value}」の名前を解決できません: {rule}" "The host {value} cannot be looked up: {rule}.";
    ConnectFailed "network.connect" Remote
        "「{value}」に接続できません: {rule}" "No connection to {value}: {rule}.";
    TlsFailed "network.tls" Remote
        "「{value}」とのTLS接続を確立できません: {rule}" "No secure connection to {value}: {rule}.";
    AnswerMissing "answer.missing" Remote
        "「{value}」から応答がありません: {rule}" "No whole answer from {value}: {rule}.";
    AnswerTimeout "answer.timeout" Remote
        "「{value}」の応答が制限時間（{rule}）内にありませんでした。" "No whole answer from {value} within {rule}.";
    AnswerInvalid "answer.invalid" Remote
        "「{value}」の応答が正しくありません: {rule}" "The answer of {value} cannot be understood: {rule}.";
    AnswerRefused "answer.refused" Remote
        "「{name}」がエラーを返しました（ステータス{value}）。{rule}" "{name} answered with the status {value}.{rule}";
    SecretNotFound "secret.not_found" NotFound
        "シークレット「{value}」が登録されていません。" "There is no secret \"{value}\".";
    SecretKey "secret.key" Usage
        "シークレットの鍵を使用できません: {rule}" "Secrets cannot be opened: {rule}.";
    SecretInvalid "secret.invalid" Usage
        "シークレット「{value}」が正しくありません: {rule}" "The secret \"{value}\" is not acceptable: {rule}.";
    SignatureInvalid "signature.invalid" Input
        "署名が正しくありません: {rule}" "The signature does not hold: {rule}.";
    // Settings of what is sent, and what becomes of it.
    TemplateSyntax "template.syntax" Definition
        "'{name}'のテンプレートが正しくありません: {rule}" "The template of '{name}' is not acceptable: {rule}.";
    TemplateField "template.field" Definition
        "「{name}」のテンプレートの項目「{value}」は使用できません（{rule}）。" "A template of '{name}' names \"{value}\", which it cannot: {rule}.";
    TemplateValue "template.value" Usage
        "'{name}'の値「{value}」は送信できません（{rule}）。" "The value of '{name}' cannot be sent where it stands: {rule} (\"{value}\").";
    AnswerUnusable "answer.unusable" Input
        "応答から'{name}'に保存できません（{rule}）。" "Nothing of the answer can be saved in '{name}': {rule}.";
    MenuAbsent "menu.absent" NotFound
        "「{value}」はメニューに設定されていません（{rule}）。" "\"{value}\" is not in the menu ({rule}): add it to the list first.";
    PushEmpty "push.empty" Input
        "送信するレコードがありません（{value}）。" "There are no records to be sent by \"{value}\": choose others, or allow empty runs in its setting.";
    HttpSendTimer "http_send.timer" Usage
        "http送信「{value}」はタイマーでは実行できません。一覧画面のボタン（1レコード）またはプルダウン（選択した100レコードまで）から実行してください。"
        "The http send \"{value}\" cannot be started by a timer: start it from a list, by the button (one record) or the pulldown (ticked records, at most 100).";
    HttpSendSettingsScreen "http_send.settings_screen" Usage
        "http送信「{value}」は設定画面からの即時実行はできません。一覧画面のボタン（1レコード）またはプルダウン（選択した100レコードまで）から実行してください。"
        "The http send \"{value}\" cannot be started at once from the screen of its setting: start it from a list, by the button (one record) or the pulldown (ticked records, at most 100).";
    HttpSendSubMenu "http_send.sub_menu" Usage
        "http送信「{value}」は一覧のサブメニューからは実行できません。一覧画面のボタン（1レコード）またはプルダウン（選択した100レコードまで）から実行してください。"
        "The http send \"{value}\" cannot be started from the sub-menu of a list: start it by the button (one record) or the pulldown (ticked records, at most 100).";
    HttpSendTemplatedMail "http_send.templated_mail" Usage
        "http送信「{value}」は定型メールの受信では実行できません。一覧画面のボタン（1レコード）またはプルダウン（選択した100レコードまで）から実行してください。"
        "The http send \"{value}\" cannot be started by the receipt of a templated mail: start it from a list, by the button (one record) or the pulldown (ticked records, at most 100).";
    HttpSendTrigger "http_send.trigger" Usage
        "http送信「{value}」は{rule}では実行できません。一覧画面のボタン（1レコード）またはプルダウン（選択した100レコードまで）から実行してください。"
        "The http send \"{value}\" cannot be started by {rule}: start it from a list, by the button (one record) or the pulldown (ticked records, at most 100).";
    HttpSendRecords "http_send.records" Limit
        "http送信「{name}」の対象レコード数が正しくありません（{value}件）。ボタンは1レコード、プルダウンは1～100レコードです。"
        "The http send '{name}' was started for {value} record(s): the button takes one, the pulldown 1 to 100.";
    MailFeature "mail.feature" Usage
        "このプログラムはメール送信に対応していません（機能「mail」なしでビルドされています）。" "This program cannot send mail: it was built without the feature `mail`.";
    MailInvalid "mail.invalid" Usage
        "メールを送信できません（{rule}）: 「{value}」" "The mail cannot be sent: {rule} (\"{value}\").";
    MailServer "mail.server" Remote
        "メールサーバ「{value}」に送信できません: {rule}" "The mail server {value} could not be reached or used: {rule}.";

    // Automations. {name} is the automation, or one of its parts.
    AutomationHttpSend "automation.http_send" Usage
        "自動処理「{name}」はhttp送信のパーツ「{value}」を含むため、{rule}では実行できません。一覧画面のボタン（1レコード）またはプルダウン（選択した100レコードまで）から実行してください。"
        "The automation '{name}' has the http send part \"{value}\" and cannot be started by {rule}: start it from a list, by the button (one record) or the pulldown (ticked records, at most 100).";
    AutomationTrigger "automation.trigger" Usage
        "自動処理「{name}」は{rule}では実行できません。設定の`triggers`に追加してください。"
        "The automation '{name}' is not to be started by {rule}: add that to its `triggers` first.";
    AutomationDisabled "automation.disabled" Conflict
        "自動処理「{name}」は停止中です。" "The automation '{name}' is not enabled: set `enabled` in its definition first.";
    AutomationRecords "automation.records" Limit
        "自動処理「{name}」の対象レコード数が正しくありません（{value}件、{rule}）。"
        "The automation '{name}' was started for {value} record(s): {rule}.";
    AutomationDelete "automation.delete" Limit
        "パーツ「{name}」が削除するレコードが、1回の実行の上限を超えます（{value}件、上限{rule}件）。このパーツでは削除されませんでした。"
        "The part '{name}' would delete {value} records in this run, and may delete {rule}: it deleted none of these.";
    AutomationRefused "automation.refused" Validation
        "パーツ「{name}」で{value}件のレコードを処理できませんでした: {rule}" "The part '{name}' failed for {value} record(s): {rule}";
    AutomationSend "automation.send" Remote
        "パーツ「{name}」で{value}件を送信できませんでした: {rule}" "The part '{name}' could not send {value} message(s): {rule}.";
    AutomationMail "automation.mail" Input
        "自動処理「{name}」の定型メールではありません: {rule}" "That is no templated mail of the automation '{name}': {rule}.";

    // Findings of a check of the store; never the error of a call. {name} is what it is about, {value} how many places,
    // {rule} the first of them.
    CheckSqlite "check.sqlite" Storage
        "SQLiteの検査で異常が{value}件見つかりました: {rule}" "SQLite's own check finds {value} fault(s): {rule}.";
    CheckUnreadable "check.unreadable" Storage
        "検査「{name}」を終えることができません: {rule}" "The check of {name} cannot be completed: {rule}.";
    CheckForeignKey "check.foreign_key" Storage
        "「{name}」に、存在しない行を指す行が{value}件あります: {rule}" "{value} row(s) of {name} name a row that does not exist: {rule}.";
    CheckDefinition "check.definition" Storage
        "定義に異常が{value}件あります: {rule}" "{value} fault(s) in definitions: {rule}.";
    CheckTable "check.table" Storage
        "「{name}」のテーブルが定義と一致しません: {rule}" "The table {name} is not what its definition says: {rule}.";
    CheckIndex "check.index" Storage
        "「{name}」の索引が定義と一致しません: {rule}" "The indexes of {name} are not what its definition says: {rule}.";
    CheckView "check.view" Storage
        "「{name}」のビューを開けません: {rule}" "The view of {name} cannot be opened: {rule}. Applying a changed definition makes it anew.";
    CheckOther "check.other" Storage
        "このライブラリが作成していないものが{value}件あります: {rule}" "{value} thing(s) in the file were made by another program: {rule}.";
    CheckFullText "check.full_text" Storage
        "「{name}」の全文索引が{value}件のレコードと一致しません: {rule}" "The full-text index of {name} is not in step with {value} record(s): {rule}. Turn `full_text` off and on again.";
    CheckValue "check.value" Storage
        "「{name}」に、規則に合わない値が{value}件あります: {rule}" "{value} value(s) of {name} do not obey its rules: {rule}.";
    CheckCalculation "check.calculation" Storage
        "「{name}」に、計算結果と異なる値が{value}件あります: {rule}" "{value} value(s) of {name} are not what its expression gives: {rule}.";
    CheckRecord "check.record" Storage
        "「{name}」に、システム項目が正しくないレコードが{value}件あります: {rule}" "{value} record(s) of {name} have system fields that cannot be: {rule}.";
    CheckDetails "check.details" Storage
        "「{name}」に、明細行が欠けているレコードが{value}件あります: {rule}" "{value} record(s) of {name} miss detail rows: {rule}.";
    CheckNumber "check.number" Storage
        "「{name}」の採番が、使用済みの番号より遅れています: {rule}" "The counter of {name} is behind numbers that were given: {rule}.";
    CheckId "check.id" Storage
        "次に割り当てるIDが、使用済みのIDより遅れています: {rule}" "The next id is behind ids in use: {rule}.";
    CheckFile "check.file" Storage
        "保存されたファイルに異常が{value}件あります: {rule}" "{value} fault(s) in stored files: {rule}.";
    CheckJob "check.job" Storage
        "処理の状態に異常が{value}件あります: {rule}" "{value} fault(s) in the states of jobs: {rule}.";
    CheckImport "check.import" Storage
        "インポートの記録に異常が{value}件あります: {rule}" "{value} fault(s) in the records of imports: {rule}.";
    CheckDelivery "check.delivery" Storage
        "送信とその実行に異常が{value}件あります: {rule}" "{value} fault(s) in deliveries and the runs that made them: {rule}.";
    CheckAutomation "check.automation" Storage
        "自動処理の実行の記録に異常が{value}件あります: {rule}" "{value} fault(s) in the records of automations: {rule}.";
    CheckEvent "check.event" Storage
        "イベントとその受信者に異常が{value}件あります: {rule}" "{value} fault(s) in events and those who listen: {rule}.";
    CheckAccess "check.access" Storage
        "ユーザ・権限・APIトークンに異常が{value}件あります: {rule}" "{value} fault(s) in users, rights and tokens: {rule}.";
    CheckOrphan "check.orphan" Storage
        "「{name}」に、何にも属さない行が{value}件あります: {rule}" "{value} row(s) of {name} belong to nothing: {rule}.";
    CheckDeferredIndex "check.deferred_index" Storage
        "「{name}」の索引は、次に動作するWorkerが作成します: {rule}" "The indexes of {name} are still to be made, by the next worker that runs: {rule}.";
    CheckUnfit "check.unfit" Storage
        "「{name}」にない項目を使用する定義が{value}件あります（項目を戻すか、定義を変更してください）: {rule}" "{value} definition(s) name fields that {name} does not have: {rule}. Bring the fields back, or change the definitions.";
    CheckLeft "check.left" Storage
        "停止したWorkerが残したものが{value}件あり、次に動作するWorkerが引き継ぎます: {rule}" "{value} thing(s) were left by a worker that is gone, for the next one that runs: {rule}.";

    // Backups.
    BackupTarget "backup.target" Usage
        "「{value}」にバックアップできません: {rule}" "A backup cannot go to {value}: {rule}.";
    BackupUnsound "backup.unsound" Storage
        "バックアップの検査で異常が見つかったため、破棄しました: {rule}" "The copy was discarded, since its check found: {rule}.";

    // The store.
    StoreForeign "store.foreign" Incompatible
        "「{value}」は連携のストアではありません: {rule}" "{value} is not a renkei store: {rule}. Choose another path; the file was not touched.";
    StoreNewer "store.newer" Incompatible
        "「{value}」は新しい版（{rule}）で作られています。" "{value} was written by a newer version ({rule}): update this program. The file was not touched.";
    StoreMissing "store.missing" NotFound
        "ストア「{value}」が存在しません。" "There is no store at {value}: create it first, or open it with `create(true)`.";
    StoreUnwritable "store.unwritable" Storage
        "「{value}」に書き込めません: {rule}" "{value} cannot be written: {rule}. Check that the directory exists, its permissions and the free space.";
    StoreCorrupt "store.corrupt" Storage
        "ストア「{value}」が壊れています: {rule}" "The store {value} is damaged: {rule}. Restore it from a backup.";
    StoreFull "store.full" Storage
        "ディスクの空き容量がありません。" "The disk is full: nothing of the last change was kept. Free some space and try again.";
    StoreBusy "store.busy" Busy
        "他の処理がストアを使用中です（{rule}待機しました）。" "Another writer has held the store for more than {rule}: try again later.";
    StoreReentered "store.reentered" Usage
        "このスレッドはすでにこのストアのトランザクションの中にあります。トランザクションを通して書き込んでください。" "This thread is inside a transaction of this store already: write through the transaction, or after its end.";
    SqliteOld "sqlite.old" Incompatible
        "SQLite {value}は使用できません（{rule}以降が必要です）。" "SQLite {value} can lose commits in WAL mode; {rule} or newer is needed. Enable the feature `bundled`.";
    Sqlite "sqlite" Storage
        "SQLiteのエラー: {rule}" "SQLite failed: {rule}.";
    Io "io" Storage
        "入出力エラー: {rule}" "Reading or writing failed: {rule}.";
    JsonInvalid "json" Usage
        "JSON（{name}）を読み取れません: {rule}" "The JSON of {name} is not readable: {rule}.";

    // The C boundary: what a caller in another language can do wrong. {rule} names the argument.
    NullPointer "c.null" Usage
        "引数{rule}がNULLです。" "The argument {rule} is NULL.";
    BadLength "c.length" Usage
        "引数{rule}の長さが正しくありません: {value}" "The argument {rule} has an impossible length: {value}.";
    BadUtf8 "c.utf8" Usage
        "引数{rule}はUTF-8ではありません（{value}バイト目）。" "The argument {rule} is not UTF-8 (byte {value}, counted from 0).";
    BadHandle "c.handle" Usage
        "{rule}のハンドルが無効です（解放済み、または別の種類です）。" "This is no open handle of a {rule}: it was closed already, or is a handle of something else.";
    BadStruct "c.struct" Usage
        "構造体{rule}が正しくありません（{value}）。" "The struct {rule} is not acceptable: {value}.";
    HandleInUse "c.in_use" Usage
        "{rule}のハンドルは別のスレッドで使用中です。" "The handle of a {rule} is in use by another call: use it from one thread at a time.";
    WrongThread "c.thread" Usage
        "{rule}は開始したスレッドでのみ使用できます。" "A {rule} is used by the thread that began it only.";
    HandlePoisoned "c.poisoned" Internal
        "{rule}のハンドルは、以前の内部エラーのため使用できません。" "The handle of a {rule} is out of use since a call on it ended by a fault: close it and open another.";
    Panicked "c.panic" Internal
        "内部エラー: {rule}" "A fault in this library: {rule}.";
    CallbackFailed "c.callback" Cancelled
        "呼び出し側の関数が処理を中止しました（{rule}）。" "The callback {rule} asked to stop.";

    Argument "argument" Usage
        "引数が正しくありません: {rule}" "The call is not acceptable: {rule}.";
    Internal "internal" Internal
        "内部エラー: {rule}" "Internal fault: {rule}.";
}

/// The language of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// 日本語
    Japanese,
    /// English
    English,
}

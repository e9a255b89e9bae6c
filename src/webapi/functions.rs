//! The nine functions: where they are called and what they take. Routing, the reading of parameters and the OpenAPI
//! description all follow this one table.

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    FileUpload,
    CsvImport,
    CsvDataImport,
    CheckCsvImportProcess,
    CsvExport,
    Regist,
    Update,
    Delete,
    View,
}

/// One function.
pub(super) struct Function {
    pub(super) action: Action,
    /// The segment before the name: `api` or `apirecord`.
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    /// What it does, for the description.
    pub(super) about: &'static str,
    /// Whether the body is multipart with a CSV file in it.
    pub(super) takes_file: bool,
    pub(super) parameters: &'static [Parameter],
}

/// One member of the JSON object that a function takes.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: ParameterKind,
    pub(super) about: &'static str,
}

/// What a parameter looks like. Scalars may come as texts or as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterKind {
    /// The id of a definition, an upload or a process.
    Id,
    /// A text.
    Text,
    /// A whole number from 0.
    Count,
    /// `0` or `1`.
    Flag,
    /// Anything, of which only `1` has a meaning.
    Mode,
    /// An object of item ID and value.
    Values,
}

/// The names of the parts of an upload.
pub(super) const JSON_PART: &str = "json";
pub(super) const FILE_PART: &str = "uploadFile";

const fn parameter(name: &'static str, required: bool, kind: ParameterKind, about: &'static str) -> Parameter {
    Parameter { name, required, kind, about }
}

const DATABASE: Parameter = parameter("dbSchemaId", true, ParameterKind::Id, "The database (DB).");
const KEY: Parameter = parameter("keyId", true, ParameterKind::Text, "The value of the key item, with its zeros.");
const VALUES: Parameter =
    parameter("values", true, ParameterKind::Values, "Item ID to value; detail rows as an array under `details`.");
const SUBORDINATE: Parameter = parameter(
    "getSubordinate",
    false,
    ParameterKind::Flag,
    "1: a link that is given fills its dependent items that are not given. Default 0.",
);
const IMPORT: Parameter = parameter("importId", true, ParameterKind::Id, "The import setting of that database.");

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        action: Action::FileUpload,
        group: "api",
        name: "fileupload",
        about: "Keeps a CSV file for 24 hours, for `csvimport`.",
        takes_file: true,
        parameters: &[],
    },
    Function {
        action: Action::CsvImport,
        group: "api",
        name: "csvimport",
        about: "Reserves the import of a file that was uploaded.",
        takes_file: false,
        parameters: &[DATABASE, IMPORT, parameter("fileId", true, ParameterKind::Id, "The file, from `fileupload`.")],
    },
    Function {
        action: Action::CsvDataImport,
        group: "api",
        name: "csvdataimport",
        about: "Uploads a CSV file and reserves its import.",
        takes_file: true,
        parameters: &[DATABASE, IMPORT],
    },
    Function {
        action: Action::CheckCsvImportProcess,
        group: "api",
        name: "checkcsvimportprocess",
        about: "Tells how far an import is.",
        takes_file: false,
        parameters: &[parameter("processId", true, ParameterKind::Id, "The import, from the call that reserved it.")],
    },
    Function {
        action: Action::CsvExport,
        group: "api",
        name: "csvexport",
        about: "Gives records as CSV.",
        takes_file: false,
        parameters: &[
            DATABASE,
            parameter(
                "listId",
                false,
                ParameterKind::Id,
                "The list: columns and order. Default: every item, the key first.",
            ),
            parameter("searchId", false, ParameterKind::Id, "The search: which records. Default: all."),
            parameter(
                "limit",
                false,
                ParameterKind::Count,
                "How many records; without it 200, unless the server is set otherwise; cut to what the server allows.",
            ),
            parameter(
                "offset",
                false,
                ParameterKind::Count,
                "How many records are left out at the beginning. Default 0.",
            ),
        ],
    },
    Function {
        action: Action::Regist,
        group: "apirecord",
        name: "regist",
        about: "Registers a record.",
        takes_file: false,
        parameters: &[
            DATABASE,
            VALUES,
            parameter(
                "keyMode",
                false,
                ParameterKind::Flag,
                "0: a key that is numbered automatically is numbered whatever is given; 1: the key given counts. Default 0.",
            ),
            SUBORDINATE,
        ],
    },
    Function {
        action: Action::Update,
        group: "apirecord",
        name: "update",
        about: "Changes a record: items that are not given stay as they are.",
        takes_file: false,
        parameters: &[
            DATABASE,
            KEY,
            VALUES,
            SUBORDINATE,
            parameter(
                "updateDetailKeyId",
                false,
                ParameterKind::Text,
                "How detail rows are found: `detailKey` (a member of that name in each row), or the ID of the detail key item. \
                 Rows that are not found are appended, and all are when this is absent.",
            ),
        ],
    },
    Function {
        action: Action::Delete,
        group: "apirecord",
        name: "delete",
        about: "Deletes a record with its detail rows.",
        takes_file: false,
        parameters: &[DATABASE, KEY],
    },
    Function {
        action: Action::View,
        group: "apirecord",
        name: "view",
        about: "Gives a record as people see it.",
        takes_file: false,
        parameters: &[
            DATABASE,
            KEY,
            parameter(
                "responseType",
                false,
                ParameterKind::Mode,
                "1: members are named by the display names of the items, else by their IDs.",
            ),
        ],
    },
];

/// The last two segments of every path.
pub(super) const VERSION: &str = "v1";

impl Function {
    pub(super) fn find(group: &str, name: &str) -> Option<&'static Function> {
        FUNCTIONS.iter().find(|function| function.group == group && function.name == name)
    }
}

//! What the header declares, read as text.

/// A function of the header.
pub struct Function {
    pub name: String,
    pub result: String,
    /// Type and name of each parameter.
    pub parameters: Vec<(String, String)>,
}

/// The functions that are exported, in order.
pub fn functions(header: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    for declaration in header.split("\nRENKEI_API\n").skip(1) {
        let declaration = declaration.split_once(");").expect("a declaration ends").0;
        let declaration = declaration.trim_start_matches("RENKEI_MUST_USE").trim();
        let (head, parameters) = declaration.split_once('(').expect("a declaration has parameters");
        let at = head.rfind("renkei_").filter(|at| *at > 0).expect("a function has a name");
        let parameters = parameters.split(',').map(str::trim).filter(|text| *text != "void");
        let parameters = parameters.map(|text| {
            let at = text.rfind([' ', '*']).expect("a parameter has a type") + 1;
            (text[..at].trim().to_owned(), text[at..].to_owned())
        });
        functions.push(Function {
            name: head[at..].to_owned(),
            result: head[..at].trim().to_owned(),
            parameters: parameters.collect(),
        });
    }
    functions
}

/// The table of functions and items of Rust at the head.
pub fn table(header: &str) -> Vec<(String, String)> {
    let head = header.split_once("*/").expect("the header has a head").0;
    let table = head.split_once("WHICH FUNCTION IS WHICH ITEM OF RUST").expect("the head has a table").1;
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in table.lines() {
        let Some(line) = line.strip_prefix(" *   ") else { continue };
        match line.strip_prefix(' ') {
            Some(more) => {
                let (_, rust) = entries.last_mut().expect("a line goes on");
                rust.push(' ');
                rust.push_str(more.trim());
            }
            None => {
                let (function, rust) = line.split_once(' ').unwrap_or((line, ""));
                entries.push((function.to_owned(), rust.trim().to_owned()));
            }
        }
    }
    entries
}

/// Parameters that may be NULL, in every function that has them.
const OPTIONAL: [&str; 13] = [
    "out_error",
    "options",
    "user_data",
    "out_saved",
    "out_exported",
    "query",
    "condition",
    "callback",
    "forwarded_for",
    "filter",
    "body",
    "address",
    "reason",
];

/// Functions that a handle is gone after, or of no more use.
const FINAL: [&str; 18] = [
    "renkei_webapi_free",
    "renkei_request_free",
    "renkei_response_free",
    "renkei_export_stream_close",
    "renkei_verifier_free",
    "renkei_store_close",
    "renkei_values_free",
    "renkei_record_free",
    "renkei_rows_close",
    "renkei_worker_free",
    "renkei_cancel_free",
    "renkei_clock_free",
    "renkei_error_free",
    "renkei_free",
    "renkei_transaction_commit",
    "renkei_transaction_rollback",
    "renkei_store_panic_for_test",
    "renkei_cancel_show",
];

/// A C program that calls every function with NULL in each pointer argument in turn, and in all at once.
pub fn null_program(header: &str) -> String {
    let mut body = String::new();
    for function in functions(header) {
        let pointers: Vec<usize> = (0..function.parameters.len())
            .filter(|at| {
                let (of, _) = &function.parameters[*at];
                of.contains('*') || of.ends_with("_fn")
            })
            .collect();
        if pointers.is_empty() {
            continue;
        }
        let is_final = FINAL.contains(&function.name.as_str());
        let is_status = function.result == "renkei_status";
        // All at once; to close NULL is well.
        let frees = is_final && !function.parameters.iter().any(|(_, name)| name == "out_error");
        let all = call(&function, &pointers);
        match (is_status, frees || function.name == "renkei_log_set") {
            (true, true) => body.push_str(&format!("    expect({all}, RENKEI_OK, \"{}\", \"all\");\n", function.name)),
            (true, false) => {
                body.push_str(&format!("    expect({all}, RENKEI_NULL_ARGUMENT, \"{}\", \"all\");\n", function.name));
            }
            (false, _) => body.push_str(&format!("    (void){all};\n")),
        }
        for at in &pointers {
            let (of, name) = &function.parameters[*at];
            let is_handle = *at == 0 && of.contains("renkei_");
            if is_final && !is_handle {
                continue;
            }
            let one = call(&function, &[*at]);
            let begins = function.name.starts_with("renkei_transaction_") && !is_final && !is_handle;
            let optional = OPTIONAL.contains(&name.as_str());
            let text = match (is_status, optional) {
                (false, _) => format!("    (void){one};\n"),
                (true, true) => format!("    ignore({one});\n"),
                (true, false) => {
                    let wanted = if frees { "RENKEI_OK" } else { "RENKEI_NULL_ARGUMENT" };
                    format!("    expect({one}, {wanted}, \"{}\", \"{name}\");\n", function.name)
                }
            };
            match begins && function.name != "renkei_transaction_begin" {
                true => body.push_str(&format!("    begin();\n{text}    renkei_transaction_rollback(transaction);\n")),
                false => body.push_str(&text),
            }
            if function.name == "renkei_transaction_begin" && name == "out_error" {
                body.push_str("    renkei_transaction_rollback(out_transaction);\n");
            }
        }
        body.push_str("    clean();\n");
    }
    PROGRAM.replace("@CALLS@", &body)
}

fn call(function: &Function, nulls: &[usize]) -> String {
    let arguments = function.parameters.iter().enumerate().map(|(at, (of, name))| match nulls.contains(&at) {
        true => "NULL".to_owned(),
        false => argument(of, name),
    });
    format!("{}({})", function.name, arguments.collect::<Vec<_>>().join(", "))
}

/// An argument that is well.
fn argument(of: &str, name: &str) -> String {
    let given = match (of, name) {
        ("const char *", "database") => "\"items\"",
        ("const char *", "delivery") => "\"{\\\"url\\\": \\\"http://127.0.0.1/\\\"}\"",
        ("const uint8_t *", _) => "key",
        ("size_t", "new_key_len") => "RENKEI_SECRET_KEY_BYTES",
        ("size_t", "capacity") => "sizeof buffer",
        ("void *", "buffer") => "buffer",
        ("const int64_t *", _) => "&out_int64",
        ("const char *", "filter") => "\"{}\"",
        ("const char *", "blueprint" | "values" | "aggregation" | "query" | "options") => "\"{}\"",
        ("const char *", "condition") => "\"{\\\"all\\\": []}\"",
        ("const char *", "spec") => "\"{\\\"database\\\": \\\"items\\\"}\"",
        ("const char *", "columns" | "changes" | "targets") => "\"[]\"",
        ("const char *", "path") => "file",
        ("const char *", "field") => "\"name\"",
        ("const char *", "schedule") => "\"{\\\"when\\\": {\\\"cron\\\": \\\"0 9 * * *\\\"}}\"",
        ("const char *", "kind") => "\"list\"",
        ("const char *", "user") => "\"nobody\"",
        ("const char *", "peer" | "remote" | "address" | "forwarded_for") => "\"192.0.2.7\"",
        ("const char *", "entry") => "\"{\\\"action\\\": \\\"x\\\"}\"",
        ("renkei_request *", _) => "request",
        ("const char *", _) => "\"x\"",
        ("const void *", _) => "\"a,b\\n1,2\\n\"",
        ("size_t", "bytes_len" | "body_len") => "8",
        ("size_t", name) if name.ends_with("_len") => "RENKEI_NTS",
        ("size_t", _) => "0",
        ("renkei_write_fn", _) => "write_nothing",
        ("renkei_read_fn", _) => "read_nothing",
        ("renkei_log_fn", _) => "log_nothing",
        ("void *", "user_data") => "&file",
        ("void *", "memory") => "NULL",
        ("const renkei_datetime *", _) => "&datetime",
        (of, _) if of.ends_with("**") => {
            let handle = of.trim_end_matches(['*', ' ']).trim_start_matches("const ").trim_start_matches("renkei_");
            return match handle {
                "char" if of.starts_with("const") => "&out_lent".to_owned(),
                "char" => "&out_owned".to_owned(),
                "cell" => "&out_cells".to_owned(),
                other => format!("&out_{other}"),
            };
        }
        (of, name) if of.ends_with('*') && (name == "options" || name == "request" || name.starts_with("out_")) => {
            let of = of.trim_start_matches("const ").trim_end_matches(['*', ' ']);
            return match of.strip_prefix("renkei_") {
                Some(noun) => format!("&a_{noun}"),
                None => format!("&out_{}", of.trim_end_matches("_t")),
            };
        }
        (of, _) if of.contains("renkei_") && of.ends_with('*') => {
            return of
                .trim_start_matches("const ")
                .trim_start_matches("renkei_")
                .trim_end_matches(['*', ' '])
                .to_owned();
        }
        _ => "0",
    };
    given.to_owned()
}

const PROGRAM: &str = r#"/* Generated from the header: NULL in every pointer argument. */

#include "test.h"

static renkei_store *store, *out_store;
static renkei_error *error, *out_error;
static renkei_values *values, *out_values;
static renkei_record *record, *out_record;
static renkei_rows *rows, *out_rows;
static renkei_worker *worker, *out_worker;
static renkei_cancel *cancel, *out_cancel;
static renkei_clock *clock, *out_clock;
static renkei_transaction *transaction, *out_transaction;
static renkei_webapi *webapi, *out_webapi;
static renkei_request *request, *out_request;
static renkei_response *response, *out_response;
static renkei_export_stream *export_stream, *out_export_stream;
static renkei_verifier *verifier, *out_verifier;
/* There is none outside of transports. */
static renkei_outgoing *outgoing;
static renkei_delivery_info a_delivery_info;
static renkei_push_info a_push_info;
static renkei_http_send_info a_http_send_info;
static renkei_outgoing_info a_outgoing_info;
static renkei_automation_info a_automation_info;
static renkei_backup_options a_backup_options;
static renkei_check_options a_check_options;
static unsigned char key[RENKEI_SECRET_KEY_BYTES] = "null", buffer[64];
static renkei_datetime a_datetime;
static renkei_saved a_saved;
static renkei_violation a_violation;
static renkei_import_info a_import_info;
static renkei_exported a_exported;
static renkei_store_options a_store_options;
static renkei_write_options a_write_options;
static renkei_export_options a_export_options;
static renkei_worker_options a_worker_options;
static renkei_import_request a_import_request;
static renkei_token_options a_token_options;
static renkei_webapi_options a_webapi_options;
static renkei_datetime datetime;
static const renkei_cell *out_cells;
static const char *out_lent;
static char *out_owned;
static size_t out_size;
static int64_t out_int64;
static uint64_t out_uint64;
static int32_t out_int32;
static uint32_t out_uint32;
static const char *file;

static int32_t write_nothing(void *data, const void *bytes, size_t len)
{
    (void)data, (void)bytes, (void)len;
    return 0;
}

static int32_t read_nothing(void *data, void *buffer, size_t capacity, size_t *out_len)
{
    (void)data, (void)buffer, (void)capacity;
    *out_len = 0;
    return 0;
}

static void log_nothing(void *data, uint32_t level, const char *message, size_t len)
{
    (void)data, (void)level, (void)message, (void)len;
}

static void clean(void)
{
    renkei_free(out_owned);
    out_owned = NULL;
    renkei_error_free(out_error);
    out_error = NULL;
    renkei_store_close(out_store);
    out_store = NULL;
    renkei_values_free(out_values);
    out_values = NULL;
    renkei_record_free(out_record);
    out_record = NULL;
    renkei_rows_close(out_rows);
    out_rows = NULL;
    renkei_worker_free(out_worker);
    out_worker = NULL;
    renkei_cancel_free(out_cancel);
    out_cancel = NULL;
    renkei_clock_free(out_clock);
    out_clock = NULL;
    renkei_webapi_free(out_webapi);
    out_webapi = NULL;
    renkei_request_free(out_request);
    out_request = NULL;
    renkei_response_free(out_response);
    out_response = NULL;
    renkei_export_stream_close(out_export_stream);
    out_export_stream = NULL;
    renkei_verifier_free(out_verifier);
    out_verifier = NULL;
    if (values != NULL) {
        EXPECT(renkei_values_clear(values, NULL) == RENKEI_OK);
    }
}

static void expect(renkei_status status, renkei_status wanted, const char *function, const char *argument)
{
    if (status != wanted) {
        fprintf(stderr, "%s with NULL for %s: %s instead of %s (%s)\n", function, argument, renkei_status_name(status),
                renkei_status_name(wanted), renkei_error_message(out_error, RENKEI_ENGLISH, NULL));
        failures++;
    }
    clean();
}

static void ignore(renkei_status status)
{
    (void)status;
    clean();
}

static void begin(void)
{
    EXPECT(renkei_transaction_begin(store, &transaction, NULL) == RENKEI_OK);
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    static char path[1024];
    snprintf(path, sizeof path, "%s/null.csv", folder);
    file = path;
    a_datetime = datetime = renkei_datetime_init();
    datetime.year = 2026, datetime.month = 1, datetime.day = 1;
    a_saved = renkei_saved_init();
    a_violation = renkei_violation_init();
    a_import_info = renkei_import_info_init();
    a_exported = renkei_exported_init();
    a_store_options = renkei_store_options_init();
    a_write_options = renkei_write_options_init();
    a_export_options = renkei_export_options_init();
    a_worker_options = renkei_worker_options_init();
    a_import_request = renkei_import_request_init();
    a_token_options = renkei_token_options_init();
    a_webapi_options = renkei_webapi_options_init();
    a_import_request.upload = 1;
    a_delivery_info = renkei_delivery_info_init();
    a_push_info = renkei_push_info_init();
    a_http_send_info = renkei_http_send_info_init();
    a_outgoing_info = renkei_outgoing_info_init();
    a_automation_info = renkei_automation_info_init();
    a_backup_options = renkei_backup_options_init();
    a_check_options = renkei_check_options_init();
    a_store_options.secret_key = key;
    a_store_options.secret_key_len = sizeof key;
    a_store_options.create = 1;
    OK(renkei_store_open(in_folder(folder, "null.db"), N, &a_store_options, &store, &error));
    EXPECT(renkei_store_open("/no/such/folder/x.db", N, NULL, &out_store, &error) != RENKEI_OK);
    EXPECT(renkei_blueprint_apply(store, "{\"databases\": [{\"code\": \"items\", \"name\": \"items\", \"fields\": ["
                                  "{\"code\": \"code\", \"name\": \"code\", \"type\": \"key\"},"
                                  "{\"code\": \"name\", \"name\": \"name\", \"type\": \"text\"}]}]}", N, &out_owned, &out_size, NULL)
           == RENKEI_OK);
    clean();
    EXPECT(renkei_record_register_json(store, "items", N, "{\"code\": \"1\"}", N, NULL, NULL, NULL) == RENKEI_OK);
    EXPECT(renkei_record_view(store, "items", N, "1", N, 0, &record, NULL) == RENKEI_OK);
    EXPECT(renkei_rows_open(store, "items", N, "[\"code\"]", N, NULL, 0, &rows, NULL) == RENKEI_OK);
    EXPECT(renkei_rows_next(rows, &out_int32, NULL) == RENKEI_OK);
    EXPECT(renkei_values_new(&values, NULL) == RENKEI_OK);
    EXPECT(renkei_worker_new(store, NULL, &worker, NULL) == RENKEI_OK);
    EXPECT(renkei_cancel_new(&cancel, NULL) == RENKEI_OK);
    EXPECT(renkei_clock_new(0, &clock, NULL) == RENKEI_OK);
    EXPECT(renkei_webapi_new(store, "abc1de2", N, NULL, &webapi, NULL) == RENKEI_OK);
    EXPECT(renkei_request_new("POST", N, "/", N, &request, NULL) == RENKEI_OK);
    EXPECT(renkei_webapi_handle(webapi, request, &response, NULL) == RENKEI_OK);
    EXPECT(renkei_export_stream_open(store, "{\"database\": \"items\"}", N, &export_stream, NULL) == RENKEI_OK);
    EXPECT(renkei_verifier_new(0, &verifier, NULL) == RENKEI_OK);

@CALLS@
    EXPECT(renkei_log_set(NULL, NULL, 0, NULL) == RENKEI_OK);
    renkei_response_free(response);
    renkei_request_free(request);
    renkei_webapi_free(webapi);
    renkei_verifier_free(verifier);
    renkei_export_stream_close(export_stream);
    renkei_clock_free(clock);
    renkei_cancel_free(cancel);
    renkei_worker_free(worker);
    renkei_values_free(values);
    renkei_rows_close(rows);
    renkei_record_free(record);
    renkei_error_free(error);
    renkei_store_close(store);
    return ended("null");
}
"#;

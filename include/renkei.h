/*
 * Renkei 0.1.0: user-defined record databases in one SQLite file, and what moves records in and out of them.
 *
 * This file is made of src/capi by build.rs; do not edit it.
 *
 *
 * IN ONE MINUTE
 *
 *     renkei_store_options options = renkei_store_options_init();
 *     renkei_store *store = NULL;
 *     renkei_error *error = NULL;
 *     options.create = 1;
 *     if (renkei_store_open("shop.db", RENKEI_NTS, &options, &store, &error) != RENKEI_OK) {
 *         fprintf(stderr, "%s\n", renkei_error_message(error, RENKEI_ENGLISH, NULL));
 *         renkei_error_free(error);
 *         return 1;
 *     }
 *     ...
 *     renkei_store_close(store);
 *
 * What the words mean, the forms of JSON documents and the codes of errors stand in the documentation of the Rust crate
 * (cargo doc --open); which item of Rust each function is stands in the table below. examples/c/quickstart.c is a whole
 * program.
 *
 *
 * CONVENTIONS
 *
 * Statuses. Every function that can fail returns a renkei_status, RENKEI_OK when all went well. Inputs come first, then
 *   outputs (out_...), then out_error. Functions that only look at an error, tell a version, or free something are simpler.
 *
 * Outputs. They are cleared when the call begins, and set when it succeeds: after a failure they are NULL or 0. The optional
 *   ones are named in the description of the function; every other one is required.
 *
 * Errors. out_error may be NULL. Else it receives NULL on success, and on failure an error that the caller frees by
 *   renkei_error_free. There is no state behind it: no last error, nothing that belongs to a thread.
 *
 * NULL. A NULL where something is required is an error (RENKEI_NULL_ARGUMENT), never a crash. user_data of callbacks may
 *   always be NULL. Functions that close or free take NULL and do nothing.
 *
 * Texts. A pointer and a length in bytes, in UTF-8, which is checked (RENKEI_BAD_UTF8). RENKEI_NTS as the length says that
 *   the text ends with a NUL. Paths of files are texts as well.
 *
 * Owned and lent. What comes by a char ** is the caller's, ends with a NUL behind its length, and is freed by renkei_free.
 *   What comes by a const char ** is lent: it is not freed, stays as long as the description says, and has no NUL behind it
 *   unless that says so. What the caller gives is read during the call, and copied where it is needed longer.
 *
 * Handles. renkei_store * and so on are opaque: numbers that the library looks up, not addresses to be followed. A handle that
 *   was closed, or is of another kind, is an error (RENKEI_BAD_HANDLE), and so is closing twice. Closing always consumes;
 *   renkei_transaction_commit consumes also when it fails.
 *
 * Structs. The first member is their size. Make them by renkei_..._init(), which sets the size and clears the rest: 0 and NULL
 *   stand for defaults. Later versions may add members at the end: an older program then gets the defaults, and a newer
 *   program that sets what an older library does not know gets RENKEI_BAD_STRUCT.
 *
 * Flags are int32_t or uint32_t, 0 or 1; a flag that is given may be anything but 0. Times are int64_t milliseconds since
 * 1970-01-01 00:00:00 UTC.
 *
 * JSON documents that are given are read strictly: a member that is not known is an error, with its line and column. Numbers
 *   with decimal places come as texts, so that no reader rounds them, and may be given either way.
 *
 * Threads. Errors, stores, signs, clocks and workers may be used by any number of threads at once. Sets of values, records and
 *   cursors are for one thread at a time, and may go from one to another; a second call on one that is in use is refused
 *   (RENKEI_IN_USE). A transaction is for the thread that began it (RENKEI_WRONG_THREAD). Closing a handle while other threads
 *   are inside takes effect when they have left.
 *
 * Long calls end when a renkei_cancel is shown to which their store was bound (renkei_store_cancellable), from any thread.
 *   Imports are ended by renkei_import_cancel, workers by renkei_worker_stop, exports also by their progress function.
 *
 * Callbacks are called on the threads that their types name. They may call the library, but must not close the handles that
 *   the running call uses, nor write to a store whose turn to write the call holds (that is refused). They must not throw, nor
 *   longjmp over the library.
 *
 * Faults. A fault inside the library becomes RENKEI_PANIC, and from then on RENKEI_POISONED for the handle that the call used;
 *   what the call had begun to write is taken back. Other handles are as well as before.
 *
 *
 * COMPATIBILITY
 *
 * Within one RENKEI_ABI_VERSION functions, constants and members of structs are added, never changed nor taken away: a program
 * that was compiled with an older header runs with a newer library. Statuses and error codes may become more: treat unknown
 * ones as failures. Whatever breaks this raises RENKEI_ABI_VERSION, and is told in the section "C ABI" of CHANGELOG.md. The
 * SONAME of the shared library carries the ABI version as well; until version 1.0 of the library it is "0." and the minor
 * version. Programs that load the library by hand compare renkei_abi_version() with RENKEI_ABI_VERSION first.
 *
 * Do not open a store with a second copy of SQLite inside one process: the locks of one copy are lost on the other.
 *
 *
 * WHICH FUNCTION IS WHICH ITEM OF RUST
 *
 * Versions
 *   renkei_version                       CARGO_PKG_VERSION
 *   renkei_version_number                CARGO_PKG_VERSION
 *   renkei_abi_version                   none
 *   renkei_sqlite_version                rusqlite::version
 * Status
 *   renkei_status_name                   Error::kind
 * Errors
 *   renkei_error_free                    dropping an Error
 *   renkei_error_status                  Error::kind
 *   renkei_error_code                    Error::code, Code::as_str
 *   renkei_error_message                 Error::message
 *   renkei_error_json                    Error::to_json
 *   renkei_error_field                   Error::field
 *   renkei_error_value                   Error::value
 *   renkei_error_line                    Error::line
 *   renkei_error_column                  Error::column
 *   renkei_error_offset                  Error::offset
 *   renkei_error_sqlite_code             Error::sqlite_code
 *   renkei_error_violation_count         Error::violations
 *   renkei_error_violation               Error::violations, Violation::code, Violation::field,
 *                                        Violation::name, Violation::row, Violation::value,
 *                                        Violation::rule, Violation::message
 * Owned texts and bytes
 *   renkei_free                          dropping a String or Vec
 *   renkei_open_count                    dropping everything
 * Logging
 *   renkei_log_set                       log::set_logger
 * Ending calls from another thread
 *   renkei_cancel_new                    Cancel::new
 *   renkei_cancel_show                   Cancel::cancel
 *   renkei_cancel_is_shown               Cancel::is_cancelled
 *   renkei_cancel_free                   dropping a Cancel
 * A clock for tests
 *   renkei_clock_new                     ManualClock::new
 *   renkei_clock_advance                 ManualClock::advance
 *   renkei_clock_set                     ManualClock::set
 *   renkei_clock_now                     Clock::now
 *   renkei_clock_free                    dropping a ManualClock
 * Stores
 *   renkei_store_open                    StoreOptions::open, Store::open, Store::create,
 *                                        Store::options, StoreOptions::create,
 *                                        StoreOptions::page_bytes, StoreOptions::cache_bytes,
 *                                        StoreOptions::reader_cache_bytes,
 *                                        StoreOptions::checkpoint_bytes,
 *                                        StoreOptions::synchronous, StoreOptions::busy_timeout,
 *                                        StoreOptions::time_zone, StoreOptions::limits,
 *                                        StoreOptions::clock, StoreOptions::random
 *   renkei_store_close                   dropping a Store
 *   renkei_store_as_user                 Store::as_user
 *   renkei_store_cancellable             Store::cancellable
 *   renkei_store_path                    Store::path
 *   renkei_store_limits                  Store::limits
 *   renkei_store_now                     Store::now
 *   renkei_store_local                   Store::local
 *   renkei_store_utc_offset              Store::utc_offset_seconds
 *   renkei_store_panic_for_test          none
 * Definitions
 *   renkei_blueprint_apply               Store::apply, Blueprint::from_json
 *   renkei_blueprint_plan                Store::plan
 *   renkei_blueprint_dump                Store::blueprint, Blueprint::to_json
 *   renkei_database_get                  Store::database
 *   renkei_user_all                      Store::users
 *   renkei_list_all                      Store::lists
 *   renkei_list_get                      Store::list
 *   renkei_search_all                    Store::searches
 *   renkei_search_get                    Store::search
 *   renkei_import_setting_all            Store::import_settings
 *   renkei_definition_remove             Store::remove_definition
 * Values of records, given cell by cell
 *   renkei_values_new                    Values::new
 *   renkei_values_free                   dropping Values
 *   renkei_values_clear                  Values::new
 *   renkei_values_next                   a slice of Values
 *   renkei_values_count                  Values::fields
 *   renkei_values_target                 Records::update_all
 *   renkei_values_row                    Values::row, DetailRow::new, DetailRow::of
 *   renkei_values_set_null               Values::set with Value::Empty
 *   renkei_values_set_text               Values::set, DetailRow::set
 *   renkei_values_set_int64              Values::set with an i64
 *   renkei_values_set_decimal            Values::set with a Number, Number::new
 *   renkei_values_set_date               Values::set with a Date
 *   renkei_values_set_datetime           Values::set with a DateTime
 *   renkei_values_set_time               Values::set with a Time
 *   renkei_values_set_file               Values::set with Value::File
 *   renkei_values_add_label              Values::set with Value::Choices
 *   renkei_values_saved                  Saved
 * Records, written
 *   renkei_record_register               Records::register, Records::register_with, Store::records
 *   renkei_record_register_json          Records::register, Records::register_with
 *   renkei_record_update                 Records::update, Records::update_with
 *   renkei_record_update_json            Records::update, Records::update_with
 *   renkei_record_upsert                 Records::upsert, Records::upsert_with
 *   renkei_record_upsert_json            Records::upsert, Records::upsert_with
 *   renkei_record_register_all           Records::register_all
 *   renkei_record_register_all_json      Records::register_all
 *   renkei_record_update_all             Records::update_all
 *   renkei_record_update_all_json        Records::update_all
 *   renkei_record_delete                 Records::delete, Records::delete_with
 *   renkei_record_delete_all_json        Records::delete_all
 *   renkei_record_approve                Records::approve
 *   renkei_record_withdraw_approval      Records::withdraw_approval
 * Records, read
 *   renkei_record_view                   Records::view
 *   renkei_record_find                   Records::find
 *   renkei_record_view_json              Records::view, Record::to_json
 *   renkei_record_free                   dropping a Record
 *   renkei_record_json                   Record::to_json, Record::fields, RecordRow::fields
 *   renkei_record_id                     Record::id
 *   renkei_record_key                    Record::key
 *   renkei_record_revision               Record::revision
 *   renkei_record_created                Record::created_at, Record::created_by
 *   renkei_record_updated                Record::updated_at, Record::updated_by
 *   renkei_record_approval               Record::approval
 *   renkei_record_row_count              Record::rows
 *   renkei_record_row_id                 RecordRow::id
 *   renkei_record_is_null                Record::value, RecordRow::value, Value::is_empty
 *   renkei_record_text                   Record::text, Record::display, RecordRow::text,
 *                                        RecordRow::display
 *   renkei_record_cells                  Record::fields, RecordRow::fields
 *   renkei_record_int64                  Record::value, RecordRow::value, Value::as_number
 *   renkei_record_decimal                Record::value, RecordRow::value, Number::unscaled,
 *                                        Number::scale
 *   renkei_record_datetime               Record::value, RecordRow::value, Date::year, Date::month,
 *                                        Date::day, DateTime::date, DateTime::time, Time::hour,
 *                                        Time::minute, Time::second
 * Transactions
 *   renkei_transaction_begin             Store::transaction
 *   renkei_transaction_commit            Store::transaction
 *   renkei_transaction_rollback          Store::transaction
 *   renkei_transaction_register          Transaction::register
 *   renkei_transaction_register_json     Transaction::register
 *   renkei_transaction_update            Transaction::update
 *   renkei_transaction_update_json       Transaction::update
 *   renkei_transaction_upsert            Transaction::upsert
 *   renkei_transaction_upsert_json       Transaction::upsert
 *   renkei_transaction_delete            Transaction::delete
 * Queries
 *   renkei_query_page                    Store::query, Records::query
 *   renkei_query_count                   Store::count
 *   renkei_query_aggregate               Store::aggregate
 * Rows, read one by one without JSON
 *   renkei_rows_open                     Store::rows
 *   renkei_rows_next                     Store::rows
 *   renkei_rows_close                    the end of Store::rows
 *   renkei_rows_column_count             Row::len
 *   renkei_rows_id                       Row::id
 *   renkei_rows_is_null                  Row::is_null
 *   renkei_rows_text                     Row::text
 *   renkei_rows_int64                    Row::value
 *   renkei_rows_decimal                  Row::value, Number::unscaled, Number::scale
 *   renkei_rows_datetime                 Row::value
 *   renkei_rows_cells                    Row::value
 * Files and uploads
 *   renkei_file_put                      Store::put_file
 *   renkei_file_put_from                 Store::put_file
 *   renkei_file_info                     Store::file
 *   renkei_file_read                     Store::read_file
 *   renkei_file_read_to                  Store::read_file
 *   renkei_upload_put                    Store::upload
 *   renkei_upload_put_from               Store::upload
 *   renkei_upload_put_path               Store::upload
 * Imports
 *   renkei_import_reserve                Store::reserve_import, ImportRequest::upload,
 *                                        ImportRequest::path, ImportRequest::token,
 *                                        ImportRequest::once_per_content, ImportRequest::dry_run,
 *                                        ImportRequest::at
 *   renkei_import_status                 Store::import_status
 *   renkei_import_status_json            Store::import_status
 *   renkei_import_all                    Store::imports
 *   renkei_import_wait                   Store::wait_import
 *   renkei_import_cancel                 Store::cancel_import
 *   renkei_import_rejects                Store::rejects
 *   renkei_import_rejects_to             Store::write_rejects
 *   renkei_import_rejects_path           Store::write_rejects
 * Exports
 *   renkei_export_to                     Store::export, Store::export_with_progress
 *   renkei_export_path                   Store::export_to_path,
 *                                        Store::export_to_path_with_progress
 *   renkei_export_memory                 Store::export, Store::export_with_progress
 * Workers
 *   renkei_worker_new                    Worker::new, Worker::on_progress, Worker::retention
 *   renkei_worker_run_once               Worker::run_once
 *   renkei_worker_run_until_idle         Worker::run_until_idle
 *   renkei_worker_sweep                  Worker::sweep
 *   renkei_worker_start                  Worker::start
 *   renkei_worker_stop                   Worker::stop, WorkerHandle::stop
 *   renkei_worker_free                   dropping a WorkerHandle
 * Proposals from CSV files
 *   renkei_infer_path                    infer_path
 *   renkei_infer_memory                  infer
 *   renkei_csv_detect_path               csv::detect
 *   renkei_csv_detect_memory             csv::detect
 */
#ifndef RENKEI_H
#define RENKEI_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** The version of this header; renkei_version() tells that of the library. */
#define RENKEI_VERSION "0.1.0"
#define RENKEI_VERSION_MAJOR 0
#define RENKEI_VERSION_MINOR 1
#define RENKEI_VERSION_PATCH 0

/** The version of this header as a number; renkei_version_number() tells that of the library. */
#define RENKEI_VERSION_NUMBER                                                                       \
    (RENKEI_VERSION_MAJOR * 1000000 + RENKEI_VERSION_MINOR * 1000 + RENKEI_VERSION_PATCH)

/** A length that says: up to the NUL. */
#define RENKEI_NTS SIZE_MAX

/** On functions of the library. Define RENKEI_STATIC to link the static library on Windows. */
#if defined(_WIN32) && !defined(RENKEI_STATIC)
#define RENKEI_API __declspec(dllimport)
#else
#define RENKEI_API
#endif

/** On functions whose status must be looked at. */
#if defined(RENKEI_NO_MUST_USE)
#define RENKEI_MUST_USE
#elif defined(_MSC_VER)
#define RENKEI_MUST_USE _Check_return_
#elif defined(__cplusplus) && __cplusplus >= 201703L
#define RENKEI_MUST_USE [[nodiscard]]
#elif defined(__GNUC__)
#define RENKEI_MUST_USE __attribute__((warn_unused_result))
#else
#define RENKEI_MUST_USE
#endif

/**
 * The version of the ABI, raised whenever a function or a struct changes so that older programs must be compiled anew.
 */
#define RENKEI_ABI_VERSION 1

/** Messages in Japanese. */
#define RENKEI_JAPANESE 0

/** Messages in English. */
#define RENKEI_ENGLISH 1

/** The level of a message: something failed. */
#define RENKEI_LOG_ERROR 1

/** The level of a message: something is odd. */
#define RENKEI_LOG_WARN 2

/** The level of a message: something was done. */
#define RENKEI_LOG_INFO 3

/** The level of a message: for the search of faults. */
#define RENKEI_LOG_DEBUG 4

/** The level of a message: everything. */
#define RENKEI_LOG_TRACE 5

/** A killed process loses nothing; a power failure may lose the last commits, never the integrity of the file. */
#define RENKEI_SYNCHRONOUS_NORMAL 0

/** A commit that returned has reached the disk. */
#define RENKEI_SYNCHRONOUS_FULL 1

/** A given detail row that names a row changes it; the others are appended. */
#define RENKEI_DETAILS_MERGE 0

/** Every given detail row is appended. */
#define RENKEI_DETAILS_APPEND 1

/** The given detail rows take the place of all rows. */
#define RENKEI_DETAILS_REPLACE 2

/** The store issues the key where it is numbered automatically; a key that is given is passed over. */
#define RENKEI_KEY_ISSUE 0

/** The caller gives the key, or the store where none is given. */
#define RENKEI_KEY_GIVEN 1

/** A new record was made. */
#define RENKEI_INSERTED 1

/** The record was changed. */
#define RENKEI_UPDATED 2

/** The record had these values already; nothing was written. */
#define RENKEI_UNCHANGED 3

/** For machines: plain numbers; dates in the CSV pattern of the field, else in ISO form. */
#define RENKEI_FORMAT_RAW 0

/** For people's spreadsheets: numbers as they are displayed, dates in the CSV pattern of the field. */
#define RENKEI_FORMAT_CSV 1

/** As people see it on a screen. */
#define RENKEI_FORMAT_DISPLAY 2

/** The database keeps no approval state. */
#define RENKEI_APPROVAL_NONE 0

/** Not approved yet, or withdrawn. */
#define RENKEI_APPROVAL_PENDING 1

/** Approved. */
#define RENKEI_APPROVAL_APPROVED 2

/** The cell has no value. */
#define RENKEI_CELL_NULL 0

/** A text: also a label, the key of a linked record, the code of a user. */
#define RENKEI_CELL_TEXT 1

/** A number: integer / 10^scale. */
#define RENKEI_CELL_NUMBER 2

/** A date: integer days since 1970-01-01. */
#define RENKEI_CELL_DATE 3

/** A civil date and time: integer seconds since 1970-01-01 00:00:00 of the same clock on the wall. */
#define RENKEI_CELL_DATETIME 4

/** A time of day: integer seconds since midnight. */
#define RENKEI_CELL_TIME 5

/** Several labels: a text with commas between them. */
#define RENKEI_CELL_LABELS 6

/** The id of a stored file: integer. */
#define RENKEI_CELL_FILE 7

/** The import waits for its turn. */
#define RENKEI_IMPORT_RESERVED 1

/** The import is run at present, or was when its runner died. */
#define RENKEI_IMPORT_RUNNING 2

/** The import ended as it should; there may be rejects. */
#define RENKEI_IMPORT_COMPLETED 3

/** The import ended with an error: see renkei_import_status_json. */
#define RENKEI_IMPORT_FAILED 4

/** The import ended because it was asked to. */
#define RENKEI_IMPORT_CANCELLED 5

/** A sign by which calls are ended from another thread; see renkei_store_cancellable. For any number of threads. */
typedef struct renkei_cancel renkei_cancel;

/** A clock that stands still until it is turned: for tests of hosts. For any number of threads. */
typedef struct renkei_clock renkei_clock;

/** Why a call failed: owned by the caller, freed by renkei_error_free. */
typedef struct renkei_error renkei_error;

/**
 * A record as it was read. For one thread at a time.
 *
 * A field is named by its code, id or display name, and stands in row 0, the header, or in a detail row, counted from 1.
 */
typedef struct renkei_record renkei_record;

/**
 * A cursor over chosen columns of the records that a query means, all of one moment. For one thread at a time.
 *
 * As long as it is open, the store keeps what it was at that moment: close it soon.
 */
typedef struct renkei_rows renkei_rows;

/** An open store, or one of its views (as a user, cancellable). For any number of threads at once. */
typedef struct renkei_store renkei_store;

/** Several writes, also to several databases, that are kept together or not at all. For the thread that began it. */
typedef struct renkei_transaction renkei_transaction;

/**
 * The values of one record or of many, on their way into the store. For one thread at a time.
 *
 * Values belong to the record begun last, and to its detail row begun last. A field is named by its code, id or display
 * name; that a field exists and takes the value is judged when the record is written.
 */
typedef struct renkei_values renkei_values;

/**
 * Runs the work of a store: imports that are due, and the sweeping of what was kept long enough. For any number of threads.
 */
typedef struct renkei_worker renkei_worker;

/**
 * What a call came to: RENKEI_OK, or the sort of trouble. Later versions may add more; treat unknown ones as failures.
 */
typedef int32_t renkei_status;

/** One refused value. The texts are lent until the error is freed, and have a NUL behind. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The detail row, counted from 1; 0 for a header field. */
    uint64_t row;
    /** The stable code, such as "value.required". */
    const char *code;
    size_t code_len;
    /** The machine code of the field. */
    const char *field;
    size_t field_len;
    /** The display name of the field. */
    const char *name;
    size_t name_len;
    /** The value as it was given. */
    const char *value;
    size_t value_len;
    /** The figure or list the rule is made of, such as the greatest length; may be empty. */
    const char *rule;
    size_t rule_len;
    /** What is wrong, in Japanese. */
    const char *message_ja;
    size_t message_ja_len;
    /** What is wrong, in English. */
    const char *message_en;
    size_t message_en_len;
} renkei_violation;

/**
 * Takes a message of the library, lent for the time of the call, with no NUL behind it. Called on any thread, also on those
 * of workers, and on several at once. It must not call the library, and not throw nor longjmp out.
 */
typedef void (*renkei_log_fn)(void *user_data,
                              uint32_t level,
                              const char *message,
                              size_t message_len);

/**
 * Fills a buffer with random bytes, for tests that repeat. Called on any thread. It must not throw nor longjmp out.
 */
typedef void (*renkei_random_fn)(void *user_data,
                                 void *buffer,
                                 size_t len);

/** How a store is opened. Make one by renkei_store_options_init; a member that is 0 or NULL stands for its default. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** Whether a missing file is created. */
    uint32_t create;
    /** RENKEI_SYNCHRONOUS_NORMAL (default) or RENKEI_SYNCHRONOUS_FULL. */
    uint32_t synchronous;
    /** The page size of a file that is created, a power of two from 512 to 65536. Default: 8192. */
    uint32_t page_bytes;
    /** The page cache of the writing connection. Default: 32 MiB. */
    uint32_t cache_bytes;
    /** The page cache of each reading connection. Default: 8 MiB. */
    uint32_t reader_cache_bytes;
    /** The size of the write-ahead log at which it is moved into the file. Default: 40 MiB. */
    uint32_t checkpoint_bytes;
    /** How long a writer waits for another process before it gives up, in milliseconds. Default: 60000. */
    uint64_t busy_timeout_ms;
    /** The IANA time zone of "today" and "now". Default: Asia/Tokyo. */
    const char *time_zone;
    /** Its length, or RENKEI_NTS. */
    size_t time_zone_len;
    /** The largest file taken for import or as an attachment, in bytes. Default: 4 GiB. */
    uint64_t limit_file_bytes;
    /** The most data lines of one import. Default: 100000000. */
    uint64_t limit_import_rows;
    /** The most columns of a CSV line. Default: 2000. */
    uint64_t limit_csv_columns;
    /** The largest cell of a CSV file, in bytes. Default: 1 MiB. */
    uint64_t limit_cell_bytes;
    /** The largest line of a CSV file, in bytes. Default: 4 MiB. */
    uint64_t limit_line_bytes;
    /** The most rejects kept with an import. Default: 100000. */
    uint64_t limit_rejects;
    /** The most detail rows of one record. Default: 10000. */
    uint64_t limit_detail_rows;
    /** The most records of one page of a query. Default: 100000. */
    uint64_t limit_page_records;
    /** For tests: the source of time. It may be freed when the store is open. */
    const renkei_clock *clock;
    /** For tests: the source of randomness. */
    renkei_random_fn random;
    /** What random is called with; it must last as long as the store and its views. */
    void *random_user_data;
} renkei_store_options;

/** A civil date and time; what a date or a time does not have is 0. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    uint32_t year;
    /** From 1. */
    uint32_t month;
    /** From 1. */
    uint32_t day;
    uint32_t hour;
    uint32_t minute;
    uint32_t second;
} renkei_datetime;

/** What a write came to. Make one by renkei_saved_init. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The record id. */
    int64_t id;
    /** The revision that the record has now. */
    int64_t revision;
    /** RENKEI_INSERTED, RENKEI_UPDATED or RENKEI_UNCHANGED. */
    uint32_t written;
    /** The length of the key in bytes. */
    uint32_t key_len;
    /**
     * The key, with a NUL behind it. One that were longer than fits (which no definition allows at present) is cut.
     */
    char key[1024];
} renkei_saved;

/** How records are written. Make one by renkei_write_options_init; a member that is 0 stands for its default. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The revision that the record must have, else RENKEI_CONFLICT; 0 is any. */
    int64_t expected_revision;
    /** RENKEI_DETAILS_MERGE (default), RENKEI_DETAILS_APPEND or RENKEI_DETAILS_REPLACE. */
    uint32_t details;
    /** RENKEI_KEY_ISSUE (default) or RENKEI_KEY_GIVEN. */
    uint32_t key_mode;
    /** Whether dependent fields are left alone when their link is set. Default: they are filled. */
    uint32_t leave_dependents;
    /** Whether a new record is approved at once. */
    uint32_t approve;
} renkei_write_options;

/** One cell of a line. */
typedef struct {
    /** RENKEI_CELL_TEXT and so on; it says which of the other members count. */
    uint32_t kind;
    /** The decimal places of a number. */
    uint32_t scale;
    /** A number, date, time or file. */
    int64_t integer;
    /** A text or labels, with no NUL behind; NULL else. */
    const char *text;
    /** Its length in bytes. */
    size_t text_len;
} renkei_cell;

/**
 * Gives bytes to the library: fills at most capacity bytes, and says in *out_len how many; 0 is the end. Anything but 0 as
 * the result asks the library to stop: the call then ends with RENKEI_CANCELLED. Called on the thread of the call. It must
 * not throw nor longjmp out.
 */
typedef int32_t (*renkei_read_fn)(void *user_data,
                                  void *buffer,
                                  size_t capacity,
                                  size_t *out_len);

/**
 * Takes bytes that the library writes. Anything but 0 asks it to stop: the call then ends with RENKEI_CANCELLED.
 * Called on the thread of the call. It must not throw nor longjmp out.
 */
typedef int32_t (*renkei_write_fn)(void *user_data,
                                   const void *bytes,
                                   size_t len);

/** What is asked for when an import is reserved. Make one by renkei_import_request_init, and set upload or path. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The upload to be imported; 0 when it is a path. */
    int64_t upload;
    /** The file to be imported, read in place when the import runs; NULL when it is an upload. */
    const char *path;
    /** Its length, or RENKEI_NTS. */
    size_t path_len;
    /**
     * A token of the client's own: a second request with the same token gives the first one's import. NULL is none.
     */
    const char *token;
    /** Its length, or RENKEI_NTS. */
    size_t token_len;
    /** Not before this moment, in milliseconds since 1970; 0 is at once. */
    int64_t run_at;
    /** Whether a file with the same bytes as one that this setting has imported gives that import. */
    uint32_t once_per_content;
    /** Whether it is only tried: counts and rejects as of a real run, but nothing is kept. */
    uint32_t dry_run;
} renkei_import_request;

/**
 * How an import stands at the last commit. At every moment total = inserted + updated + unchanged + rejected + skipped +
 * unprocessed. Make one by renkei_import_info_init.
 */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The id of the import. */
    int64_t process_id;
    /** The id of the database. */
    int64_t database_id;
    /** Data lines read so far. */
    uint64_t total;
    /** Lines that became a new record. */
    uint64_t inserted;
    /** Lines that changed a record, or added a detail row to one. */
    uint64_t updated;
    /** Lines whose record had these values already. */
    uint64_t unchanged;
    /** Lines that were refused. */
    uint64_t rejected;
    /** Lines without any value. */
    uint64_t skipped;
    /** Lines that were good, but of an import that was taken back as a whole. */
    uint64_t unprocessed;
    /** Refused cells, and lines refused as a whole. */
    uint64_t reject_cells;
    /** The size of the file. */
    uint64_t bytes_total;
    /** How much of it is done. */
    uint64_t bytes_done;
    /** When it was reserved, in milliseconds since 1970. */
    int64_t created_at;
    /** When it was first run; 0 when it was not. */
    int64_t started_at;
    /** When it ended; 0 when it has not. */
    int64_t ended_at;
    /** RENKEI_IMPORT_RESERVED and so on. */
    uint32_t state;
    /** Whether it is a dry run. */
    uint32_t dry_run;
    /** Whether it was asked to end. */
    uint32_t cancel_asked;
    /** Always 0. */
    uint32_t reserved;
} renkei_import_info;

/**
 * Is told the number of lines written: before the first, about ten times a second, and at the end. Anything but 0 asks the
 * library to stop: the call then ends with RENKEI_CANCELLED. Called on the thread of the call. It must not throw nor longjmp
 * out.
 */
typedef int32_t (*renkei_export_progress_fn)(void *user_data,
                                             uint64_t lines);

/**
 * Is told each of the first 1000 characters that the encoding does not have (with "unmappable": "report" in the format), when
 * the export is written: the record of the file counted from 1, a header being the first, the column counted from 1, and the
 * character as a Unicode code point. It must not throw nor longjmp out.
 */
typedef void (*renkei_unmapped_fn)(void *user_data,
                                   uint64_t record,
                                   size_t column,
                                   uint32_t character);

/** How an export is watched. Make one by renkei_export_options_init; all members may be NULL. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** Is told how far the export is. */
    renkei_export_progress_fn progress;
    /** What progress is called with. */
    void *progress_user_data;
    /** Is told which characters could not be written. */
    renkei_unmapped_fn unmapped;
    /** What unmapped is called with. */
    void *unmapped_user_data;
} renkei_export_options;

/** What an export wrote. Make one by renkei_exported_init. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** How many records. */
    uint64_t records;
    /** How many lines of CSV, without the header line: more than records where there are detail rows. */
    uint64_t lines;
    /** How many bytes. */
    uint64_t bytes;
    /** How many characters the encoding does not have; each stands as "?". */
    uint64_t unmapped_count;
} renkei_exported;

/** How far a running import is. */
typedef struct {
    /** The size of this struct, as the library has it. */
    size_t size;
    /** The import. */
    int64_t process_id;
    /** The size of the file. */
    uint64_t bytes_total;
    /** How much of it is done. */
    uint64_t bytes_done;
    /** Data lines done. */
    uint64_t rows;
    /** Lines refused. */
    uint64_t rejected;
} renkei_import_progress;

/**
 * Is told about ten times a second how far an import is; progress is lent for the time of the call. Called on the thread that
 * runs the import: of the call, or of the worker's own. It must not write to the store, and not throw nor longjmp out.
 */
typedef void (*renkei_import_progress_fn)(void *user_data,
                                          const renkei_import_progress *progress);

/** How a worker works. Make one by renkei_worker_options_init; a member that is 0 or NULL stands for its default. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** Is told how far imports are. */
    renkei_import_progress_fn progress;
    /** What progress is called with; it must last as long as the worker. */
    void *progress_user_data;
    /** How long ended imports and their rejects are kept, in milliseconds. Default: 90 days. */
    uint64_t retention_ms;
} renkei_worker_options;

/** All went well. */
#define RENKEI_OK 0

/** The call itself was wrong: an argument, an option, a query, JSON that is not readable. */
#define RENKEI_USAGE 1

/** A definition is not acceptable, or does not fit the records already stored. */
#define RENKEI_DEFINITION 2

/** A value does not obey the rules of its field. */
#define RENKEI_VALIDATION 3

/** The bytes of an input file are not what was declared. */
#define RENKEI_INPUT 4

/** What was named does not exist. */
#define RENKEI_NOT_FOUND 5

/** Somebody else changed it first, or it exists already. */
#define RENKEI_CONFLICT 6

/** A configured limit was passed. */
#define RENKEI_LIMIT 7

/** The operation was cancelled: by renkei_cancel_show, by renkei_import_cancel, or by a callback. */
#define RENKEI_CANCELLED 8

/** The store is held by another writer for longer than allowed. */
#define RENKEI_BUSY 9

/** The file is not a store that this version can use. */
#define RENKEI_INCOMPATIBLE 10

/** The file system or SQLite failed. */
#define RENKEI_STORAGE 11

/** A fault in the library. */
#define RENKEI_INTERNAL 12

/** The user on whose behalf the call is made may not do that. */
#define RENKEI_DENIED 13

/** An outside system could not be reached, or did not take what was sent. */
#define RENKEI_REMOTE 14

/** An argument that must not be NULL is NULL. */
#define RENKEI_NULL_ARGUMENT 100

/** A length cannot be one. */
#define RENKEI_BAD_LENGTH 101

/** A text is not UTF-8. */
#define RENKEI_BAD_UTF8 102

/** A handle was closed already, or is a handle of something else; memory was freed already. */
#define RENKEI_BAD_HANDLE 103

/** The size of a struct was not set, or it has options that this version does not know. */
#define RENKEI_BAD_STRUCT 104

/** Another thread uses the handle at this moment, and it is one for one thread at a time. */
#define RENKEI_IN_USE 105

/** The handle belongs to the thread that opened it. */
#define RENKEI_WRONG_THREAD 106

/** An earlier call on this handle ended by a fault (RENKEI_PANIC); it can only be closed. */
#define RENKEI_POISONED 107

/** This call ended by a fault in the library: a bug, please report it. What it had begun to write was taken back. */
#define RENKEI_PANIC 108

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* -- Versions ------------------------------------------------------------------------------------ */

/**
 * The version of the library, such as "0.1.0". Compare with RENKEI_VERSION, that of the header.
 *
 * Rust: CARGO_PKG_VERSION
 */
RENKEI_API
const char *renkei_version(void);

/**
 * The version of the library as a number: major * 1000000 + minor * 1000 + patch. Compare with RENKEI_VERSION_NUMBER.
 *
 * Rust: CARGO_PKG_VERSION
 */
RENKEI_API
uint32_t renkei_version_number(void);

/**
 * The version of the ABI that the library has. A program that loads the library by hand refuses another one than
 * RENKEI_ABI_VERSION.
 *
 * Rust: none
 */
RENKEI_API
uint32_t renkei_abi_version(void);

/**
 * The version of SQLite inside, such as "3.54.1".
 *
 * Rust: rusqlite::version
 */
RENKEI_API
const char *renkei_sqlite_version(void);

/* -- Status -------------------------------------------------------------------------------------- */

/**
 * A word for a status, such as "not found"; static, with a NUL behind.
 *
 * Rust: Error::kind
 */
RENKEI_API
const char *renkei_status_name(renkei_status status);

/* -- Errors -------------------------------------------------------------------------------------- */

/**
 * Frees an error. NULL is allowed.
 *
 * Rust: dropping an Error
 */
RENKEI_API
renkei_status renkei_error_free(renkei_error *error);

/**
 * The status that came with the error; RENKEI_NULL_ARGUMENT for NULL, RENKEI_BAD_HANDLE for one that was freed.
 *
 * Rust: Error::kind
 */
RENKEI_API
renkei_status renkei_error_status(const renkei_error *error);

/**
 * The stable code, such as "value.date"; the codes stand in the documentation of the Rust crate.
 *
 * As all texts of an error: lent until it is freed, with a NUL behind, and the empty text where there is none (also when
 * error is NULL or was freed). out_len may be NULL.
 *
 * Rust: Error::code, Code::as_str
 */
RENKEI_API
const char *renkei_error_code(const renkei_error *error,
                              size_t *out_len);

/**
 * The message for a person, in a language (RENKEI_JAPANESE or RENKEI_ENGLISH): what is wrong, and what to do about it.
 *
 * Rust: Error::message
 */
RENKEI_API
const char *renkei_error_message(const renkei_error *error,
                                 uint32_t language,
                                 size_t *out_len);

/**
 * The error as a JSON object with code, kind, message (ja and en), and field, value, line, column, offset and violations
 * where they apply.
 *
 * Rust: Error::to_json
 */
RENKEI_API
const char *renkei_error_json(const renkei_error *error,
                              size_t *out_len);

/**
 * The machine code of the field concerned.
 *
 * Rust: Error::field
 */
RENKEI_API
const char *renkei_error_field(const renkei_error *error,
                               size_t *out_len);

/**
 * The value concerned, as it was given.
 *
 * Rust: Error::value
 */
RENKEI_API
const char *renkei_error_value(const renkei_error *error,
                               size_t *out_len);

/**
 * The line of the input file, or the place in a call with many records, counted from 1; 0 where there is none.
 *
 * Rust: Error::line
 */
RENKEI_API
uint64_t renkei_error_line(const renkei_error *error);

/**
 * The column of the input file, counted from 1; 0 where there is none.
 *
 * Rust: Error::column
 */
RENKEI_API
size_t renkei_error_column(const renkei_error *error);

/**
 * The byte of the input file, counted from 0; -1 where there is none.
 *
 * Rust: Error::offset
 */
RENKEI_API
int64_t renkei_error_offset(const renkei_error *error);

/**
 * SQLite's extended result code, when SQLite is the cause; 0 else.
 *
 * Rust: Error::sqlite_code
 */
RENKEI_API
int32_t renkei_error_sqlite_code(const renkei_error *error);

/**
 * How many values of a record were refused; 0 when it was something else that failed.
 *
 * Rust: Error::violations
 */
RENKEI_API
size_t renkei_error_violation_count(const renkei_error *error);

/**
 * A refused value, by its place from 0, in the order of the fields.
 *
 * Rust: Error::violations, Violation::code, Violation::field, Violation::name, Violation::row,
 * Violation::value, Violation::rule, Violation::message
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_error_violation(const renkei_error *error,
                                     size_t place,
                                     renkei_violation *out_violation,
                                     renkei_error **out_error);

/* -- Owned texts and bytes ----------------------------------------------------------------------- */

/**
 * Frees a text or bytes that the library gave, by an argument that is not const.
 *
 * What is borrowed (const) is not freed. NULL is allowed. What was freed already, or came from elsewhere, is refused with
 * RENKEI_BAD_HANDLE and left alone.
 *
 * Rust: dropping a String or Vec
 */
RENKEI_API
renkei_status renkei_free(void *memory);

/**
 * How many handles and owned texts are open: 0 when a program has closed and freed everything.
 *
 * For tests of hosts: handles are not memory of their own, so memory checkers do not see when one is forgotten.
 *
 * Rust: dropping everything
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_open_count(size_t *out_count,
                                renkei_error **out_error);

/* -- Logging ------------------------------------------------------------------------------------- */

/**
 * Sends the messages of the library, up to a level (RENKEI_LOG_ERROR to RENKEI_LOG_TRACE), to a function. There is one for
 * the whole process; a later call sets another one, and NULL none. When the call returns, the function set before is not
 * called any more. In a Rust program that has a logger already the call is refused with RENKEI_CONFLICT.
 *
 * Rust: log::set_logger
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_log_set(renkei_log_fn callback,
                             void *user_data,
                             uint32_t level,
                             renkei_error **out_error);

/* -- Ending calls from another thread ------------------------------------------------------------ */

/**
 * Makes a sign that is not shown yet. The caller frees it by renkei_cancel_free.
 *
 * Rust: Cancel::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_cancel_new(renkei_cancel **out_cancel,
                                renkei_error **out_error);

/**
 * Shows the sign, from any thread, for good: calls that see it end with RENKEI_CANCELLED within moments, and what they have
 * written is taken back.
 *
 * Rust: Cancel::cancel
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_cancel_show(renkei_cancel *cancel,
                                 renkei_error **out_error);

/**
 * Whether the sign is shown.
 *
 * Rust: Cancel::is_cancelled
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_cancel_is_shown(const renkei_cancel *cancel,
                                     int32_t *out_is_shown,
                                     renkei_error **out_error);

/**
 * Frees a sign; stores made with it keep seeing it. NULL is allowed.
 *
 * Rust: dropping a Cancel
 */
RENKEI_API
renkei_status renkei_cancel_free(renkei_cancel *cancel);

/* -- A clock for tests --------------------------------------------------------------------------- */

/**
 * Makes a clock that shows a moment, in milliseconds since 1970-01-01 00:00:00 UTC. It is given to a store by the option
 * clock, and freed by renkei_clock_free.
 *
 * Rust: ManualClock::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_clock_new(int64_t milliseconds,
                               renkei_clock **out_clock,
                               renkei_error **out_error);

/**
 * Turns a clock forward.
 *
 * Rust: ManualClock::advance
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_clock_advance(renkei_clock *clock,
                                   uint64_t milliseconds,
                                   renkei_error **out_error);

/**
 * Sets a clock, in milliseconds since 1970.
 *
 * Rust: ManualClock::set
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_clock_set(renkei_clock *clock,
                               int64_t milliseconds,
                               renkei_error **out_error);

/**
 * What a clock shows, in milliseconds since 1970.
 *
 * Rust: Clock::now
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_clock_now(const renkei_clock *clock,
                               int64_t *out_milliseconds,
                               renkei_error **out_error);

/**
 * Frees a clock; stores that have it go on with it. NULL is allowed.
 *
 * Rust: dropping a ManualClock
 */
RENKEI_API
renkei_status renkei_clock_free(renkei_clock *clock);

/* -- Stores -------------------------------------------------------------------------------------- */

/**
 * Opens the store at a path; with the option create, creates it first if there is none. options may be NULL. The caller
 * closes it by renkei_store_close.
 *
 * RENKEI_NOT_FOUND and RENKEI_INCOMPATIBLE leave the file untouched.
 *
 * Rust: StoreOptions::open, Store::open, Store::create, Store::options, StoreOptions::create,
 * StoreOptions::page_bytes, StoreOptions::cache_bytes, StoreOptions::reader_cache_bytes,
 * StoreOptions::checkpoint_bytes, StoreOptions::synchronous, StoreOptions::busy_timeout, StoreOptions::time_zone,
 * StoreOptions::limits, StoreOptions::clock, StoreOptions::random
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_open(const char *path,
                                size_t path_len,
                                const renkei_store_options *options,
                                renkei_store **out_store,
                                renkei_error **out_error);

/**
 * Closes a store or a view of one. NULL is allowed. The file is closed with the last of its views, cursors, transactions and
 * workers; calls of other threads that are inside go on to their end.
 *
 * Rust: dropping a Store
 */
RENKEI_API
renkei_status renkei_store_close(renkei_store *store);

/**
 * A view of the store that acts on behalf of a user, by the user's code: records tell who created and updated them. The
 * caller closes it by renkei_store_close.
 *
 * Rust: Store::as_user
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_as_user(const renkei_store *store,
                                   const char *user,
                                   size_t user_len,
                                   renkei_store **out_store,
                                   renkei_error **out_error);

/**
 * A view of the store whose calls end with RENKEI_CANCELLED once the sign is shown, also those that run or wait at that
 * moment, and those of its cursors and transactions. The caller closes it by renkei_store_close. Workers do not look at
 * the sign: see renkei_worker_stop and renkei_import_cancel.
 *
 * Rust: Store::cancellable
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_cancellable(const renkei_store *store,
                                       const renkei_cancel *cancel,
                                       renkei_store **out_store,
                                       renkei_error **out_error);

/**
 * Where the file of the store is, as it was opened. The caller frees the text by renkei_free.
 *
 * Rust: Store::path
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_path(const renkei_store *store,
                                char **out_path,
                                size_t *out_path_len,
                                renkei_error **out_error);

/**
 * The options of an open store that bound what calls may ask for: the members that begin with limit_ are set, the others
 * are 0.
 *
 * Rust: Store::limits
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_limits(const renkei_store *store,
                                  renkei_store_options *out_limits,
                                  renkei_error **out_error);

/**
 * The present moment by the clock of the store, in milliseconds since 1970-01-01 00:00:00 UTC.
 *
 * Rust: Store::now
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_now(const renkei_store *store,
                               int64_t *out_milliseconds,
                               renkei_error **out_error);

/**
 * The civil date and time, in the time zone of the store, of a moment in milliseconds since 1970.
 *
 * Rust: Store::local
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_local(const renkei_store *store,
                                 int64_t milliseconds,
                                 renkei_datetime *out_datetime,
                                 renkei_error **out_error);

/**
 * The offset of the store's time zone from UTC at a moment in milliseconds since 1970, in seconds.
 *
 * Rust: Store::utc_offset_seconds
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_utc_offset(const renkei_store *store,
                                      int64_t milliseconds,
                                      int64_t *out_seconds,
                                      renkei_error **out_error);

/**
 * For tests of hosts: fails as a fault of the library would. The answer is RENKEI_PANIC, and from then on RENKEI_POISONED for
 * every call on this handle but renkei_store_close. The store itself and its other views are as well as before.
 *
 * Rust: none
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_panic_for_test(const renkei_store *store,
                                          renkei_error **out_error);

/* -- Definitions --------------------------------------------------------------------------------- */

/**
 * Makes the store have what a blueprint says, in one transaction; what was done is the answer, as a JSON array. Applying the
 * same blueprint again does nothing. The caller frees the JSON by renkei_free.
 *
 * RENKEI_DEFINITION with everything that is wrong; nothing is changed then.
 *
 * Rust: Store::apply, Blueprint::from_json
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_blueprint_apply(const renkei_store *store,
                                     const char *blueprint,
                                     size_t blueprint_len,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * What renkei_blueprint_apply would do, including its checks of stored records. Nothing is changed. The caller frees the JSON.
 *
 * Rust: Store::plan
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_blueprint_plan(const renkei_store *store,
                                    const char *blueprint,
                                    size_t blueprint_len,
                                    char **out_json,
                                    size_t *out_json_len,
                                    renkei_error **out_error);

/**
 * All definitions of the store as one blueprint, with their ids. The caller frees the JSON.
 *
 * Rust: Store::blueprint, Blueprint::to_json
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_blueprint_dump(const renkei_store *store,
                                    char **out_json,
                                    size_t *out_json_len,
                                    renkei_error **out_error);

/**
 * The definition of a database, by its code or id. The caller frees the JSON, as of all functions below.
 *
 * Rust: Store::database
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_database_get(const renkei_store *store,
                                  const char *database,
                                  size_t database_len,
                                  char **out_json,
                                  size_t *out_json_len,
                                  renkei_error **out_error);

/**
 * The users of the store, as a JSON array.
 *
 * Rust: Store::users
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_user_all(const renkei_store *store,
                              char **out_json,
                              size_t *out_json_len,
                              renkei_error **out_error);

/**
 * The saved lists of a database, as a JSON array.
 *
 * Rust: Store::lists
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_list_all(const renkei_store *store,
                              const char *database,
                              size_t database_len,
                              char **out_json,
                              size_t *out_json_len,
                              renkei_error **out_error);

/**
 * A saved list, by its code or id.
 *
 * Rust: Store::list
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_list_get(const renkei_store *store,
                              const char *database,
                              size_t database_len,
                              const char *list,
                              size_t list_len,
                              char **out_json,
                              size_t *out_json_len,
                              renkei_error **out_error);

/**
 * The saved searches of a database, as a JSON array.
 *
 * Rust: Store::searches
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_search_all(const renkei_store *store,
                                const char *database,
                                size_t database_len,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * A saved search, by its code or id.
 *
 * Rust: Store::search
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_search_get(const renkei_store *store,
                                const char *database,
                                size_t database_len,
                                const char *search,
                                size_t search_len,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * The import settings of a database, as a JSON array.
 *
 * Rust: Store::import_settings
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_setting_all(const renkei_store *store,
                                        const char *database,
                                        size_t database_len,
                                        char **out_json,
                                        size_t *out_json_len,
                                        renkei_error **out_error);

/**
 * Takes a list, search or import setting out of the store, by its code or id; kind is "list", "search" or "import".
 *
 * Rust: Store::remove_definition
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_definition_remove(const renkei_store *store,
                                       const char *kind,
                                       size_t kind_len,
                                       const char *database,
                                       size_t database_len,
                                       const char *name,
                                       size_t name_len,
                                       renkei_error **out_error);

/* -- Values of records, given cell by cell ------------------------------------------------------- */

/**
 * Begins a set of values, with one record in it that has none yet. The caller frees it by renkei_values_free.
 *
 * Rust: Values::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_new(renkei_values **out_values,
                                renkei_error **out_error);

/**
 * Frees a set of values. NULL is allowed.
 *
 * Rust: dropping Values
 */
RENKEI_API
renkei_status renkei_values_free(renkei_values *values);

/**
 * Empties a set of values, for the next record: one record without values is in it then.
 *
 * Rust: Values::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_clear(renkei_values *values,
                                  renkei_error **out_error);

/**
 * Begins the next record, for calls that write many.
 *
 * Rust: a slice of Values
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_next(renkei_values *values,
                                 renkei_error **out_error);

/**
 * How many records are in the set.
 *
 * Rust: Values::fields
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_count(const renkei_values *values,
                                  size_t *out_count,
                                  renkei_error **out_error);

/**
 * Says which stored record the record begun last is to change, by its key, or with a NULL key by its id: for
 * renkei_record_update_all.
 *
 * Rust: Records::update_all
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_target(renkei_values *values,
                                   const char *key,
                                   size_t key_len,
                                   int64_t id,
                                   renkei_error **out_error);

/**
 * Begins a detail row of the record: values that follow are its. id names a row that is to be changed, as
 * renkei_record_row_id tells it; 0 is a new one, or one found by its detail key.
 *
 * Rust: Values::row, DetailRow::new, DetailRow::of
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_row(renkei_values *values,
                                int64_t id,
                                renkei_error **out_error);

/**
 * Sets a field to no value.
 *
 * Rust: Values::set with Value::Empty
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_null(renkei_values *values,
                                     const char *field,
                                     size_t field_len,
                                     renkei_error **out_error);

/**
 * Sets a field to a text. Every type of field understands one: "1,234", "2026-01-31", a label, a key of a linked record; the
 * empty text is no value.
 *
 * Rust: Values::set, DetailRow::set
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_text(renkei_values *values,
                                     const char *field,
                                     size_t field_len,
                                     const char *value,
                                     size_t value_len,
                                     renkei_error **out_error);

/**
 * Sets a field to a whole number.
 *
 * Rust: Values::set with an i64
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_int64(renkei_values *values,
                                      const char *field,
                                      size_t field_len,
                                      int64_t value,
                                      renkei_error **out_error);

/**
 * Sets a field to an exact decimal number: unscaled / 10^scale, so 1250 with scale 2 is 12.50. At most 18 digits.
 *
 * Rust: Values::set with a Number, Number::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_decimal(renkei_values *values,
                                        const char *field,
                                        size_t field_len,
                                        int64_t unscaled,
                                        uint32_t scale,
                                        renkei_error **out_error);

/**
 * Sets a field to a date: year, month and day of value; the rest of it is passed over.
 *
 * Rust: Values::set with a Date
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_date(renkei_values *values,
                                     const char *field,
                                     size_t field_len,
                                     const renkei_datetime *value,
                                     renkei_error **out_error);

/**
 * Sets a field to a date and time.
 *
 * Rust: Values::set with a DateTime
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_datetime(renkei_values *values,
                                         const char *field,
                                         size_t field_len,
                                         const renkei_datetime *value,
                                         renkei_error **out_error);

/**
 * Sets a field to a time of day: hour, minute and second of value; the rest of it is passed over.
 *
 * Rust: Values::set with a Time
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_time(renkei_values *values,
                                     const char *field,
                                     size_t field_len,
                                     const renkei_datetime *value,
                                     renkei_error **out_error);

/**
 * Sets a field to a stored file, by the id that renkei_file_put gave.
 *
 * Rust: Values::set with Value::File
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_set_file(renkei_values *values,
                                     const char *field,
                                     size_t field_len,
                                     int64_t file,
                                     renkei_error **out_error);

/**
 * Adds a label to a field of several choices. The first call for a field begins its set anew.
 *
 * Rust: Values::set with Value::Choices
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_add_label(renkei_values *values,
                                      const char *field,
                                      size_t field_len,
                                      const char *label,
                                      size_t label_len,
                                      renkei_error **out_error);

/**
 * What became of a record of the set in the last call that wrote it, by its place from 0.
 *
 * Rust: Saved
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_values_saved(const renkei_values *values,
                                  size_t place,
                                  renkei_saved *out_saved,
                                  renkei_error **out_error);

/* -- Records, written ---------------------------------------------------------------------------- */

/**
 * Registers a record. options and out_saved may be NULL.
 *
 * RENKEI_VALIDATION with every refused value (see renkei_error_violation); nothing is written then.
 *
 * Rust: Records::register, Records::register_with, Store::records
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_register(const renkei_store *store,
                                     const char *database,
                                     size_t database_len,
                                     renkei_values *values,
                                     const renkei_write_options *options,
                                     renkei_saved *out_saved,
                                     renkei_error **out_error);

/**
 * As renkei_record_register, with the record as a JSON object of field and value, and its detail rows under "details".
 *
 * Rust: Records::register, Records::register_with
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_register_json(const renkei_store *store,
                                          const char *database,
                                          size_t database_len,
                                          const char *values,
                                          size_t values_len,
                                          const renkei_write_options *options,
                                          renkei_saved *out_saved,
                                          renkei_error **out_error);

/**
 * Updates the record with a key, or with a NULL key the one with an id: fields that are not given stay as they are. options
 * and out_saved may be NULL.
 *
 * RENKEI_NOT_FOUND; RENKEI_VALIDATION with every refused value; RENKEI_CONFLICT when the record has not the expected
 * revision. Nothing is written then.
 *
 * Rust: Records::update, Records::update_with
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_update(const renkei_store *store,
                                   const char *database,
                                   size_t database_len,
                                   const char *key,
                                   size_t key_len,
                                   int64_t id,
                                   renkei_values *values,
                                   const renkei_write_options *options,
                                   renkei_saved *out_saved,
                                   renkei_error **out_error);

/**
 * As renkei_record_update, with the values as a JSON object.
 *
 * Rust: Records::update, Records::update_with
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_update_json(const renkei_store *store,
                                        const char *database,
                                        size_t database_len,
                                        const char *key,
                                        size_t key_len,
                                        int64_t id,
                                        const char *values,
                                        size_t values_len,
                                        const renkei_write_options *options,
                                        renkei_saved *out_saved,
                                        renkei_error **out_error);

/**
 * Updates the record that has the given key, or registers it. options and out_saved may be NULL.
 *
 * Rust: Records::upsert, Records::upsert_with
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_upsert(const renkei_store *store,
                                   const char *database,
                                   size_t database_len,
                                   renkei_values *values,
                                   const renkei_write_options *options,
                                   renkei_saved *out_saved,
                                   renkei_error **out_error);

/**
 * As renkei_record_upsert, with the record as a JSON object.
 *
 * Rust: Records::upsert, Records::upsert_with
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_upsert_json(const renkei_store *store,
                                        const char *database,
                                        size_t database_len,
                                        const char *values,
                                        size_t values_len,
                                        const renkei_write_options *options,
                                        renkei_saved *out_saved,
                                        renkei_error **out_error);

/**
 * Registers all records of a set of values in one transaction: all of them, or none. What became of each is told by
 * renkei_values_saved; on refusal renkei_error_line tells the place of the refused record, counted from 1. options may be
 * NULL.
 *
 * Rust: Records::register_all
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_register_all(const renkei_store *store,
                                         const char *database,
                                         size_t database_len,
                                         renkei_values *values,
                                         const renkei_write_options *options,
                                         renkei_error **out_error);

/**
 * As renkei_record_register_all, with the records as a JSON array of objects. What became of each is a JSON array of id, key,
 * revision and written, which the caller frees by renkei_free.
 *
 * Rust: Records::register_all
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_register_all_json(const renkei_store *store,
                                              const char *database,
                                              size_t database_len,
                                              const char *values,
                                              size_t values_len,
                                              const renkei_write_options *options,
                                              char **out_json,
                                              size_t *out_json_len,
                                              renkei_error **out_error);

/**
 * Updates records in one transaction: all of them, or none. Which record each of the set changes was said by
 * renkei_values_target. What became of each is told by renkei_values_saved; on refusal renkei_error_line tells the place of
 * the refused record, counted from 1. options may be NULL.
 *
 * Rust: Records::update_all
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_update_all(const renkei_store *store,
                                       const char *database,
                                       size_t database_len,
                                       renkei_values *values,
                                       const renkei_write_options *options,
                                       renkei_error **out_error);

/**
 * As renkei_record_update_all, with a JSON array of objects: "key" or "id" of the record, and "values". What became of each
 * is a JSON array of id, key, revision and written, which the caller frees by renkei_free.
 *
 * Rust: Records::update_all
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_update_all_json(const renkei_store *store,
                                            const char *database,
                                            size_t database_len,
                                            const char *changes,
                                            size_t changes_len,
                                            const renkei_write_options *options,
                                            char **out_json,
                                            size_t *out_json_len,
                                            renkei_error **out_error);

/**
 * Deletes the record with a key, or with a NULL key the one with an id, with its detail rows and files. expected_revision is
 * the revision that it must have, or 0 for any. out_id receives the record id.
 *
 * RENKEI_NOT_FOUND; RENKEI_CONFLICT when other records link to it, or when it has not the expected revision.
 *
 * Rust: Records::delete, Records::delete_with
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_delete(const renkei_store *store,
                                   const char *database,
                                   size_t database_len,
                                   const char *key,
                                   size_t key_len,
                                   int64_t id,
                                   int64_t expected_revision,
                                   int64_t *out_id,
                                   renkei_error **out_error);

/**
 * Deletes records in one transaction: all of them, or none. They are named by a JSON array of objects with "key" or "id". On
 * refusal renkei_error_line tells the place of the refused one, counted from 1. out_json is a JSON array of the record ids,
 * which the caller frees by renkei_free.
 *
 * Rust: Records::delete_all
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_delete_all_json(const renkei_store *store,
                                            const char *database,
                                            size_t database_len,
                                            const char *targets,
                                            size_t targets_len,
                                            char **out_json,
                                            size_t *out_json_len,
                                            renkei_error **out_error);

/**
 * Approves the record with a key, or with a NULL key the one with an id. out_saved may be NULL.
 *
 * Rust: Records::approve
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_approve(const renkei_store *store,
                                    const char *database,
                                    size_t database_len,
                                    const char *key,
                                    size_t key_len,
                                    int64_t id,
                                    renkei_saved *out_saved,
                                    renkei_error **out_error);

/**
 * Withdraws the approval of a record, as renkei_record_approve.
 *
 * Rust: Records::withdraw_approval
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_withdraw_approval(const renkei_store *store,
                                              const char *database,
                                              size_t database_len,
                                              const char *key,
                                              size_t key_len,
                                              int64_t id,
                                              renkei_saved *out_saved,
                                              renkei_error **out_error);

/* -- Records, read ------------------------------------------------------------------------------- */

/**
 * Reads the record with a key, or with a NULL key the one with an id. The caller frees it by renkei_record_free.
 *
 * RENKEI_NOT_FOUND when there is none.
 *
 * Rust: Records::view
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_view(const renkei_store *store,
                                 const char *database,
                                 size_t database_len,
                                 const char *key,
                                 size_t key_len,
                                 int64_t id,
                                 renkei_record **out_record,
                                 renkei_error **out_error);

/**
 * As renkei_record_view, with RENKEI_OK and no record (NULL) where there is none.
 *
 * Rust: Records::find
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_find(const renkei_store *store,
                                 const char *database,
                                 size_t database_len,
                                 const char *key,
                                 size_t key_len,
                                 int64_t id,
                                 renkei_record **out_record,
                                 renkei_error **out_error);

/**
 * As renkei_record_view, as a JSON object: _id, _revision, _created_at, _created_by, _updated_at, _updated_by, every field by
 * its code, and the detail rows under "details". The caller frees the JSON by renkei_free.
 *
 * Rust: Records::view, Record::to_json
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_view_json(const renkei_store *store,
                                      const char *database,
                                      size_t database_len,
                                      const char *key,
                                      size_t key_len,
                                      int64_t id,
                                      char **out_json,
                                      size_t *out_json_len,
                                      renkei_error **out_error);

/**
 * Frees a record. NULL is allowed.
 *
 * Rust: dropping a Record
 */
RENKEI_API
renkei_status renkei_record_free(renkei_record *record);

/**
 * A record as a JSON object, as renkei_record_view_json. The caller frees the JSON by renkei_free.
 *
 * Rust: Record::to_json, Record::fields, RecordRow::fields
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_json(const renkei_record *record,
                                 char **out_json,
                                 size_t *out_json_len,
                                 renkei_error **out_error);

/**
 * The record id.
 *
 * Rust: Record::id
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_id(const renkei_record *record,
                               int64_t *out_id,
                               renkei_error **out_error);

/**
 * The key, lent until the record is freed, with no NUL behind it.
 *
 * Rust: Record::key
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_key(const renkei_record *record,
                                const char **out_key,
                                size_t *out_key_len,
                                renkei_error **out_error);

/**
 * How often the record was written: 1 for a new one.
 *
 * Rust: Record::revision
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_revision(const renkei_record *record,
                                     int64_t *out_revision,
                                     renkei_error **out_error);

/**
 * When the record was registered, in milliseconds since 1970, and by which user: the empty text is the host itself. The text
 * is lent until the record is freed, with no NUL behind it.
 *
 * Rust: Record::created_at, Record::created_by
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_created(const renkei_record *record,
                                    int64_t *out_milliseconds,
                                    const char **out_user,
                                    size_t *out_user_len,
                                    renkei_error **out_error);

/**
 * When the record was last written, and by which user, as renkei_record_created.
 *
 * Rust: Record::updated_at, Record::updated_by
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_updated(const renkei_record *record,
                                    int64_t *out_milliseconds,
                                    const char **out_user,
                                    size_t *out_user_len,
                                    renkei_error **out_error);

/**
 * The approval state: RENKEI_APPROVAL_NONE, RENKEI_APPROVAL_PENDING or RENKEI_APPROVAL_APPROVED.
 *
 * Rust: Record::approval
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_approval(const renkei_record *record,
                                     uint32_t *out_approval,
                                     renkei_error **out_error);

/**
 * How many detail rows the record has.
 *
 * Rust: Record::rows
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_row_count(const renkei_record *record,
                                      size_t *out_count,
                                      renkei_error **out_error);

/**
 * The id by which a detail row, counted from 1, can be changed; see renkei_values_row.
 *
 * Rust: RecordRow::id
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_row_id(const renkei_record *record,
                                   size_t row,
                                   int64_t *out_id,
                                   renkei_error **out_error);

/**
 * Whether a field has no value.
 *
 * Rust: Record::value, RecordRow::value, Value::is_empty
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_is_null(const renkei_record *record,
                                    size_t row,
                                    const char *field,
                                    size_t field_len,
                                    int32_t *out_is_null,
                                    renkei_error **out_error);

/**
 * The text of a field in a format (RENKEI_FORMAT_RAW, RENKEI_FORMAT_CSV or RENKEI_FORMAT_DISPLAY), empty where there is no
 * value: lent until the record is freed, with no NUL behind it.
 *
 * Rust: Record::text, Record::display, RecordRow::text, RecordRow::display
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_text(const renkei_record *record,
                                 size_t row,
                                 const char *field,
                                 size_t field_len,
                                 uint32_t format,
                                 const char **out_text,
                                 size_t *out_text_len,
                                 renkei_error **out_error);

/**
 * All cells of the header (row 0) or of a detail row, in the order of the definition without fields out of use: an array,
 * lent until the record is freed. The fastest way to read a record.
 *
 * Rust: Record::fields, RecordRow::fields
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_cells(const renkei_record *record,
                                  size_t row,
                                  const renkei_cell **out_cells,
                                  size_t *out_count,
                                  renkei_error **out_error);

/**
 * The value of a field as a whole number: of a number without decimal places, or the id of a file. 0 where there is no value.
 *
 * Rust: Record::value, RecordRow::value, Value::as_number
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_int64(const renkei_record *record,
                                  size_t row,
                                  const char *field,
                                  size_t field_len,
                                  int64_t *out_value,
                                  renkei_error **out_error);

/**
 * The value of a field as an exact decimal number, unscaled / 10^scale. 0 where there is no value.
 *
 * Rust: Record::value, RecordRow::value, Number::unscaled, Number::scale
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_decimal(const renkei_record *record,
                                    size_t row,
                                    const char *field,
                                    size_t field_len,
                                    int64_t *out_unscaled,
                                    uint32_t *out_scale,
                                    renkei_error **out_error);

/**
 * The value of a field as a date, a time, or both; all 0 where there is no value.
 *
 * Rust: Record::value, RecordRow::value, Date::year, Date::month, Date::day, DateTime::date, DateTime::time,
 * Time::hour, Time::minute, Time::second
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_datetime(const renkei_record *record,
                                     size_t row,
                                     const char *field,
                                     size_t field_len,
                                     renkei_datetime *out_datetime,
                                     renkei_error **out_error);

/* -- Transactions -------------------------------------------------------------------------------- */

/**
 * Begins a transaction, and waits for its turn to write; others wait until it ends. It ends by renkei_transaction_commit or
 * renkei_transaction_rollback, on the same thread. Meanwhile calls of this thread on the store itself may only read, and see
 * the store as it was; those that write are refused (RENKEI_USAGE, "store.reentered").
 *
 * Rust: Store::transaction
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_begin(const renkei_store *store,
                                       renkei_transaction **out_transaction,
                                       renkei_error **out_error);

/**
 * Keeps what was written, and ends the transaction, also when this fails: then nothing was kept.
 *
 * Rust: Store::transaction
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_commit(renkei_transaction *transaction,
                                        renkei_error **out_error);

/**
 * Takes back what was written, and ends the transaction. NULL is allowed.
 *
 * Rust: Store::transaction
 */
RENKEI_API
renkei_status renkei_transaction_rollback(renkei_transaction *transaction);

/**
 * As renkei_record_register, within the transaction. A record that is refused leaves nothing behind, and the transaction goes on.
 *
 * Rust: Transaction::register
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_register(renkei_transaction *transaction,
                                          const char *database,
                                          size_t database_len,
                                          renkei_values *values,
                                          const renkei_write_options *options,
                                          renkei_saved *out_saved,
                                          renkei_error **out_error);

/**
 * As renkei_record_register_json, within the transaction.
 *
 * Rust: Transaction::register
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_register_json(renkei_transaction *transaction,
                                               const char *database,
                                               size_t database_len,
                                               const char *values,
                                               size_t values_len,
                                               const renkei_write_options *options,
                                               renkei_saved *out_saved,
                                               renkei_error **out_error);

/**
 * As renkei_record_update, within the transaction. A record that is refused leaves nothing behind, and the transaction goes on.
 *
 * Rust: Transaction::update
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_update(renkei_transaction *transaction,
                                        const char *database,
                                        size_t database_len,
                                        const char *key,
                                        size_t key_len,
                                        int64_t id,
                                        renkei_values *values,
                                        const renkei_write_options *options,
                                        renkei_saved *out_saved,
                                        renkei_error **out_error);

/**
 * As renkei_record_update_json, within the transaction.
 *
 * Rust: Transaction::update
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_update_json(renkei_transaction *transaction,
                                             const char *database,
                                             size_t database_len,
                                             const char *key,
                                             size_t key_len,
                                             int64_t id,
                                             const char *values,
                                             size_t values_len,
                                             const renkei_write_options *options,
                                             renkei_saved *out_saved,
                                             renkei_error **out_error);

/**
 * As renkei_record_upsert, within the transaction. A record that is refused leaves nothing behind, and the transaction goes on.
 *
 * Rust: Transaction::upsert
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_upsert(renkei_transaction *transaction,
                                        const char *database,
                                        size_t database_len,
                                        renkei_values *values,
                                        const renkei_write_options *options,
                                        renkei_saved *out_saved,
                                        renkei_error **out_error);

/**
 * As renkei_record_upsert_json, within the transaction.
 *
 * Rust: Transaction::upsert
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_upsert_json(renkei_transaction *transaction,
                                             const char *database,
                                             size_t database_len,
                                             const char *values,
                                             size_t values_len,
                                             const renkei_write_options *options,
                                             renkei_saved *out_saved,
                                             renkei_error **out_error);

/**
 * As renkei_record_delete, within the transaction.
 *
 * Rust: Transaction::delete
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_delete(renkei_transaction *transaction,
                                        const char *database,
                                        size_t database_len,
                                        const char *key,
                                        size_t key_len,
                                        int64_t id,
                                        int64_t expected_revision,
                                        int64_t *out_id,
                                        renkei_error **out_error);

/* -- Queries ------------------------------------------------------------------------------------- */

/**
 * One page of the records that a query finds, with their detail rows. query is a JSON object with condition, sort, limit,
 * offset and after, or NULL for all records by id. The answer is a JSON object: "records", each as renkei_record_view_json
 * gives it, and "next", which is put into "after" for the next page, or null behind the last one. The caller frees the JSON
 * by renkei_free.
 *
 * Rust: Store::query, Records::query
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_query_page(const renkei_store *store,
                                const char *database,
                                size_t database_len,
                                const char *query,
                                size_t query_len,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * How many records fulfil a condition, a JSON object such as {"field": "name", "op": "contains", "value": "x"}; all of them
 * when it is NULL.
 *
 * Rust: Store::count
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_query_count(const renkei_store *store,
                                 const char *database,
                                 size_t database_len,
                                 const char *condition,
                                 size_t condition_len,
                                 uint64_t *out_count,
                                 renkei_error **out_error);

/**
 * Counts, sums, extremes and averages, by groups: a JSON object with condition, rows, group_by, measures, sort and limit. The
 * answer is a JSON array of objects with "groups" and "values". The caller frees the JSON by renkei_free.
 *
 * Rust: Store::aggregate
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_query_aggregate(const renkei_store *store,
                                     const char *database,
                                     size_t database_len,
                                     const char *aggregation,
                                     size_t aggregation_len,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/* -- Rows, read one by one without JSON ---------------------------------------------------------- */

/**
 * Opens a cursor. columns is a JSON array of paths, such as ["number", "branch.name", "_updated_at"]; query is a JSON object
 * with condition, sort, limit, offset and after, or NULL for all records by id. With a detail field among the columns there
 * is a line for each detail row, and one for a record without any. The caller closes it by renkei_rows_close.
 *
 * Rust: Store::rows
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_open(const renkei_store *store,
                               const char *database,
                               size_t database_len,
                               const char *columns,
                               size_t columns_len,
                               const char *query,
                               size_t query_len,
                               renkei_rows **out_rows,
                               renkei_error **out_error);

/**
 * Goes to the next line; out_has_row is 1 where there is one, and 0 behind the last. What was lent of the line before is
 * gone then.
 *
 * Rust: Store::rows
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_next(renkei_rows *rows,
                               int32_t *out_has_row,
                               renkei_error **out_error);

/**
 * Closes a cursor. NULL is allowed.
 *
 * Rust: the end of Store::rows
 */
RENKEI_API
renkei_status renkei_rows_close(renkei_rows *rows);

/**
 * How many columns there are.
 *
 * Rust: Row::len
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_column_count(const renkei_rows *rows,
                                       size_t *out_count,
                                       renkei_error **out_error);

/**
 * The id of the record.
 *
 * Rust: Row::id
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_id(const renkei_rows *rows,
                             int64_t *out_id,
                             renkei_error **out_error);

/**
 * Whether a column, counted from 0, has no value.
 *
 * Rust: Row::is_null
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_is_null(const renkei_rows *rows,
                                  size_t column,
                                  int32_t *out_is_null,
                                  renkei_error **out_error);

/**
 * The text of a column, counted from 0, in a format (RENKEI_FORMAT_RAW, RENKEI_FORMAT_CSV or RENKEI_FORMAT_DISPLAY), empty
 * where there is no value. Lent, with no NUL behind it, until the next line, or until the same column is read in another
 * format.
 *
 * Rust: Row::text
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_text(renkei_rows *rows,
                               size_t column,
                               uint32_t format,
                               const char **out_text,
                               size_t *out_text_len,
                               renkei_error **out_error);

/**
 * The value of a column as a whole number: of a number without decimal places, the id of a file, _id or _revision. 0 where
 * there is no value.
 *
 * Rust: Row::value
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_int64(const renkei_rows *rows,
                                size_t column,
                                int64_t *out_value,
                                renkei_error **out_error);

/**
 * The value of a column as an exact decimal number, unscaled / 10^scale. 0 where there is no value.
 *
 * Rust: Row::value, Number::unscaled, Number::scale
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_decimal(const renkei_rows *rows,
                                  size_t column,
                                  int64_t *out_unscaled,
                                  uint32_t *out_scale,
                                  renkei_error **out_error);

/**
 * The value of a column as a date, a time, or both (in the time zone of the store for _created_at and _updated_at); all 0
 * where there is no value.
 *
 * Rust: Row::value
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_datetime(const renkei_rows *rows,
                                   size_t column,
                                   renkei_datetime *out_datetime,
                                   renkei_error **out_error);

/**
 * All cells of the line at once, which is the fastest way to read it: an array of as many as there are columns, lent until
 * the next line.
 *
 * Rust: Row::value
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_rows_cells(renkei_rows *rows,
                                const renkei_cell **out_cells,
                                size_t *out_count,
                                renkei_error **out_error);

/* -- Files and uploads --------------------------------------------------------------------------- */

/**
 * Stores bytes as a file, to be the value of a file field: see renkei_values_set_file. Unless a record takes it, it is
 * deleted after 24 hours. name is the name that people see. out_id receives the id.
 *
 * Rust: Store::put_file
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_put(const renkei_store *store,
                              const char *name,
                              size_t name_len,
                              const void *bytes,
                              size_t bytes_len,
                              int64_t *out_id,
                              renkei_error **out_error);

/**
 * As renkei_file_put, with the bytes that a function gives piece by piece.
 *
 * Rust: Store::put_file
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_put_from(const renkei_store *store,
                                   const char *name,
                                   size_t name_len,
                                   renkei_read_fn read,
                                   void *user_data,
                                   int64_t *out_id,
                                   renkei_error **out_error);

/**
 * What is known of a stored file, as a JSON object: id, name, bytes, sha256. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::file
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_info(const renkei_store *store,
                               int64_t id,
                               char **out_json,
                               size_t *out_json_len,
                               renkei_error **out_error);

/**
 * The bytes of a stored file, in memory, which the caller frees by renkei_free.
 *
 * Rust: Store::read_file
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_read(const renkei_store *store,
                               int64_t id,
                               char **out_bytes,
                               size_t *out_bytes_len,
                               renkei_error **out_error);

/**
 * The bytes of a stored file, given to a function piece by piece.
 *
 * Rust: Store::read_file
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_read_to(const renkei_store *store,
                                  int64_t id,
                                  renkei_write_fn write,
                                  void *user_data,
                                  renkei_error **out_error);

/**
 * Keeps bytes for an import within the next 24 hours. out_id receives the id of the upload, which renkei_import_reserve takes.
 *
 * Rust: Store::upload
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_upload_put(const renkei_store *store,
                                const char *name,
                                size_t name_len,
                                const void *bytes,
                                size_t bytes_len,
                                int64_t *out_id,
                                renkei_error **out_error);

/**
 * As renkei_upload_put, with the bytes that a function gives piece by piece.
 *
 * Rust: Store::upload
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_upload_put_from(const renkei_store *store,
                                     const char *name,
                                     size_t name_len,
                                     renkei_read_fn read,
                                     void *user_data,
                                     int64_t *out_id,
                                     renkei_error **out_error);

/**
 * As renkei_upload_put, with the bytes of a file. (A file that stays where it is can be imported in place: see
 * renkei_import_request.)
 *
 * Rust: Store::upload
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_upload_put_path(const renkei_store *store,
                                     const char *name,
                                     size_t name_len,
                                     const char *path,
                                     size_t path_len,
                                     int64_t *out_id,
                                     renkei_error **out_error);

/* -- Imports ------------------------------------------------------------------------------------- */

/**
 * Reserves an import by a setting of a database (each by code or id): a worker runs it. out_process_id receives the id of the
 * import, and out_existed 1 when it had been reserved before, by the same token or the same content.
 *
 * Rust: Store::reserve_import, ImportRequest::upload, ImportRequest::path, ImportRequest::token,
 * ImportRequest::once_per_content, ImportRequest::dry_run, ImportRequest::at
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_reserve(const renkei_store *store,
                                    const char *database,
                                    size_t database_len,
                                    const char *setting,
                                    size_t setting_len,
                                    const renkei_import_request *request,
                                    int64_t *out_process_id,
                                    int32_t *out_existed,
                                    renkei_error **out_error);

/**
 * How an import stands.
 *
 * Rust: Store::import_status
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_status(const renkei_store *store,
                                   int64_t process_id,
                                   renkei_import_info *out_info,
                                   renkei_error **out_error);

/**
 * How an import stands, as a JSON object, with its setting, encoding and error. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::import_status
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_status_json(const renkei_store *store,
                                        int64_t process_id,
                                        char **out_json,
                                        size_t *out_json_len,
                                        renkei_error **out_error);

/**
 * The latest imports, newest first, as a JSON array of what renkei_import_status_json gives. The caller frees the JSON.
 *
 * Rust: Store::imports
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_all(const renkei_store *store,
                                uint64_t limit,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * Waits until an import has ended, or the time in milliseconds is over; how it stands then. Somebody else must run it: a
 * worker that was started, or another process.
 *
 * Rust: Store::wait_import
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_wait(const renkei_store *store,
                                 int64_t process_id,
                                 uint64_t timeout_ms,
                                 renkei_import_info *out_info,
                                 renkei_error **out_error);

/**
 * Ends an import, from any thread. One that waits is ended at once, one that runs within a second: what a partial import has
 * written stays, an atomic one is taken back. RENKEI_CONFLICT when it has ended already.
 *
 * Rust: Store::cancel_import
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_cancel(const renkei_store *store,
                                   int64_t process_id,
                                   renkei_error **out_error);

/**
 * The refused cells of an import in file order, as a JSON array: at most limit, after the first skip. The caller frees the
 * JSON by renkei_free.
 *
 * Rust: Store::rejects
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_rejects(const renkei_store *store,
                                    int64_t process_id,
                                    uint64_t skip,
                                    uint64_t limit,
                                    char **out_json,
                                    size_t *out_json_len,
                                    renkei_error **out_error);

/**
 * Gives the refused lines as a CSV file to a function piece by piece, in the encoding of the import: every column as it
 * stood, then the line number, the codes and the messages. Mended, it can be imported again by the same setting. out_lines
 * receives the number of lines.
 *
 * Rust: Store::write_rejects
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_rejects_to(const renkei_store *store,
                                       int64_t process_id,
                                       renkei_write_fn write,
                                       void *user_data,
                                       uint64_t *out_lines,
                                       renkei_error **out_error);

/**
 * As renkei_import_rejects_to, to a file, which is made or replaced.
 *
 * Rust: Store::write_rejects
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_import_rejects_path(const renkei_store *store,
                                         int64_t process_id,
                                         const char *path,
                                         size_t path_len,
                                         uint64_t *out_lines,
                                         renkei_error **out_error);

/* -- Exports ------------------------------------------------------------------------------------- */

/**
 * Writes an export as CSV and gives it to a function in pieces of about 64 KiB. spec is a JSON object with database, and
 * list, search, columns, condition, sort, limit, values, headings, format and so on: see Export in the documentation of the
 * Rust crate. Memory does not grow with the number of records, and all of them are of one moment. options and out_exported
 * may be NULL.
 *
 * Rust: Store::export, Store::export_with_progress
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_export_to(const renkei_store *store,
                               const char *spec,
                               size_t spec_len,
                               renkei_write_fn write,
                               void *user_data,
                               const renkei_export_options *options,
                               renkei_exported *out_exported,
                               renkei_error **out_error);

/**
 * Writes an export to a file, as renkei_export_to. The file takes its place when it is whole and safe on the disk: after a
 * failure the old one is there. A pipe or a terminal is written to as it is (on Unix also a descriptor, as "/dev/fd/3").
 *
 * Rust: Store::export_to_path, Store::export_to_path_with_progress
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_export_path(const renkei_store *store,
                                 const char *spec,
                                 size_t spec_len,
                                 const char *path,
                                 size_t path_len,
                                 const renkei_export_options *options,
                                 renkei_exported *out_exported,
                                 renkei_error **out_error);

/**
 * Writes an export to memory, as renkei_export_to. The caller frees the bytes, which are in the encoding of the export, by
 * renkei_free.
 *
 * Rust: Store::export, Store::export_with_progress
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_export_memory(const renkei_store *store,
                                   const char *spec,
                                   size_t spec_len,
                                   const renkei_export_options *options,
                                   char **out_bytes,
                                   size_t *out_bytes_len,
                                   renkei_exported *out_exported,
                                   renkei_error **out_error);

/* -- Workers ------------------------------------------------------------------------------------- */

/**
 * Makes a worker for a store. options may be NULL. It runs when it is asked to: renkei_worker_run_until_idle on the caller's
 * own thread, or renkei_worker_start on one of its own. The caller frees it by renkei_worker_free.
 *
 * Rust: Worker::new, Worker::on_progress, Worker::retention
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_new(const renkei_store *store,
                                const renkei_worker_options *options,
                                renkei_worker **out_worker,
                                renkei_error **out_error);

/**
 * Runs the next thing that is due, on this thread; out_ran is 1 when there was one. An import that fails is no error of this
 * call: see renkei_import_status.
 *
 * Rust: Worker::run_once
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_run_once(renkei_worker *worker,
                                     int32_t *out_ran,
                                     renkei_error **out_error);

/**
 * Runs everything that is due, on this thread, and sweeps; out_count receives how many things were run.
 *
 * Rust: Worker::run_until_idle
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_run_until_idle(renkei_worker *worker,
                                           uint64_t *out_count,
                                           renkei_error **out_error);

/**
 * Deletes uploads and unclaimed files whose time is over, and ended imports that were kept long enough.
 *
 * Rust: Worker::sweep
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_sweep(renkei_worker *worker,
                                  renkei_error **out_error);

/**
 * Starts a thread that runs what is due until the worker is stopped. RENKEI_USAGE when it was started or stopped before.
 *
 * Rust: Worker::start
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_start(renkei_worker *worker,
                                  renkei_error **out_error);

/**
 * Stops a worker, for good, from any thread: what it runs is parked at its next commit, and goes on with another worker. Waits
 * for the thread that renkei_worker_start started; a call that runs on another thread returns soon after. It must not be
 * called from the progress function of the same worker.
 *
 * Rust: Worker::stop, WorkerHandle::stop
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_stop(renkei_worker *worker,
                                 renkei_error **out_error);

/**
 * Stops a worker, as renkei_worker_stop, and frees it. NULL is allowed.
 *
 * Rust: dropping a WorkerHandle
 */
RENKEI_API
renkei_status renkei_worker_free(renkei_worker *worker);

/* -- Proposals from CSV files -------------------------------------------------------------------- */

/**
 * Proposes a definition for the records of a CSV file: its database, and the import setting for files like it. options is a
 * JSON object with encoding, delimiter, header, rows, key, automatic_key, index, database and name, each of which may be
 * absent, or NULL. The answer is a JSON object, whose "database" and "setting" go into a blueprint; the caller frees it by
 * renkei_free.
 *
 * Rust: infer_path
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_infer_path(const char *path,
                                size_t path_len,
                                const char *options,
                                size_t options_len,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * As renkei_infer_path, of a file that is in memory.
 *
 * Rust: infer
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_infer_memory(const void *bytes,
                                  size_t bytes_len,
                                  const char *options,
                                  size_t options_len,
                                  char **out_json,
                                  size_t *out_json_len,
                                  renkei_error **out_error);

/**
 * Finds out the encoding of a CSV file, and its delimiter if none is given (as a Unicode code point; 0 is none). The answer is
 * a JSON object with encoding, bom and delimiter, which the caller frees by renkei_free.
 *
 * Rust: csv::detect
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_csv_detect_path(const char *path,
                                     size_t path_len,
                                     uint32_t delimiter,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * As renkei_csv_detect_path, of a file that is in memory.
 *
 * Rust: csv::detect
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_csv_detect_memory(const void *bytes,
                                       size_t bytes_len,
                                       uint32_t delimiter,
                                       char **out_json,
                                       size_t *out_json_len,
                                       renkei_error **out_error);

/* -- Structs with their size set, and everything else 0 ----------------------------------------- */

static inline renkei_violation renkei_violation_init(void)
{
    renkei_violation made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_store_options renkei_store_options_init(void)
{
    renkei_store_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_datetime renkei_datetime_init(void)
{
    renkei_datetime made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_saved renkei_saved_init(void)
{
    renkei_saved made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_write_options renkei_write_options_init(void)
{
    renkei_write_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_import_request renkei_import_request_init(void)
{
    renkei_import_request made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_import_info renkei_import_info_init(void)
{
    renkei_import_info made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_export_options renkei_export_options_init(void)
{
    renkei_export_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_exported renkei_exported_init(void)
{
    renkei_exported made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_worker_options renkei_worker_options_init(void)
{
    renkei_worker_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RENKEI_H */

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
 * program, examples/c/host.c an HTTP host around the Web API.
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
 * Threads. Errors, stores, signs, clocks, workers, verifiers and the Web API may be used by any number of threads at once.
 *   Sets of values, records, cursors, export streams, outgoing messages, requests and responses are for one thread at a time,
 *   and may go from one to another; a second call on one that is in use is refused (RENKEI_IN_USE). A transaction is for the
 *   thread that began it (RENKEI_WRONG_THREAD). Closing a handle while other threads
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
 *   renkei_error_retry_after             Error::retry_after
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
 *                                        StoreOptions::clock, StoreOptions::random,
 *                                        StoreOptions::secret_key, StoreOptions::secret_key_from,
 *                                        StoreOptions::secret_vault
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
 *   renkei_record_created_name           Record::created_by_name
 *   renkei_record_updated_name           Record::updated_by_name
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
 *   renkei_transaction_view              Transaction::view
 *   renkei_transaction_find              Transaction::find
 *   renkei_transaction_view_json         Transaction::view
 *   renkei_transaction_page              Transaction::query
 *   renkei_transaction_count             Transaction::count
 *   renkei_transaction_deliver           Transaction::deliver
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
 *   renkei_import_rejects_path           Store::write_rejects_to_path
 * Exports
 *   renkei_export_to                     Store::export, Store::export_with_progress
 *   renkei_export_path                   Store::export_to_path,
 *                                        Store::export_to_path_with_progress
 *   renkei_export_memory                 Store::export, Store::export_with_progress
 * Exports that are read
 *   renkei_export_stream_open            Store::export_stream
 *   renkei_export_stream_read            reading an ExportStream
 *   renkei_export_stream_exported        ExportStream::exported
 *   renkei_export_stream_close           dropping an ExportStream
 * Saved aggregations
 *   renkei_aggregation_run               Store::run_aggregation
 *   renkei_aggregation_preview           Store::preview_aggregation
 *   renkei_aggregation_export            Store::export_aggregation
 *   renkei_aggregation_all               Store::aggregation_settings
 * Generated files
 *   renkei_file_template_generate        Store::generate_file
 *   renkei_file_template_all             Store::file_templates
 * Schedules
 *   renkei_schedule_next_runs            Store::next_runs
 * Workers
 *   renkei_worker_new                    Worker::new, Worker::on_progress, Worker::retention,
 *                                        Worker::senders, Worker::network, Worker::resolver,
 *                                        Worker::transport, Worker::on_notice
 *   renkei_worker_run_once               Worker::run_once
 *   renkei_worker_run_until_idle         Worker::run_until_idle
 *   renkei_worker_sweep                  Worker::sweep
 *   renkei_worker_start                  Worker::start
 *   renkei_worker_stop                   Worker::stop, WorkerHandle::stop
 *   renkei_worker_free                   dropping a WorkerHandle
 * Deliveries
 *   renkei_delivery_queue                Store::deliver, NewDelivery::http
 *   renkei_delivery_status               Store::delivery
 *   renkei_delivery_status_json          Store::delivery
 *   renkei_delivery_all                  Store::deliveries
 *   renkei_delivery_attempts             Store::attempts
 *   renkei_delivery_wait                 Store::wait_delivery
 *   renkei_delivery_cancel               Store::cancel_delivery
 *   renkei_delivery_replay               Store::replay_delivery
 *   renkei_delivery_replay_all           Store::replay_deliveries
 *   renkei_delivery_replay_failed        Store::replay_failed
 *   renkei_delivery_metrics              Store::delivery_metrics
 *   renkei_target_all                    Store::targets
 *   renkei_target_enable                 Store::enable_target
 *   renkei_target_disable                Store::disable_target
 * CSV pushes
 *   renkei_push_start                    Store::push, PushRequest::new
 *   renkei_push_status                   Store::push_run
 *   renkei_push_status_json              Store::push_run
 *   renkei_push_wait                     Store::wait_push
 *   renkei_push_cancel                   Store::cancel_push
 *   renkei_push_runs                     Store::push_runs
 *   renkei_push_all                      Store::csv_pushes
 * Http sends
 *   renkei_http_send_start               Store::http_send, HttpSendRequest::of
 *   renkei_http_send_status              Store::http_send_run
 *   renkei_http_send_status_json         Store::http_send_run
 *   renkei_http_send_wait                Store::wait_http_send
 *   renkei_http_send_cancel              Store::cancel_http_send
 *   renkei_http_send_runs                Store::http_send_runs
 *   renkei_http_send_all                 Store::http_sends
 * Automations
 *   renkei_automation_start              Store::start_automation
 *   renkei_automation_receive_mail       Store::receive_mail, ReceivedMail::message_id
 *   renkei_automation_plan               Store::plan_automation
 *   renkei_automation_status             Store::automation_run
 *   renkei_automation_status_json        Store::automation_run
 *   renkei_automation_entries            Store::automation_entries
 *   renkei_automation_wait               Store::wait_automation
 *   renkei_automation_cancel             Store::cancel_automation
 *   renkei_automation_runs               Store::automation_runs
 *   renkei_automation_all                Store::automations
 * Mail
 *   renkei_mail_send                     Store::send_mail, Mail::new
 *   renkei_mail_send_about               Store::send_mail_about
 *   renkei_mail_server_all               Store::mail_servers
 *   renkei_mail_template_all             Store::mail_templates
 *   renkei_notice_mail_all               Store::notice_mails
 *   renkei_notice_mail_status            Store::notice_mail_status
 * Secrets
 *   renkei_secret_put                    Store::put_secret
 *   renkei_secret_remove                 Store::remove_secret
 *   renkei_secret_names                  Store::secret_names
 *   renkei_secret_reseal                 Store::reseal_secrets
 *   renkei_secret_new_signing            Store::new_signing_secret
 * Signatures of webhooks
 *   renkei_verifier_new                  WebhookVerifier::new, WebhookVerifier::tolerance
 *   renkei_verifier_add                  WebhookVerifier::secret
 *   renkei_verifier_verify               WebhookVerifier::verify
 *   renkei_verifier_free                 dropping a WebhookVerifier
 * Messages on their way, for hosts that carry them
 *   renkei_outgoing_describe             OutboundRequest
 *   renkei_outgoing_header               OutboundRequest
 *   renkei_outgoing_read                 OutboundRequest
 *   renkei_outgoing_addresses            OutboundRequest::addresses
 *   renkei_outgoing_answer               Answer::new
 *   renkei_outgoing_answer_header        Answer
 *   renkei_outgoing_answer_body          Answer
 *   renkei_outgoing_times                Times
 *   renkei_outgoing_fail                 Failure::before_sending, Failure::unanswered
 * Backups and checks
 *   renkei_store_backup                  Store::backup, Store::backup_with,
 *                                        BackupOptions::bytes_per_second, BackupOptions::unchecked
 *   renkei_store_check                   Store::check, Store::check_with, CheckOptions::quick,
 *                                        CheckReport::is_sound, CheckReport::to_json
 * Proposals from CSV files
 *   renkei_infer_path                    infer_path
 *   renkei_infer_memory                  infer
 *   renkei_csv_detect_path               csv::detect
 *   renkei_csv_detect_memory             csv::detect
 * Access: rights, tokens, calls, the audit log
 *   renkei_access_acting_user            Store::acting_user
 *   renkei_access_may                    Store::may
 *   renkei_access_settings               Store::access
 *   renkei_access_client_address         Store::client_address, client_address
 *   renkei_access_count_call             Store::count_call
 *   renkei_token_issue                   Store::issue_token, NewToken::of, NewToken::name,
 *                                        NewToken::expires_in, NewToken::expires_at,
 *                                        NewToken::address, IssuedToken::id, IssuedToken::secret
 *   renkei_token_all                     Store::tokens
 *   renkei_token_revoke                  Store::revoke_token
 *   renkei_token_authenticate            Store::authenticate
 *   renkei_audit_page                    Store::audit, AuditQuery::new, AuditQuery::user,
 *                                        AuditQuery::token, AuditQuery::action,
 *                                        AuditQuery::database, AuditQuery::since,
 *                                        AuditQuery::until, AuditQuery::limit, AuditQuery::after
 *   renkei_audit_note                    Store::note_audit, AuditEntry::new, AuditEntry::database,
 *                                        AuditEntry::subject, AuditEntry::result,
 *                                        AuditEntry::address
 * The Web API
 *   renkei_webapi_new                    WebApi::new, WebApi::with_options
 *   renkei_webapi_free                   dropping a WebApi
 *   renkei_webapi_account                WebApi::account
 *   renkei_webapi_get_options            WebApi::options
 *   renkei_webapi_set_maintenance        WebApi::set_maintenance
 *   renkei_webapi_is_in_maintenance      WebApi::is_in_maintenance
 *   renkei_webapi_handle                 WebApi::handle
 *   renkei_webapi_openapi                webapi::openapi
 * Requests of the Web API
 *   renkei_request_new                   Request::new
 *   renkei_request_add_header            Request::header, Request::owned_header
 *   renkei_request_set_body              Request::body
 *   renkei_request_set_body_from         Request::reader
 *   renkei_request_set_remote            Request::remote
 *   renkei_request_set_tls               Request::tls
 *   renkei_request_free                  dropping a Request
 * Responses of the Web API
 *   renkei_response_free                 dropping a Response
 *   renkei_response_status               Response::status
 *   renkei_response_reason               Response::reason
 *   renkei_response_header_count         Response::headers
 *   renkei_response_header               Response::headers
 *   renkei_response_find_header          Response::header
 *   renkei_response_is_chunked           Response::is_chunked
 *   renkei_response_content_length       Response::content_length
 *   renkei_response_closes               Response::closes
 *   renkei_response_body                 Response::body_bytes
 *   renkei_response_read                 Response::body_mut, Response::into_body
 *   renkei_response_write_to             Response::into_body, Body::write_to
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

/** A delivery was given up: a dead letter. */
#define RENKEI_NOTICE_FAILED 1

/** A target has failed so often in a row that it is left alone for a while. */
#define RENKEI_NOTICE_CIRCUIT_OPENED 2

/** A target that had failed has answered again. */
#define RENKEI_NOTICE_CIRCUIT_CLOSED 3

/** A target has failed for so long that nothing is sent to it until it is enabled: see renkei_target_enable. */
#define RENKEI_NOTICE_TARGET_DISABLED 4

/** The delivery waits for its first attempt, or the next. */
#define RENKEI_DELIVERY_WAITING 1

/** The delivery waits for an earlier one with the same order key. */
#define RENKEI_DELIVERY_BEHIND 2

/** The delivery is being sent, or was when its worker died. */
#define RENKEI_DELIVERY_SENDING 3

/** The receiver took the delivery. */
#define RENKEI_DELIVERY_DELIVERED 4

/** The delivery was given up: a dead letter, which can be replayed. */
#define RENKEI_DELIVERY_FAILED 5

/** The delivery was cancelled. */
#define RENKEI_DELIVERY_CANCELLED 6

/** How far an attempt came that failed: nothing has reached the receiver. */
#define RENKEI_BEFORE_SENDING 1

/** How far an attempt came that failed: it may have arrived, but no whole answer came. */
#define RENKEI_UNANSWERED 2

/** How far an attempt came that failed: the receiver answered, and refused. */
#define RENKEI_ANSWER_REFUSED 3

/** The run waits: what it sends is on its way. */
#define RENKEI_RUN_RESERVED 1

/** What was sent was taken, and records are updated at present. */
#define RENKEI_RUN_RUNNING 2

/** The run ended as it should. */
#define RENKEI_RUN_COMPLETED 3

/** The run ended with an error. */
#define RENKEI_RUN_FAILED 4

/** The run ended because it was asked to. */
#define RENKEI_RUN_CANCELLED 5

/** How many bytes the key of a store has. */
#define RENKEI_SECRET_KEY_BYTES 32

/** There is no secret of this name: an answer of renkei_secret_vault_fn. */
#define RENKEI_NO_SECRET 1

/** Messages by HTTP and HTTPS. */
#define RENKEI_CHANNEL_HTTP 1

/**
 * Messages by SMTP. The URL is smtp://host:port or smtps://host:port, the body the whole mail; the sender stands in the header
 * mail-from, each receiver in a header rcpt-to.
 */
#define RENKEI_CHANNEL_MAIL 2

/** To see records. */
#define RENKEI_RIGHT_VIEW 1

/** To register records. */
#define RENKEI_RIGHT_REGISTER 2

/** To update records. */
#define RENKEI_RIGHT_UPDATE 3

/** To delete records. */
#define RENKEI_RIGHT_DELETE 4

/** To import. */
#define RENKEI_RIGHT_IMPORT 5

/** To export. */
#define RENKEI_RIGHT_EXPORT 6

/** To change definitions. */
#define RENKEI_RIGHT_MANAGE 7

/** CSV in UTF-8 with a byte order mark. */
#define RENKEI_CSV_UTF8_BOM 0

/** CSV in UTF-8. */
#define RENKEI_CSV_UTF8 1

/** CSV in Shift_JIS (code page 932). */
#define RENKEI_CSV_CP932 2

/** A sign by which calls are ended from another thread; see renkei_store_cancellable. For any number of threads. */
typedef struct renkei_cancel renkei_cancel;

/** A clock that stands still until it is turned: for tests of hosts. For any number of threads. */
typedef struct renkei_clock renkei_clock;

/** Why a call failed: owned by the caller, freed by renkei_error_free. */
typedef struct renkei_error renkei_error;

/** An export that is read piece by piece as fast as somebody asks for it. For one thread at a time. */
typedef struct renkei_export_stream renkei_export_stream;

/**
 * A message that a transport of the host carries: lent to it for the time of its call. For one thread at a time; a transport may
 * hand it to another thread and wait.
 */
typedef struct renkei_outgoing renkei_outgoing;

/**
 * A record as it was read. For one thread at a time.
 *
 * A field is named by its code, id or display name, and stands in row 0, the header, or in a detail row, counted from 1.
 */
typedef struct renkei_record renkei_record;

/** An HTTP request as a server has parsed it. For one thread at a time. */
typedef struct renkei_request renkei_request;

/** An HTTP response for a server to send. For one thread at a time. */
typedef struct renkei_response renkei_response;

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

/** Verifies messages signed by Standard Webhooks, as a receiver does. For any number of threads. */
typedef struct renkei_verifier renkei_verifier;

/**
 * The dispatcher of the Web API of a store: one request in, one response out. It opens no socket; a program puts its own HTTP
 * server around it (examples/c/host.c is one). For any number of threads at once.
 */
typedef struct renkei_webapi renkei_webapi;

/**
 * Runs the work of a store: imports that are due, deliveries, and the sweeping of what was kept long enough. For any number of
 * threads.
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

/**
 * Writes the key by which secrets are sealed, RENKEI_SECRET_KEY_BYTES bytes, to out_key. Anything but 0 says that there is
 * none at present: what needs a secret is tried again later then. Called each time the key is needed, on any thread, and on
 * several at once. It must not throw nor longjmp out.
 */
typedef int32_t (*renkei_secret_key_fn)(void *user_data,
                                        uint8_t *out_key);

/**
 * Writes the secret of a name, lent for the time of the call, to buffer, whose capacity every secret has room in, and its
 * length to *out_len. 0 says that it is there, RENKEI_NO_SECRET that there is none of this name, anything else that nobody can
 * say at present: what needs it is tried again later then. Called at each attempt to send something with it, on any thread,
 * and on several at once; the buffer is overwritten afterwards. It must not throw nor longjmp out.
 */
typedef int32_t (*renkei_secret_vault_fn)(void *user_data,
                                          const char *name,
                                          size_t name_len,
                                          char *buffer,
                                          size_t capacity,
                                          size_t *out_len);

/**
 * The present moment, in milliseconds since 1970-01-01 00:00:00 UTC, for hosts with a source of time of their own. Called on any
 * thread, and on several at once. It must not throw nor longjmp out.
 */
typedef int64_t (*renkei_now_fn)(void *user_data);

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
    /** The most that the page cache of each reading connection takes. Default: 32 MiB; exports take 8 MiB. */
    uint32_t reader_cache_bytes;
    /**
     * The size of the write-ahead log at which it is moved into the file. Default: 40 MiB. During an import, which goes on
     * meanwhile, the log becomes up to eight times as long.
     */
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
    /** The most records, or detail rows, of one run of an automation. Default: 100000. */
    uint64_t limit_automation_records;
    /** The most parts of an automation, those in branches included. Default: 100. */
    uint64_t limit_automation_parts;
    /** How long one run of an automation may work, in seconds, waits for answers left out. Default: 3600. */
    uint64_t limit_automation_seconds;
    /** For tests: the source of time. It may be freed when the store is open. */
    const renkei_clock *clock;
    /** For tests: the source of randomness. */
    renkei_random_fn random;
    /** What random is called with; it must last as long as the store and its views. */
    void *random_user_data;
    /**
     * The key by which secrets are sealed in the file, RENKEI_SECRET_KEY_BYTES bytes; it is copied. Without a key, no secret can
     * be kept or used. At most one of this, secret_key_from and secret_vault may be given.
     */
    const uint8_t *secret_key;
    /** Its length. */
    size_t secret_key_len;
    /** As secret_key, asked for each time it is needed. */
    renkei_secret_key_fn secret_key_from;
    /** What secret_key_from is called with; it must last as long as the store, its views and workers. */
    void *secret_key_user_data;
    /**
     * Secrets are kept by the host, and asked for by name each time they are needed. Nothing of them is in the file.
     */
    renkei_secret_vault_fn secret_vault;
    /** What secret_vault is called with; it must last as long as the store, its views and workers. */
    void *secret_vault_user_data;
    /** The source of time, unless clock is given. Default: the system's. */
    renkei_now_fn now;
    /** What now is called with; it must last as long as the store, its views and workers. */
    void *now_user_data;
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

/**
 * Writes the addresses of a host name, best first and separated by spaces, such as "192.0.2.7 2001:db8::7", to buffer, and the
 * length of that to *out_len. Anything but 0 says that the name is not known. The name is lent for the time of the call. Called
 * on a thread of its own, on several at once, and not waited for for ever: it may be running when the worker was freed, so
 * that user_data must last as long as the program. It must not throw nor longjmp out.
 */
typedef int32_t (*renkei_resolver_fn)(void *user_data,
                                      const char *host,
                                      size_t host_len,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *out_len);

/**
 * Carries one message to its receiver and waits for the answer, which it tells by renkei_outgoing_answer and the functions
 * about the answer, or else by renkei_outgoing_fail; when it tells neither, the message counts as unanswered. Called on the
 * threads that send, on several at once. It must not follow redirects, and not throw nor longjmp out.
 */
typedef void (*renkei_transport_fn)(void *user_data,
                                    renkei_outgoing *outgoing);

/** Something that happened to deliveries. The texts have no NUL behind them. */
typedef struct {
    /** The size of this struct, as the library has it. */
    size_t size;
    /** The delivery, of RENKEI_NOTICE_FAILED; else 0. */
    int64_t delivery_id;
    /** Who made the delivery, such as "host", "csv_push" or "http_send"; NULL when it is about a target. */
    const char *made_by;
    /** Its length. */
    size_t made_by_len;
    /** The code or the origin of the target; NULL when it is about a delivery. */
    const char *target;
    /** Its length. */
    size_t target_len;
    /** The last failure, in English; NULL when there is none. */
    const char *why;
    /** Its length. */
    size_t why_len;
    /** RENKEI_NOTICE_FAILED and so on; later versions may add more. */
    uint32_t kind;
    /** The failures in a row, of RENKEI_NOTICE_CIRCUIT_OPENED; else 0. */
    uint32_t failures;
} renkei_notice;

/**
 * Is told when a delivery has failed for good, and when a target is left alone, answers again or is disabled, after that was
 * written; notice is lent for the time of the call. Called on the threads that send, on several at once. It should return
 * soon, must not stop the worker, and not throw nor longjmp out.
 */
typedef void (*renkei_notice_fn)(void *user_data,
                                 const renkei_notice *notice);

/** How a worker works. Make one by renkei_worker_options_init; a member that is 0 or NULL stands for its default. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** Is told how far imports are. */
    renkei_import_progress_fn progress;
    /** What progress is called with; it must last as long as the worker. */
    void *progress_user_data;
    /**
     * How long ended imports with their rejects, and ended deliveries with their attempts, are kept, in milliseconds. Default:
     * 90 days.
     */
    uint64_t retention_ms;
    /** How many deliveries are sent at once, each by a thread. Default: 8. */
    size_t senders;
    /**
     * Which addresses may be called beyond the public internet, and by which proxy: a JSON object such as
     * {"allow": ["10.1.0.0/16", "core.office.example"], "proxy": "http://proxy.office.example:3128"}. Default: none.
     */
    const char *network;
    /** Its length, or RENKEI_NTS. */
    size_t network_len;
    /** Looks host names up instead of the system. */
    renkei_resolver_fn resolver;
    /** What resolver is called with; see there how long it must last. */
    void *resolver_user_data;
    /** Carries messages by HTTP instead of this library. */
    renkei_transport_fn http_transport;
    /** What http_transport is called with; it must last as long as the worker. */
    void *http_transport_user_data;
    /**
     * Carries mail instead of this library. Without it, and where the library was built without the feature mail, mail is
     * left to other workers.
     */
    renkei_transport_fn mail_transport;
    /** What mail_transport is called with; it must last as long as the worker. */
    void *mail_transport_user_data;
    /** Is told what a host may want to know of deliveries at once. */
    renkei_notice_fn notice;
    /** What notice is called with; it must last as long as the worker. */
    void *notice_user_data;
} renkei_worker_options;

/** How a delivery stands at the last commit. Make one by renkei_delivery_info_init. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The id of the delivery. */
    int64_t id;
    /** When it was made, in milliseconds since 1970. */
    int64_t created_at;
    /** When it is or was due. */
    int64_t due_at;
    /** When it was first taken up; 0 when it was not. */
    int64_t started_at;
    /** When it ended; 0 when it has not. */
    int64_t ended_at;
    /** When it is given up; 0 when its plan sets no deadline. */
    int64_t expires_at;
    /** The size of its body, without secrets. */
    uint64_t body_bytes;
    /** RENKEI_DELIVERY_WAITING and so on. */
    uint32_t state;
    /** The last status that a receiver answered; 0 when none did. */
    uint32_t status;
    /** How far the last attempt came, if it failed: RENKEI_BEFORE_SENDING and so on; else 0. */
    uint32_t family;
    /** The attempts that were made. */
    uint32_t attempts;
    /** How often a worker died while it held the delivery, which may have been sent then. */
    uint32_t interrupted;
    /** Whether it was asked to end while it was sent. */
    uint32_t cancel_asked;
} renkei_delivery_info;

/** How a run of a CSV push stands at the last commit. Make one by renkei_push_info_init. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The id of the run. */
    int64_t run_id;
    /** The id of the database. */
    int64_t database_id;
    /** The id of the list. */
    int64_t list_id;
    /** The delivery; 0 when none was made, or it is not kept any more. */
    int64_t delivery_id;
    /** Records that were written as CSV. */
    uint64_t records;
    /** Lines of CSV, without the header line. */
    uint64_t lines;
    /** The size of the body. */
    uint64_t bytes;
    /** Records updated after success. */
    uint64_t updated;
    /** Records that could not be updated. */
    uint64_t not_updated;
    /** When it is tried next; 0 when it is not. */
    int64_t next_attempt_at;
    /** When it was started, in milliseconds since 1970. */
    int64_t created_at;
    /** When it ended; 0 when it has not. */
    int64_t ended_at;
    /** RENKEI_RUN_RESERVED and so on. */
    uint32_t state;
    /** How the delivery stands: RENKEI_DELIVERY_WAITING and so on; 0 when there is none. */
    uint32_t delivery_state;
    /** The last status that the receiver answered; 0 when it did not. */
    uint32_t status;
    /** How far the last attempt came, if it failed: RENKEI_BEFORE_SENDING and so on; else 0. */
    uint32_t family;
    /** The attempts that were made. */
    uint32_t attempts;
    /** Always 0. */
    uint32_t reserved;
} renkei_push_info;

/** How a run of an http send stands at the last commit. Make one by renkei_http_send_info_init. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The id of the run. */
    int64_t run_id;
    /** The id of the database. */
    int64_t database_id;
    /** The id of the list. */
    int64_t list_id;
    /** Records whose message was taken. */
    uint64_t delivered;
    /** Records whose message could not be made, or was given up. */
    uint64_t failed;
    /** Records whose message was cancelled. */
    uint64_t cancelled;
    /** Records whose message is on its way. */
    uint64_t waiting;
    /** When it was started, in milliseconds since 1970. */
    int64_t created_at;
    /** When it ended; 0 when it has not. */
    int64_t ended_at;
    /** RENKEI_RUN_RESERVED and so on: completed when every record has its result, also where sending failed. */
    uint32_t state;
    /** Always 0. */
    uint32_t reserved;
} renkei_http_send_info;

/**
 * How a run of an automation stands at the last commit. At every moment total = completed + failed + waiting + unprocessed.
 * Make one by renkei_automation_info_init.
 */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The id of the run. */
    int64_t run_id;
    /** The id of the database. */
    int64_t database_id;
    /** The id of the list from which it was started; 0 when it was from none. */
    int64_t list_id;
    /** Records, or detail rows, for which it was started. */
    uint64_t total;
    /** Records that came to the end of the parts. */
    uint64_t completed;
    /** Records that were stopped by an error. */
    uint64_t failed;
    /** Records that stand between two parts, or wait for an answer. */
    uint64_t waiting;
    /** Records for which nothing was done yet. */
    uint64_t unprocessed;
    /** When it was started, in milliseconds since 1970. */
    int64_t created_at;
    /** When it was first run; 0 when it was not. */
    int64_t started_at;
    /** When it ended; 0 when it has not. */
    int64_t ended_at;
    /**
     * RENKEI_RUN_RESERVED and so on: reserved also while records wait for answers; completed when every record has come to
     * its end, also where parts failed.
     */
    uint32_t state;
    /** Always 0. */
    uint32_t reserved;
} renkei_automation_info;

/**
 * What a message is. The texts are lent for the time of the transport's call, and have no NUL behind them. Make one by
 * renkei_outgoing_info_init.
 */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The method, such as POST. */
    const char *method;
    /** Its length. */
    size_t method_len;
    /** Where it goes, with secrets. */
    const char *url;
    /** Its length. */
    size_t url_len;
    /** The host of the URL: a name in ASCII, or an address, which has brackets if it is one of IPv6. */
    const char *host;
    /** Its length. */
    size_t host_len;
    /** The user by which the sender is known, or NULL. If it is HTTP, user and password stand in a header as well. */
    const char *user;
    /** Its length. */
    size_t user_len;
    /** The password, or NULL. */
    const char *password;
    /** Its length. */
    size_t password_len;
    /** Certificates in PEM that are trusted beside the public ones, or NULL. */
    const char *ca_certificates;
    /** Their length. */
    size_t ca_certificates_len;
    /** The HTTP proxy that the operator names in the network policy, or NULL. Names are resolved by it then. */
    const char *proxy;
    /** Its length. */
    size_t proxy_len;
    /** How many headers there are: see renkei_outgoing_header. */
    size_t header_count;
    /** The size of the body: see renkei_outgoing_read. */
    uint64_t body_bytes;
    /** How much of the answer is kept; the rest need not be read. */
    uint64_t answer_bytes;
    /** The time that is left, in milliseconds. */
    uint64_t timeout_ms;
    /** How long a connection may take, TLS included, in milliseconds. */
    uint64_t connect_timeout_ms;
    /** RENKEI_CHANNEL_HTTP or RENKEI_CHANNEL_MAIL. */
    uint32_t channel;
    /** The port of the URL. */
    uint32_t port;
    /** Whether it has a body, which may be empty. */
    uint32_t has_body;
    /** Whether any certificate is taken. */
    uint32_t accept_any_certificate;
} renkei_outgoing_info;

/**
 * Is told how far a backup is: before the first byte, about ten times a second, and at the end; is_checking is 1 when all is
 * copied and the copy is being checked. Anything but 0 asks the library to stop: the call then ends with RENKEI_CANCELLED, and
 * nothing is left. Called on the thread of the call. It must not throw nor longjmp out.
 */
typedef int32_t (*renkei_backup_progress_fn)(void *user_data,
                                             uint64_t bytes_done,
                                             uint64_t bytes_total,
                                             int32_t is_checking);

/** How a backup is made. Make one by renkei_backup_options_init; a member that is 0 or NULL stands for its default. */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** Is told how far the backup is. */
    renkei_backup_progress_fn progress;
    /** What progress is called with. */
    void *progress_user_data;
    /** At most so many bytes a second, on the average. Default: as fast as the disk. */
    uint64_t bytes_per_second;
    /** Whether the check of the copy is left out. */
    uint32_t unchecked;
    /** Always 0. */
    uint32_t reserved;
} renkei_backup_options;

/**
 * Is told how many parts of a check are done, and how many there are as far as it is known, after each part. Anything but 0
 * asks the library to stop: the call then ends with RENKEI_CANCELLED. Called on the thread of the call. It must not throw nor
 * longjmp out.
 */
typedef int32_t (*renkei_check_progress_fn)(void *user_data,
                                            uint64_t done,
                                            uint64_t total);

/**
 * How a store is checked. Make one by renkei_check_options_init; a member that is 0 or NULL stands for its default.
 */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** Is told how far the check is. */
    renkei_check_progress_fn progress;
    /** What progress is called with. */
    void *progress_user_data;
    /**
     * Whether what takes long is left out: every entry of indexes, the rules of every stored value, the bytes of files.
     */
    uint32_t quick;
    /** Always 0. */
    uint32_t reserved;
} renkei_check_options;

/**
 * What a token may be bound to. Make one by renkei_token_options_init; a member that is 0 or NULL stands for its default.
 */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** What it is for, as people call it. */
    const char *name;
    /** Its length, or RENKEI_NTS. */
    size_t name_len;
    /**
     * From where it may be used, as a JSON array of ranges such as ["192.0.2.0/24", "2001:db8::7"]. Default: anywhere.
     */
    const char *addresses;
    /** Its length, or RENKEI_NTS. */
    size_t addresses_len;
    /** It expires after so many milliseconds. Default: never. */
    uint64_t expires_in_ms;
    /** It expires at this moment, in milliseconds since 1970. Not together with expires_in_ms. */
    int64_t expires_at;
} renkei_token_options;

/**
 * What the Web API allows and how it answers. Make one by renkei_webapi_options_init; a member that is 0 or NULL stands for
 * its default.
 */
typedef struct {
    /** The size of this struct. */
    size_t size;
    /** The largest JSON, as a body or as a part, in bytes. Default: 4 MiB. */
    uint64_t json_bytes;
    /** The largest uploaded file, in bytes. Default: 5 MiB. */
    uint64_t upload_bytes;
    /** The most lines of an uploaded file; line breaks inside quoted cells do not count. Default: 50000. */
    uint64_t upload_lines;
    /** How many records csvexport gives when no limit is asked for. Default: 200. */
    uint64_t export_records;
    /** The most records that csvexport gives; a greater limit is cut to it. Default: 10000. */
    uint64_t export_records_most;
    /** The encoding of CSV: RENKEI_CSV_UTF8_BOM (default), RENKEI_CSV_UTF8 or RENKEI_CSV_CP932. */
    uint32_t export_encoding;
    /** Whether it begins in maintenance mode; see renkei_webapi_set_maintenance. */
    uint32_t maintenance;
    /** The HTML that is sent while there is maintenance, behind the line that clients look for. */
    const char *maintenance_page;
    /** Its length, or RENKEI_NTS. */
    size_t maintenance_page_len;
} renkei_webapi_options;

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
 * After how many milliseconds the same call may be made again (renkei_access_count_call); -1 where nobody knows.
 *
 * Rust: Error::retry_after
 */
RENKEI_API
int64_t renkei_error_retry_after(const renkei_error *error);

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
 * StoreOptions::limits, StoreOptions::clock, StoreOptions::random, StoreOptions::secret_key,
 * StoreOptions::secret_key_from, StoreOptions::secret_vault
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
 * Takes a definition out of the store, by its code or id. kind is the word for it in the changes that renkei_blueprint_apply
 * tells, such as "list", "import" or "automation"; one that is not known is refused with those that are. database is not looked
 * at for what belongs to none.
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
 * The display name of the user who registered the record: the empty text where that was the host itself, or there is no such user
 * any more. Lent until the record is freed, with no NUL behind it.
 *
 * Rust: Record::created_by_name
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_created_name(const renkei_record *record,
                                         const char **out_name,
                                         size_t *out_name_len,
                                         renkei_error **out_error);

/**
 * The display name of the user who last wrote the record: the empty text where that was the host itself, or there is no such user
 * any more. Lent until the record is freed, with no NUL behind it.
 *
 * Rust: Record::updated_by_name
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_record_updated_name(const renkei_record *record,
                                         const char **out_name,
                                         size_t *out_name_len,
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

/**
 * As renkei_record_view, within the transaction: the record as it has been written here.
 *
 * Rust: Transaction::view
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_view(renkei_transaction *transaction,
                                      const char *database,
                                      size_t database_len,
                                      const char *key,
                                      size_t key_len,
                                      int64_t id,
                                      renkei_record **out_record,
                                      renkei_error **out_error);

/**
 * As renkei_record_find, within the transaction.
 *
 * Rust: Transaction::find
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_find(renkei_transaction *transaction,
                                      const char *database,
                                      size_t database_len,
                                      const char *key,
                                      size_t key_len,
                                      int64_t id,
                                      renkei_record **out_record,
                                      renkei_error **out_error);

/**
 * As renkei_record_view_json, within the transaction.
 *
 * Rust: Transaction::view
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_view_json(renkei_transaction *transaction,
                                           const char *database,
                                           size_t database_len,
                                           const char *key,
                                           size_t key_len,
                                           int64_t id,
                                           char **out_json,
                                           size_t *out_json_len,
                                           renkei_error **out_error);

/**
 * As renkei_query_page, within the transaction.
 *
 * Rust: Transaction::query
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_page(renkei_transaction *transaction,
                                      const char *database,
                                      size_t database_len,
                                      const char *query,
                                      size_t query_len,
                                      char **out_json,
                                      size_t *out_json_len,
                                      renkei_error **out_error);

/**
 * As renkei_query_count, within the transaction.
 *
 * Rust: Transaction::count
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_count(renkei_transaction *transaction,
                                       const char *database,
                                       size_t database_len,
                                       const char *condition,
                                       size_t condition_len,
                                       uint64_t *out_count,
                                       renkei_error **out_error);

/**
 * As renkei_delivery_queue, within the transaction: the message is sent if the transaction is kept, and only then.
 *
 * Rust: Transaction::deliver
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_transaction_deliver(renkei_transaction *transaction,
                                         const char *delivery,
                                         size_t delivery_len,
                                         const void *body,
                                         size_t body_len,
                                         int64_t *out_delivery_id,
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
 * As renkei_import_rejects_to, to a file, which is made, or replaced when the new one is whole.
 *
 * Rust: Store::write_rejects_to_path
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

/* -- Exports that are read ----------------------------------------------------------------------- */

/**
 * Begins an export whose bytes are read by renkei_export_stream_read: for spec see renkei_export_to. It is made on a thread of
 * its own, which waits when nobody reads. Until it is closed by renkei_export_stream_close, it holds on to one moment of the
 * store.
 *
 * Rust: Store::export_stream
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_export_stream_open(const renkei_store *store,
                                        const char *spec,
                                        size_t spec_len,
                                        renkei_export_stream **out_export_stream,
                                        renkei_error **out_error);

/**
 * Reads at most capacity bytes, in the encoding of the export; out_len receives how many came, and 0 at the end. When it
 * failed, what came before is not the whole.
 *
 * Rust: reading an ExportStream
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_export_stream_read(renkei_export_stream *export_stream,
                                        void *buffer,
                                        size_t capacity,
                                        size_t *out_len,
                                        renkei_error **out_error);

/**
 * What was exported. RENKEI_USAGE before the end was read.
 *
 * Rust: ExportStream::exported
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_export_stream_exported(const renkei_export_stream *export_stream,
                                            renkei_exported *out_exported,
                                            renkei_error **out_error);

/**
 * Closes an export, also one that was not read to its end. NULL is allowed.
 *
 * Rust: dropping an ExportStream
 */
RENKEI_API
renkei_status renkei_export_stream_close(renkei_export_stream *export_stream);

/* -- Saved aggregations -------------------------------------------------------------------------- */

/**
 * Runs a saved aggregation, by its code or id. The answer is a JSON object: "groups" (how many of the columns are groups, the
 * first ones), "columns" (objects with "name", and "measure", "across", "is_total"), "rows" (arrays of values, one for each
 * column) and, with totals, "total" (such an array). All figures are of one moment. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::run_aggregation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_aggregation_run(const renkei_store *store,
                                     const char *database,
                                     size_t database_len,
                                     const char *aggregation,
                                     size_t aggregation_len,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * Runs an aggregation that is not saved: setting is its definition, a JSON object as in a blueprint. The answer is that of
 * renkei_aggregation_run. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::preview_aggregation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_aggregation_preview(const renkei_store *store,
                                         const char *setting,
                                         size_t setting_len,
                                         char **out_json,
                                         size_t *out_json_len,
                                         renkei_error **out_error);

/**
 * Writes the table of a saved aggregation as CSV and gives it to a function in pieces. spec is a JSON object with database and
 * aggregation, and maybe values, without_headings and format: see AggregationExport in the documentation of the Rust crate.
 * out_exported may be NULL.
 *
 * Rust: Store::export_aggregation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_aggregation_export(const renkei_store *store,
                                        const char *spec,
                                        size_t spec_len,
                                        renkei_write_fn write,
                                        void *user_data,
                                        renkei_exported *out_exported,
                                        renkei_error **out_error);

/**
 * The saved aggregations of a database, as a JSON array of definitions. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::aggregation_settings
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_aggregation_all(const renkei_store *store,
                                     const char *database,
                                     size_t database_len,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/* -- Generated files ----------------------------------------------------------------------------- */

/**
 * Generates the file of a file template and gives it to a function in pieces. request is a JSON object with database and
 * template, and maybe record ({"key": …} or {"id": …}, for files about one record), found (a query as for renkei_query_page:
 * which records are found, instead of those that the template says) and memo. The answer is a JSON object with the "name" of
 * the file, its "content_type", "records" and "bytes". The caller frees the JSON by renkei_free.
 *
 * Rust: Store::generate_file
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_template_generate(const renkei_store *store,
                                            const char *request,
                                            size_t request_len,
                                            renkei_write_fn write,
                                            void *user_data,
                                            char **out_json,
                                            size_t *out_json_len,
                                            renkei_error **out_error);

/**
 * The file templates of a database, as a JSON array of definitions. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::file_templates
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_file_template_all(const renkei_store *store,
                                       const char *database,
                                       size_t database_len,
                                       char **out_json,
                                       size_t *out_json_len,
                                       renkei_error **out_error);

/* -- Schedules ----------------------------------------------------------------------------------- */

/**
 * The first count moments later than after, at most 1000, at which something with a schedule is done: a JSON array of
 * milliseconds since 1970-01-01 00:00:00 UTC. schedule is a JSON object such as {"when": {"cron": "0 9 * * mon-fri"}}: see
 * Schedule in the documentation of the Rust crate. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::next_runs
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_schedule_next_runs(const renkei_store *store,
                                        const char *schedule,
                                        size_t schedule_len,
                                        int64_t after,
                                        size_t count,
                                        char **out_json,
                                        size_t *out_json_len,
                                        renkei_error **out_error);

/* -- Workers ------------------------------------------------------------------------------------- */

/**
 * Makes a worker for a store. options may be NULL. It runs when it is asked to: renkei_worker_run_until_idle on the caller's
 * own thread, or renkei_worker_start on one of its own. The caller frees it by renkei_worker_free.
 *
 * Rust: Worker::new, Worker::on_progress, Worker::retention, Worker::senders, Worker::network, Worker::resolver,
 * Worker::transport, Worker::on_notice
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_new(const renkei_store *store,
                                const renkei_worker_options *options,
                                renkei_worker **out_worker,
                                renkei_error **out_error);

/**
 * Runs the next thing that is due, an import or else a delivery, on this thread; out_ran is 1 when there was
 * one. An import that fails is no error of this call, nor a delivery that is not taken: see renkei_import_status and
 * renkei_delivery_status.
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
 * Deletes uploads and unclaimed files whose time is over, and ended imports and deliveries that were kept long enough; gives up
 * deliveries whose time is over.
 *
 * Rust: Worker::sweep
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_sweep(renkei_worker *worker,
                                  renkei_error **out_error);

/**
 * Starts threads that run what is due, and send, until the worker is stopped. RENKEI_USAGE when it was started or stopped before.
 *
 * Rust: Worker::start
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_worker_start(renkei_worker *worker,
                                  renkei_error **out_error);

/**
 * Stops a worker, for good, from any thread: what it runs is parked at its next commit, and goes on with another worker. Waits
 * for the threads that renkei_worker_start started, and for deliveries that are on their way; a call that runs on another thread returns soon after. It must not be
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

/* -- Deliveries ---------------------------------------------------------------------------------- */

/**
 * Puts a message into the queue of deliveries: a worker sends it, at least once, and tries again by its plan. out_delivery_id
 * receives its id. For the host and administrators, as all functions about deliveries.
 *
 * delivery is a JSON object with "url", and "method" (default: POST), "headers" (an array of objects with "name" and
 * "value"), "sending" (timeouts, retry plan, authentication, signature: see Sending in the documentation of the Rust crate),
 * "order_key", "priority" (high, normal, low), "due_at" (milliseconds since 1970), "token" (the same token gives the same
 * delivery), "channel" (http or mail). Its body is one of "text", "json", "file" (the id of a stored file, which belongs to
 * the delivery from then on), or the bytes at body, at most 1 MiB; none when body is NULL. URL, headers and text may have
 * places for secrets: {"text": "Token ", "slots": [{"at": 6, "secret": "core-token"}]}.
 *
 * Rust: Store::deliver, NewDelivery::http
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_queue(const renkei_store *store,
                                    const char *delivery,
                                    size_t delivery_len,
                                    const void *body,
                                    size_t body_len,
                                    int64_t *out_delivery_id,
                                    renkei_error **out_error);

/**
 * How a delivery stands.
 *
 * Rust: Store::delivery
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_status(const renkei_store *store,
                                     int64_t delivery_id,
                                     renkei_delivery_info *out_info,
                                     renkei_error **out_error);

/**
 * How a delivery stands, as a JSON object, with its message id, URL, target, SHA-256 and error. The caller frees the JSON by
 * renkei_free.
 *
 * Rust: Store::delivery
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_status_json(const renkei_store *store,
                                          int64_t delivery_id,
                                          char **out_json,
                                          size_t *out_json_len,
                                          renkei_error **out_error);

/**
 * The deliveries that a filter means, newest first, as a JSON array of what renkei_delivery_status_json gives: at most limit,
 * made before the delivery with the id before unless that is 0. filter is a JSON object with any of state, kind, setting_id,
 * run_id, target and ended_since, or NULL for all. The caller frees the JSON.
 *
 * Rust: Store::deliveries
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_all(const renkei_store *store,
                                  const char *filter,
                                  size_t filter_len,
                                  int64_t before,
                                  uint64_t limit,
                                  char **out_json,
                                  size_t *out_json_len,
                                  renkei_error **out_error);

/**
 * The attempts of a delivery, in order, as a JSON array: times, address, status, first bytes of the answer, error. The caller
 * frees the JSON.
 *
 * Rust: Store::attempts
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_attempts(const renkei_store *store,
                                       int64_t delivery_id,
                                       char **out_json,
                                       size_t *out_json_len,
                                       renkei_error **out_error);

/**
 * Waits until a delivery has ended, or the time in milliseconds is over; how it stands then. Somebody else must send it: a
 * worker that was started, or another process.
 *
 * Rust: Store::wait_delivery
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_wait(const renkei_store *store,
                                   int64_t delivery_id,
                                   uint64_t timeout_ms,
                                   renkei_delivery_info *out_info,
                                   renkei_error **out_error);

/**
 * Cancels a delivery. One that waits is cancelled at once; one that is being sent is not called back, but not tried again.
 * RENKEI_CONFLICT when it has ended already.
 *
 * Rust: Store::cancel_delivery
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_cancel(const renkei_store *store,
                                     int64_t delivery_id,
                                     renkei_error **out_error);

/**
 * Sends a delivery again that has ended, however it ended: the same bytes with the same id, by its plan from the beginning.
 * RENKEI_CONFLICT when it has not ended.
 *
 * Rust: Store::replay_delivery
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_replay(const renkei_store *store,
                                     int64_t delivery_id,
                                     renkei_error **out_error);

/**
 * As renkei_delivery_replay, for several: all of them, or none.
 *
 * Rust: Store::replay_deliveries
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_replay_all(const renkei_store *store,
                                         const int64_t *delivery_ids,
                                         size_t count,
                                         renkei_error **out_error);

/**
 * Replays every failed delivery that a filter means, such as {"ended_since": 1769819400000}, or all when it is NULL; how
 * many. See renkei_delivery_all; the state in the filter is not looked at.
 *
 * Rust: Store::replay_failed
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_replay_failed(const renkei_store *store,
                                            const char *filter,
                                            size_t filter_len,
                                            uint64_t *out_count,
                                            renkei_error **out_error);

/**
 * The figures of the queue at one moment, as a JSON object: counts, ages, latencies, targets. The caller frees the JSON.
 *
 * Rust: Store::delivery_metrics
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_delivery_metrics(const renkei_store *store,
                                      char **out_json,
                                      size_t *out_json_len,
                                      renkei_error **out_error);

/**
 * Every target that something was or is to be sent to, and how it stands, as a JSON array. The caller frees the JSON.
 *
 * Rust: Store::targets
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_target_all(const renkei_store *store,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * Lets deliveries go to a target again: one that was disabled, whose circuit is open, or that asked to be left alone. It is
 * named by its code, or by its origin such as "https://api.example.com:443".
 *
 * Rust: Store::enable_target
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_target_enable(const renkei_store *store,
                                   const char *target,
                                   size_t target_len,
                                   renkei_error **out_error);

/**
 * Sends nothing more to a target until it is enabled again; what is on its way is not called back. why is kept with it.
 *
 * Rust: Store::disable_target
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_target_disable(const renkei_store *store,
                                    const char *target,
                                    size_t target_len,
                                    const char *why,
                                    size_t why_len,
                                    renkei_error **out_error);

/* -- CSV pushes ---------------------------------------------------------------------------------- */

/**
 * Starts a CSV push that stands in the sub-menu of a list: writes the records as CSV into the store, all of one moment, and
 * queues them; a worker sends them. out_run_id receives the id of the run. A body that cannot be made is no error of this
 * call: the run has failed then, before sending.
 *
 * request is a JSON object with database, list and push (each by code or id), and search, condition, records (an array of
 * objects with "key" or "id"), memo and token (a second request with the same token gives the first one's run).
 *
 * Rust: Store::push, PushRequest::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_start(const renkei_store *store,
                                const char *request,
                                size_t request_len,
                                int64_t *out_run_id,
                                renkei_error **out_error);

/**
 * How a run of a CSV push stands.
 *
 * Rust: Store::push_run
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_status(const renkei_store *store,
                                 int64_t run_id,
                                 renkei_push_info *out_info,
                                 renkei_error **out_error);

/**
 * How a run of a CSV push stands, as a JSON object, with its memo, SHA-256, first bytes of the answer and error. The caller
 * frees the JSON by renkei_free.
 *
 * Rust: Store::push_run
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_status_json(const renkei_store *store,
                                      int64_t run_id,
                                      char **out_json,
                                      size_t *out_json_len,
                                      renkei_error **out_error);

/**
 * Waits until a run of a CSV push has ended, or the time in milliseconds is over; how it stands then. Somebody else must send
 * it: a worker that was started, or another process.
 *
 * Rust: Store::wait_push
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_wait(const renkei_store *store,
                               int64_t run_id,
                               uint64_t timeout_ms,
                               renkei_push_info *out_info,
                               renkei_error **out_error);

/**
 * Cancels a run of a CSV push. One that waits is cancelled at once; one that is being sent is not called back, but not tried
 * again. RENKEI_CONFLICT when it has ended already.
 *
 * Rust: Store::cancel_push
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_cancel(const renkei_store *store,
                                 int64_t run_id,
                                 renkei_error **out_error);

/**
 * The latest runs of CSV pushes, newest first, as a JSON array of what renkei_push_status_json gives: those of one list by
 * its id, or of all lists when it is 0. The caller frees the JSON.
 *
 * Rust: Store::push_runs
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_runs(const renkei_store *store,
                               int64_t list_id,
                               uint64_t limit,
                               char **out_json,
                               size_t *out_json_len,
                               renkei_error **out_error);

/**
 * The CSV pushes of a database, as a JSON array of definitions. The caller frees the JSON.
 *
 * Rust: Store::csv_pushes
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_push_all(const renkei_store *store,
                              const char *database,
                              size_t database_len,
                              char **out_json,
                              size_t *out_json_len,
                              renkei_error **out_error);

/* -- Http sends ---------------------------------------------------------------------------------- */

/**
 * Starts an http send: makes a message for each record and queues it, all in one transaction; a worker sends them. out_run_id
 * receives the id of the run. A record whose message cannot be made fails by itself, and the others are sent.
 *
 * request is a JSON object with trigger ("button" for one record, "pulldown" for up to 100; others are refused), database,
 * list, send (each by code or id), records (an array of objects with "key" or "id"), and memo and token (a second request
 * with the same token gives the first one's run).
 *
 * Rust: Store::http_send, HttpSendRequest::of
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_start(const renkei_store *store,
                                     const char *request,
                                     size_t request_len,
                                     int64_t *out_run_id,
                                     renkei_error **out_error);

/**
 * How a run of an http send stands.
 *
 * Rust: Store::http_send_run
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_status(const renkei_store *store,
                                      int64_t run_id,
                                      renkei_http_send_info *out_info,
                                      renkei_error **out_error);

/**
 * How a run of an http send stands, as a JSON object, with every record under "items". The caller frees the JSON by
 * renkei_free.
 *
 * Rust: Store::http_send_run
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_status_json(const renkei_store *store,
                                           int64_t run_id,
                                           char **out_json,
                                           size_t *out_json_len,
                                           renkei_error **out_error);

/**
 * Waits until a run of an http send has ended, or the time in milliseconds is over; how it stands then. Somebody else must
 * send it: a worker that was started, or another process.
 *
 * Rust: Store::wait_http_send
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_wait(const renkei_store *store,
                                    int64_t run_id,
                                    uint64_t timeout_ms,
                                    renkei_http_send_info *out_info,
                                    renkei_error **out_error);

/**
 * Cancels what of a run of an http send is on its way, as renkei_delivery_cancel; out_count receives how many records that
 * were. RENKEI_CONFLICT when it has ended already.
 *
 * Rust: Store::cancel_http_send
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_cancel(const renkei_store *store,
                                      int64_t run_id,
                                      uint64_t *out_count,
                                      renkei_error **out_error);

/**
 * The latest runs of http sends, newest first, as a JSON array of what renkei_http_send_status_json gives. The caller frees
 * the JSON.
 *
 * Rust: Store::http_send_runs
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_runs(const renkei_store *store,
                                    uint64_t limit,
                                    char **out_json,
                                    size_t *out_json_len,
                                    renkei_error **out_error);

/**
 * The http sends of a database, as a JSON array of definitions. The caller frees the JSON.
 *
 * Rust: Store::http_sends
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_http_send_all(const renkei_store *store,
                                   const char *database,
                                   size_t database_len,
                                   char **out_json,
                                   size_t *out_json_len,
                                   renkei_error **out_error);

/* -- Automations --------------------------------------------------------------------------------- */

/**
 * Starts an automation for records; a worker runs it, part by part, and does nothing twice. out_run_id receives the id of the
 * run. Automations are defined by a blueprint, under "automations".
 *
 * request is a JSON object with trigger ("button", "pulldown" or "sub_menu" of a list, "settings_screen" for run now, "api"
 * for a call of the host), database and automation (each by code or id), list (where it is started from a list), and search,
 * condition, records (an array of objects with "key" or "id"), memo and token (a second request with the same token gives the
 * first one's run). A trigger that the automation does not name is refused, and so is every one but "button" and "pulldown"
 * for an automation that sends by HTTP.
 *
 * Rust: Store::start_automation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_start(const renkei_store *store,
                                      const char *request,
                                      size_t request_len,
                                      int64_t *out_run_id,
                                      renkei_error **out_error);

/**
 * Takes in a templated mail for an automation (database and automation by code or id): registers a record from its labelled
 * lines and starts the automation for it, both or neither. out_run_id receives the id of the run. Which mails there are, and
 * that their senders are who they say, is the host's affair.
 *
 * mail is a JSON object with from (an address, or a name and an address in <>), subject, text, all decoded, and message_id:
 * the same mail, handed in twice, is taken once.
 *
 * Rust: Store::receive_mail, ReceivedMail::message_id
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_receive_mail(const renkei_store *store,
                                             const char *database,
                                             size_t database_len,
                                             const char *automation,
                                             size_t automation_len,
                                             const char *mail,
                                             size_t mail_len,
                                             int64_t *out_run_id,
                                             renkei_error **out_error);

/**
 * What renkei_automation_start would do, as a JSON object with counts and the entries of the journal: a dry run. Nothing is
 * changed, nothing is sent; others wait for their turn to write meanwhile. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::plan_automation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_plan(const renkei_store *store,
                                     const char *request,
                                     size_t request_len,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * How a run of an automation stands.
 *
 * Rust: Store::automation_run
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_status(const renkei_store *store,
                                       int64_t run_id,
                                       renkei_automation_info *out_info,
                                       renkei_error **out_error);

/**
 * How a run of an automation stands, as a JSON object, with its automation, trigger, memo, the chain of automations that led
 * to it, and its error. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::automation_run
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_status_json(const renkei_store *store,
                                            int64_t run_id,
                                            char **out_json,
                                            size_t *out_json_len,
                                            renkei_error **out_error);

/**
 * The journal of a run, record by record and part by part, as a JSON array: at most limit entries, behind the entry that is
 * named by its item and its place among those of the item, both counted from 1; from the beginning when both are 0. The
 * caller frees the JSON.
 *
 * Rust: Store::automation_entries
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_entries(const renkei_store *store,
                                        int64_t run_id,
                                        uint64_t after_item,
                                        uint64_t after_place,
                                        uint64_t limit,
                                        char **out_json,
                                        size_t *out_json_len,
                                        renkei_error **out_error);

/**
 * Waits until a run of an automation has ended, or the time in milliseconds is over; how it stands then. Somebody else must
 * run it: a worker that was started, or another process.
 *
 * Rust: Store::wait_automation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_wait(const renkei_store *store,
                                     int64_t run_id,
                                     uint64_t timeout_ms,
                                     renkei_automation_info *out_info,
                                     renkei_error **out_error);

/**
 * Ends a run of an automation: one that waits is ended at once, one that runs within a second. What is done stays done.
 * RENKEI_CONFLICT when it has ended already.
 *
 * Rust: Store::cancel_automation
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_cancel(const renkei_store *store,
                                       int64_t run_id,
                                       renkei_error **out_error);

/**
 * The latest runs of automations, newest first, as a JSON array of what renkei_automation_status_json gives: those of one
 * automation by its id, or of all when it is 0. The caller frees the JSON.
 *
 * Rust: Store::automation_runs
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_runs(const renkei_store *store,
                                     int64_t automation_id,
                                     uint64_t limit,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * The automations of a database, as a JSON array of definitions. The caller frees the JSON.
 *
 * Rust: Store::automations
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_automation_all(const renkei_store *store,
                                    const char *database,
                                    size_t database_len,
                                    char **out_json,
                                    size_t *out_json_len,
                                    renkei_error **out_error);

/* -- Mail ---------------------------------------------------------------------------------------- */

/**
 * Queues a mail; a worker sends it, as often as the plan of the mail server says, until the server takes it. out_delivery_id
 * receives the id of its delivery: see renkei_delivery_status. For the host and administrators.
 *
 * mail is a JSON object with server, subject, to, and cc, bcc, from, reply_to, text, html, token and attachments: objects with
 * "file" (the id of a stored file), or "name" and "text" or "base64"; also "content_type".
 *
 * RENKEI_USAGE with the code "mail.feature" when the library was built without the feature mail.
 *
 * Rust: Store::send_mail, Mail::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_mail_send(const renkei_store *store,
                               const char *mail,
                               size_t mail_len,
                               int64_t *out_delivery_id,
                               renkei_error **out_error);

/**
 * Queues the mail of a template of a database (by code or id) about the record with a key, or with a NULL key the one with an
 * id. See renkei_mail_send.
 *
 * Rust: Store::send_mail_about
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_mail_send_about(const renkei_store *store,
                                     const char *database,
                                     size_t database_len,
                                     const char *mail_template,
                                     size_t mail_template_len,
                                     const char *key,
                                     size_t key_len,
                                     int64_t id,
                                     int64_t *out_delivery_id,
                                     renkei_error **out_error);

/**
 * The mail servers of the store, as a JSON array of definitions. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::mail_servers
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_mail_server_all(const renkei_store *store,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * The mail templates of a database, as a JSON array of definitions. The caller frees the JSON.
 *
 * Rust: Store::mail_templates
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_mail_template_all(const renkei_store *store,
                                       const char *database,
                                       size_t database_len,
                                       char **out_json,
                                       size_t *out_json_len,
                                       renkei_error **out_error);

/**
 * The notice mails of a database, as a JSON array of definitions. The caller frees the JSON.
 *
 * Rust: Store::notice_mails
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_notice_mail_all(const renkei_store *store,
                                     const char *database,
                                     size_t database_len,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * How a notice mail stands: what waits, what was told, and why the last change that failed could not be told; database and
 * notice mail by code or id. The caller frees the JSON.
 *
 * {"id": 100042, "enabled": true, "waiting": 0, "due_at": null, "told": 12, "mails": 24, "last_at": 1769819400000,
 *  "failed": 0, "missed": 0, "error": null}
 *
 * Rust: Store::notice_mail_status
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_notice_mail_status(const renkei_store *store,
                                        const char *database,
                                        size_t database_len,
                                        const char *notice_mail,
                                        size_t notice_mail_len,
                                        char **out_json,
                                        size_t *out_json_len,
                                        renkei_error **out_error);

/* -- Secrets ------------------------------------------------------------------------------------- */

/**
 * Keeps a secret, or another value for it, sealed by the key of the store: see the options secret_key and secret_key_from.
 * Whatever names it uses the new value at its next attempt. For the host and administrators, as all functions about secrets.
 *
 * Rust: Store::put_secret
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_secret_put(const renkei_store *store,
                                const char *name,
                                size_t name_len,
                                const char *secret,
                                size_t secret_len,
                                renkei_error **out_error);

/**
 * Forgets a secret. What names it can be sent no more until there is another.
 *
 * Rust: Store::remove_secret
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_secret_remove(const renkei_store *store,
                                   const char *name,
                                   size_t name_len,
                                   renkei_error **out_error);

/**
 * The names of the secrets that are kept in the file, as a JSON array. Their values cannot be read back. The caller frees the
 * JSON by renkei_free.
 *
 * Rust: Store::secret_names
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_secret_names(const renkei_store *store,
                                  char **out_json,
                                  size_t *out_json_len,
                                  renkei_error **out_error);

/**
 * Seals every secret by another key of RENKEI_SECRET_KEY_BYTES bytes, in one transaction. The store must be opened with that
 * one from then on.
 *
 * Rust: Store::reseal_secrets
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_secret_reseal(const renkei_store *store,
                                   const uint8_t *new_key,
                                   size_t new_key_len,
                                   renkei_error **out_error);

/**
 * A new secret for signing by Standard Webhooks, "whsec_...", from the random source of the store. It is not kept: give it to
 * renkei_secret_put and to the receiver. The caller frees the text by renkei_free.
 *
 * Rust: Store::new_signing_secret
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_secret_new_signing(const renkei_store *store,
                                        char **out_secret,
                                        size_t *out_secret_len,
                                        renkei_error **out_error);

/* -- Signatures of webhooks ---------------------------------------------------------------------- */

/**
 * Makes a verifier that knows no secret yet. tolerance_ms says how far the time of a message may be from now, so that old ones
 * cannot be sent again by others; 0 stands for 5 minutes. The caller frees it by renkei_verifier_free.
 *
 * Rust: WebhookVerifier::new, WebhookVerifier::tolerance
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_verifier_new(uint64_t tolerance_ms,
                                  renkei_verifier **out_verifier,
                                  renkei_error **out_error);

/**
 * Adds a secret ("whsec_..." in base64, or any other text): a signature by any of them holds.
 *
 * Rust: WebhookVerifier::secret
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_verifier_add(renkei_verifier *verifier,
                                  const char *secret,
                                  size_t secret_len,
                                  renkei_error **out_error);

/**
 * Verifies a message by its headers webhook-id, webhook-timestamp and webhook-signature, and its body as it came. now is in
 * milliseconds since 1970. RENKEI_OK says that it is genuine; every other status that it is not to be believed (the code is
 * "signature.invalid" where the signature or the time is wrong).
 *
 * Rust: WebhookVerifier::verify
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_verifier_verify(const renkei_verifier *verifier,
                                     const char *webhook_id,
                                     size_t webhook_id_len,
                                     const char *timestamp,
                                     size_t timestamp_len,
                                     const char *signature,
                                     size_t signature_len,
                                     const void *bytes,
                                     size_t bytes_len,
                                     int64_t now,
                                     renkei_error **out_error);

/**
 * Frees a verifier. NULL is allowed.
 *
 * Rust: dropping a WebhookVerifier
 */
RENKEI_API
renkei_status renkei_verifier_free(renkei_verifier *verifier);

/* -- Messages on their way, for hosts that carry them -------------------------------------------- */

/**
 * What the message is.
 *
 * Rust: OutboundRequest
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_describe(renkei_outgoing *outgoing,
                                       renkei_outgoing_info *out_info,
                                       renkei_error **out_error);

/**
 * A header of the message, by its index: a name in lower case and a value, both lent for the time of the transport's call. All
 * headers are there but those that say how the message is framed.
 *
 * Rust: OutboundRequest
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_header(renkei_outgoing *outgoing,
                                     size_t index,
                                     const char **out_name,
                                     size_t *out_name_len,
                                     const char **out_value,
                                     size_t *out_value_len,
                                     renkei_error **out_error);

/**
 * Reads at most capacity bytes of the body; out_len receives how many came, and 0 at its end.
 *
 * Rust: OutboundRequest
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_read(renkei_outgoing *outgoing,
                                   void *buffer,
                                   size_t capacity,
                                   size_t *out_len,
                                   renkei_error **out_error);

/**
 * The addresses to which a connection may be made, separated by spaces, such as "192.0.2.7 2001:db8::7": looked up and judged
 * by the network policy at this moment. Every new connection must ask, and go to one of these only. The caller frees the text
 * by renkei_free.
 *
 * When it fails, nobody may be called: then renkei_outgoing_fail with RENKEI_BEFORE_SENDING and no reason of its own.
 *
 * Rust: OutboundRequest::addresses
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_addresses(renkei_outgoing *outgoing,
                                        char **out_addresses,
                                        size_t *out_addresses_len,
                                        renkei_error **out_error);

/**
 * Tells that the receiver answered: the HTTP status, or the reply code of SMTP, from 100 to 599.
 *
 * Rust: Answer::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_answer(renkei_outgoing *outgoing,
                                     uint32_t status,
                                     renkei_error **out_error);

/**
 * Tells a header of the answer, in the order in which they came.
 *
 * Rust: Answer
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_answer_header(renkei_outgoing *outgoing,
                                            const char *name,
                                            size_t name_len,
                                            const char *value,
                                            size_t value_len,
                                            renkei_error **out_error);

/**
 * Tells the next bytes of the answer. What is more than renkei_outgoing_info.answer_bytes is left out.
 *
 * Rust: Answer
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_answer_body(renkei_outgoing *outgoing,
                                          const void *bytes,
                                          size_t bytes_len,
                                          renkei_error **out_error);

/**
 * Tells who was called and how long what took, in microseconds: until the connection stood, then until TLS stood, and from the
 * beginning until the head of the answer was there. address is such as "192.0.2.7:443"; NULL, and a time of 0, stand for
 * nothing to tell.
 *
 * Rust: Times
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_times(renkei_outgoing *outgoing,
                                    const char *address,
                                    size_t address_len,
                                    uint64_t connect_us,
                                    uint64_t tls_us,
                                    uint64_t answer_us,
                                    renkei_error **out_error);

/**
 * Tells that there is no whole answer, and why, in English: RENKEI_BEFORE_SENDING when nothing has reached the receiver,
 * RENKEI_UNANSWERED when it may have arrived. With NULL for reason, and RENKEI_BEFORE_SENDING, the reason is the one for which
 * renkei_outgoing_addresses failed.
 *
 * Rust: Failure::before_sending, Failure::unanswered
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_outgoing_fail(renkei_outgoing *outgoing,
                                   uint32_t family,
                                   const char *reason,
                                   size_t reason_len,
                                   renkei_error **out_error);

/* -- Backups and checks -------------------------------------------------------------------------- */

/**
 * Copies the store to a new file at path, while others go on reading and writing; out_bytes receives the size of the copy. The
 * copy is the store as it was when the call began, checked, safe on the disk, and a store like any. A file that exists is
 * never overwritten; after a failure nothing is left. options may be NULL. For the host and administrators.
 *
 * Rust: Store::backup, Store::backup_with, BackupOptions::bytes_per_second, BackupOptions::unchecked
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_backup(const renkei_store *store,
                                  const char *path,
                                  size_t path_len,
                                  const renkei_backup_options *options,
                                  uint64_t *out_bytes,
                                  renkei_error **out_error);

/**
 * Checks the whole store, as of one moment, while others go on reading and writing. out_is_sound is 1 when nothing is wrong.
 * out_json is the report, a JSON object: sound, quick, examined (how much was looked at), findings, and message (ja and en) for
 * people; the caller frees it by renkei_free. Nothing is changed, and what is wrong is no error of this call. options may be
 * NULL. For the host and administrators.
 *
 * Rust: Store::check, Store::check_with, CheckOptions::quick, CheckReport::is_sound, CheckReport::to_json
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_store_check(const renkei_store *store,
                                 const renkei_check_options *options,
                                 int32_t *out_is_sound,
                                 char **out_json,
                                 size_t *out_json_len,
                                 renkei_error **out_error);

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

/* -- Access: rights, tokens, calls, the audit log ------------------------------------------------ */

/**
 * On whose behalf the handle acts: a user as a JSON object, with his rights, or NULL for the host itself. The caller frees
 * the JSON by renkei_free. Users are defined by a blueprint, and all of them listed by renkei_user_all.
 *
 * Rust: Store::acting_user
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_access_acting_user(const renkei_store *store,
                                        char **out_json,
                                        size_t *out_json_len,
                                        renkei_error **out_error);

/**
 * Whether whoever the handle acts for has a right (RENKEI_RIGHT_VIEW to RENKEI_RIGHT_MANAGE) in a database, by its code or
 * id. Every call is judged all the same; this is to know beforehand.
 *
 * Rust: Store::may
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_access_may(const renkei_store *store,
                                const char *database,
                                size_t database_len,
                                uint32_t right,
                                int32_t *out_may,
                                renkei_error **out_error);

/**
 * The settings of access as a JSON object: calls_per_minute, addresses, trusted_proxies, audit_days. They are set by a
 * blueprint, under "access". The caller frees the JSON by renkei_free.
 *
 * RENKEI_DENIED for all but the host and administrators, as for tokens and for reading the audit log.
 *
 * Rust: Store::access
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_access_settings(const renkei_store *store,
                                     char **out_json,
                                     size_t *out_json_len,
                                     renkei_error **out_error);

/**
 * The address of a caller: that of the peer of the connection, or what a trusted proxy says in X-Forwarded-For. forwarded_for
 * is the value of that header (of several, joined by commas), or NULL where there is none. out_address is NULL when the proxy
 * tells nothing that can be believed. The caller frees the text by renkei_free.
 *
 * Rust: Store::client_address, client_address
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_access_client_address(const renkei_store *store,
                                           const char *peer,
                                           size_t peer_len,
                                           const char *forwarded_for,
                                           size_t forwarded_for_len,
                                           char **out_address,
                                           size_t *out_address_len,
                                           renkei_error **out_error);

/**
 * Counts one call against the calls per minute of whoever the handle acts for. RENKEI_LIMIT when there were too many:
 * renkei_error_retry_after tells how long to wait. The Web API (renkei_webapi_handle) counts by itself.
 *
 * Rust: Store::count_call
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_access_count_call(const renkei_store *store,
                                       renkei_error **out_error);

/**
 * Issues a token for a user, by his code. options may be NULL. out_id receives the id by which it is revoked; out_secret what
 * the caller sends in X-HD-apitoken: 64 characters that are shown this once and kept nowhere. The caller frees them by
 * renkei_free.
 *
 * Rust: Store::issue_token, NewToken::of, NewToken::name, NewToken::expires_in, NewToken::expires_at,
 * NewToken::address, IssuedToken::id, IssuedToken::secret
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_token_issue(const renkei_store *store,
                                 const char *user,
                                 size_t user_len,
                                 const renkei_token_options *options,
                                 int64_t *out_id,
                                 char **out_secret,
                                 size_t *out_secret_len,
                                 renkei_error **out_error);

/**
 * Every token, also those that have ended, as a JSON array of objects with id, user, name, created_at, expires_at,
 * revoked_at, addresses, last_used_at and last_address; the secrets are not among it. The caller frees the JSON by
 * renkei_free.
 *
 * Rust: Store::tokens
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_token_all(const renkei_store *store,
                               char **out_json,
                               size_t *out_json_len,
                               renkei_error **out_error);

/**
 * Ends a token, in all processes at once. To end it twice is no error.
 *
 * Rust: Store::revoke_token
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_token_revoke(const renkei_store *store,
                                  int64_t id,
                                  renkei_error **out_error);

/**
 * A view of the store that acts on behalf of the user whose token secret is, when it may be used from address, which is that
 * of the caller (see renkei_access_client_address), or NULL when it is not known. The caller closes it by renkei_store_close.
 *
 * RENKEI_DENIED when it is not a token, was revoked, has expired, is of a user who is not active, or may not be used from
 * there. Do not tell callers which of these it was.
 *
 * Rust: Store::authenticate
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_token_authenticate(const renkei_store *store,
                                        const char *secret,
                                        size_t secret_len,
                                        const char *address,
                                        size_t address_len,
                                        renkei_store **out_store,
                                        renkei_error **out_error);

/**
 * A page of the audit log, the latest lines first. query is a JSON object with user, token, action, database (its id), since,
 * until (milliseconds since 1970), limit (100 unless given) and after, or NULL for the latest of all. The answer is a JSON
 * object: "lines", each with id, at, user, token, address, action, database, subject and result; and "next", which is put
 * into "after" for the next page, or null behind the last one. The caller frees the JSON by renkei_free.
 *
 * Rust: Store::audit, AuditQuery::new, AuditQuery::user, AuditQuery::token, AuditQuery::action,
 * AuditQuery::database, AuditQuery::since, AuditQuery::until, AuditQuery::limit, AuditQuery::after
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_audit_page(const renkei_store *store,
                                const char *query,
                                size_t query_len,
                                char **out_json,
                                size_t *out_json_len,
                                renkei_error **out_error);

/**
 * Notes in the audit log what whoever the handle acts for has done. entry is a JSON object with action (such as
 * "orders/print"), and database (its id), subject, result and address where they are known. The Web API notes by itself.
 *
 * Rust: Store::note_audit, AuditEntry::new, AuditEntry::database, AuditEntry::subject, AuditEntry::result,
 * AuditEntry::address
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_audit_note(const renkei_store *store,
                                const char *entry,
                                size_t entry_len,
                                renkei_error **out_error);

/* -- The Web API --------------------------------------------------------------------------------- */

/**
 * Makes the dispatcher of a store. account is the first segment of its paths: ASCII letters, digits, "-", "_" and ".".
 * options may be NULL. The store is one as it was opened, not the view of a user. The caller frees it by renkei_webapi_free.
 *
 * Rust: WebApi::new, WebApi::with_options
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_new(const renkei_store *store,
                                const char *account,
                                size_t account_len,
                                const renkei_webapi_options *options,
                                renkei_webapi **out_webapi,
                                renkei_error **out_error);

/**
 * Frees a dispatcher. NULL is allowed. Calls of other threads that are inside go on to their end, and responses stay.
 *
 * Rust: dropping a WebApi
 */
RENKEI_API
renkei_status renkei_webapi_free(renkei_webapi *webapi);

/**
 * The account, lent until the dispatcher is freed, with no NUL behind it.
 *
 * Rust: WebApi::account
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_account(const renkei_webapi *webapi,
                                    const char **out_account,
                                    size_t *out_account_len,
                                    renkei_error **out_error);

/**
 * The options as they are, defaults filled in. The page is lent until the dispatcher is freed, with no NUL behind it;
 * maintenance is as it is now.
 *
 * Rust: WebApi::options
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_get_options(const renkei_webapi *webapi,
                                        renkei_webapi_options *out_options,
                                        renkei_error **out_error);

/**
 * Switches maintenance mode on or off, from any thread. While it is on, every request is answered with HTTP 200 and an HTML
 * page whose first line is "Status: 503 Maintenance mode", which clients look for.
 *
 * Rust: WebApi::set_maintenance
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_set_maintenance(renkei_webapi *webapi,
                                            int32_t on,
                                            renkei_error **out_error);

/**
 * Whether there is maintenance.
 *
 * Rust: WebApi::is_in_maintenance
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_is_in_maintenance(const renkei_webapi *webapi,
                                              int32_t *out_is_in_maintenance,
                                              renkei_error **out_error);

/**
 * Answers a request, on this thread. Whatever goes wrong with what the request asks for is a response, not an error of this
 * call. A body that a function gives is read during the call, only as far as it is needed: see renkei_request_set_body_from.
 * The request stays the caller's. The caller frees the response by renkei_response_free.
 *
 * Rust: WebApi::handle
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_handle(const renkei_webapi *webapi,
                                   renkei_request *request,
                                   renkei_response **out_response,
                                   renkei_error **out_error);

/**
 * The description of the nine functions as an OpenAPI 3.1 document, in JSON. The caller frees it by renkei_free.
 *
 * Rust: webapi::openapi
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_webapi_openapi(char **out_json,
                                    size_t *out_json_len,
                                    renkei_error **out_error);

/* -- Requests of the Web API --------------------------------------------------------------------- */

/**
 * Makes a request without headers and body yet. method is a word such as "POST"; target is what stands in the request line: a
 * path, perhaps with a query, or a whole URL. The caller frees it by renkei_request_free.
 *
 * Rust: Request::new
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_request_new(const char *method,
                                 size_t method_len,
                                 const char *target,
                                 size_t target_len,
                                 renkei_request **out_request,
                                 renkei_error **out_error);

/**
 * Adds a header, behind those added before. The case of names does not matter. The value is bytes, since clients send what
 * they like: it need not be UTF-8.
 *
 * Rust: Request::header, Request::owned_header
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_request_add_header(renkei_request *request,
                                        const char *name,
                                        size_t name_len,
                                        const char *value,
                                        size_t value_len,
                                        renkei_error **out_error);

/**
 * Sets the body, whole. The transfer coding (chunks) is taken off by the server. The bytes are copied.
 *
 * Rust: Request::body
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_request_set_body(renkei_request *request,
                                      const void *bytes,
                                      size_t bytes_len,
                                      renkei_error **out_error);

/**
 * Sets the body to what a function gives piece by piece, during renkei_webapi_handle and on its thread. It is asked only when
 * the body is needed (a call without a good token is refused without it), which is the moment to send "100 Continue" to a
 * client that expects it. When the function asks to stop (a client that went away, a time that ran out), the response says
 * that the body was broken off.
 *
 * Rust: Request::reader
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_request_set_body_from(renkei_request *request,
                                           renkei_read_fn read,
                                           void *user_data,
                                           renkei_error **out_error);

/**
 * Sets the address of whoever opened the connection, such as "192.0.2.7" or "2001:db8::7". Behind proxies that the settings of
 * access trust, the address of the caller is found in X-Forwarded-For.
 *
 * Rust: Request::remote
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_request_set_remote(renkei_request *request,
                                        const char *remote,
                                        size_t remote_len,
                                        renkei_error **out_error);

/**
 * Says whether the connection is encrypted.
 *
 * Rust: Request::tls
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_request_set_tls(renkei_request *request,
                                     int32_t tls,
                                     renkei_error **out_error);

/**
 * Frees a request. NULL is allowed.
 *
 * Rust: dropping a Request
 */
RENKEI_API
renkei_status renkei_request_free(renkei_request *request);

/* -- Responses of the Web API -------------------------------------------------------------------- */

/**
 * Frees a response; a stream that was not read to its end is ended. NULL is allowed.
 *
 * Rust: dropping a Response
 */
RENKEI_API
renkei_status renkei_response_free(renkei_response *response);

/**
 * The HTTP status, such as 200.
 *
 * Rust: Response::status
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_status(const renkei_response *response,
                                     int32_t *out_status,
                                     renkei_error **out_error);

/**
 * The words for the status, such as "OK", lent until the response is freed, with no NUL behind them.
 *
 * Rust: Response::reason
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_reason(const renkei_response *response,
                                     const char **out_reason,
                                     size_t *out_reason_len,
                                     renkei_error **out_error);

/**
 * How many headers the response has.
 *
 * Rust: Response::headers
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_header_count(const renkei_response *response,
                                           size_t *out_count,
                                           renkei_error **out_error);

/**
 * A header, by its place from 0, in the order to be sent. Those that frame the body (Content-Length, Transfer-Encoding) or
 * concern the connection (Connection) are not among them: see renkei_response_content_length and renkei_response_closes. Both
 * texts are lent until the response is freed, with no NUL behind them.
 *
 * Rust: Response::headers
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_header(const renkei_response *response,
                                     size_t place,
                                     const char **out_name,
                                     size_t *out_name_len,
                                     const char **out_value,
                                     size_t *out_value_len,
                                     renkei_error **out_error);

/**
 * The value of a header by its name, whose case does not matter; NULL when there is none. Lent until the response is freed,
 * with no NUL behind it.
 *
 * Rust: Response::header
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_find_header(const renkei_response *response,
                                          const char *name,
                                          size_t name_len,
                                          const char **out_value,
                                          size_t *out_value_len,
                                          renkei_error **out_error);

/**
 * Whether the body is a stream of unknown length, to be sent in chunks (to an HTTP/1.0 client: until the connection is
 * closed). Clients depend on it that JSON comes with a length and CSV in chunks.
 *
 * Rust: Response::is_chunked
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_is_chunked(const renkei_response *response,
                                         int32_t *out_is_chunked,
                                         renkei_error **out_error);

/**
 * The length of the body in bytes, for Content-Length; -1 for a stream.
 *
 * Rust: Response::content_length
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_content_length(const renkei_response *response,
                                             int64_t *out_length,
                                             renkei_error **out_error);

/**
 * Whether the connection must be closed after this response, because a part of the request's body was left unread.
 *
 * Rust: Response::closes
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_closes(const renkei_response *response,
                                     int32_t *out_closes,
                                     renkei_error **out_error);

/**
 * The whole body, lent until the response is freed; NULL for a stream, which is read or written.
 *
 * Rust: Response::body_bytes
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_body(const renkei_response *response,
                                   const char **out_bytes,
                                   size_t *out_bytes_len,
                                   renkei_error **out_error);

/**
 * Reads the next bytes of the body into a buffer, as many as there are and fit; out_len receives how many, 0 at the end. A
 * stream is made while it is read, in constant memory and from one moment of the store. When it fails, the response must be
 * broken off: close the connection without the last chunk, so that the client sees that something is missing.
 *
 * Rust: Response::body_mut, Response::into_body
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_read(renkei_response *response,
                                   void *buffer,
                                   size_t capacity,
                                   size_t *out_len,
                                   renkei_error **out_error);

/**
 * Gives what is left of the body to a function, piece by piece; out_written receives how many bytes. As
 * renkei_response_read; and RENKEI_CANCELLED when the function asks to stop.
 *
 * Rust: Response::into_body, Body::write_to
 */
RENKEI_API
RENKEI_MUST_USE
renkei_status renkei_response_write_to(renkei_response *response,
                                       renkei_write_fn write,
                                       void *user_data,
                                       uint64_t *out_written,
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

static inline renkei_delivery_info renkei_delivery_info_init(void)
{
    renkei_delivery_info made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_push_info renkei_push_info_init(void)
{
    renkei_push_info made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_http_send_info renkei_http_send_info_init(void)
{
    renkei_http_send_info made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_automation_info renkei_automation_info_init(void)
{
    renkei_automation_info made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_outgoing_info renkei_outgoing_info_init(void)
{
    renkei_outgoing_info made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_backup_options renkei_backup_options_init(void)
{
    renkei_backup_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_check_options renkei_check_options_init(void)
{
    renkei_check_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_token_options renkei_token_options_init(void)
{
    renkei_token_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

static inline renkei_webapi_options renkei_webapi_options_init(void)
{
    renkei_webapi_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    return made;
}

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RENKEI_H */

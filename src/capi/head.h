/*
 * Renkei @VERSION@: user-defined record databases in one SQLite file, and what moves records in and out of them.
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
@TABLE@
 */

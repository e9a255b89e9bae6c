/* What a caller can do wrong is an error, and nothing else: after all of it the store is as it was. */

#include <pthread.h>

#include "test.h"

static const char *BLUEPRINT = "{\"databases\": [{\"code\": \"items\", \"name\": \"商品\", \"fields\": ["
                               "{\"code\": \"code\", \"name\": \"品番\", \"type\": \"key\"},"
                               "{\"code\": \"name\", \"name\": \"品名\", \"type\": \"text\"}]}]}";

static renkei_store *open_store(const char *path)
{
    renkei_store_options options = renkei_store_options_init();
    renkei_store *store = NULL;
    char *json;
    size_t len;
    options.create = 1;
    OK(renkei_store_open(path, N, &options, &store, &error));
    OK(renkei_blueprint_apply(store, BLUEPRINT, N, &json, &len, &error));
    OK(renkei_free(json));
    return store;
}

static void texts(renkei_store *store)
{
    renkei_store *other = (renkei_store *)store;
    uint64_t count = 77;
    renkei_error *failure = NULL;
    /* Not UTF-8, also where it is cut within a character; impossible lengths; NUL inside. */
    CODE(RENKEI_BAD_UTF8, "c.utf8", renkei_query_count(store, "it\xff" "ems", N, NULL, 0, &count, &error));
    EXPECT(count == 0);
    EXPECT(renkei_query_count(store, "品番", 4, NULL, 0, &count, &failure) == RENKEI_BAD_UTF8);
    EXPECT(strcmp(renkei_error_value(failure, NULL), "3") == 0);
    EXPECT(renkei_error_free(failure) == RENKEI_OK);
    CODE(RENKEI_BAD_LENGTH, "c.length", renkei_query_count(store, "items", SIZE_MAX - 1, NULL, 0, &count, &error));
    CODE(RENKEI_BAD_LENGTH, "c.length", renkei_query_count(store, "items", SIZE_MAX / 2 + 1, NULL, 0, &count, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_query_count(store, "items\0more", 10, NULL, 0, &count, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_query_count(store, "", 0, NULL, 0, &count, &error));
    OK(renkei_query_count(store, "items and more", 5, NULL, 0, &count, &error));
    CODE(RENKEI_NULL_ARGUMENT, "c.null", renkei_query_count(store, NULL, 0, NULL, 0, &count, &error));
    CODE(RENKEI_NULL_ARGUMENT, "c.null", renkei_query_count(store, NULL, N, NULL, 0, &count, &error));
    CODE(RENKEI_USAGE, "json", renkei_query_count(store, "items", N, "{", N, &count, &error));
    CODE(RENKEI_USAGE, "json", renkei_query_count(store, "items", N, "{\"all\": []} x", N, &count, &error));
    CODE(RENKEI_USAGE, "json", renkei_query_count(store, "items", N, "", 0, &count, &error));
    /* Without a place for the error the status is the same. */
    EXPECT(renkei_query_count(store, "nothing", N, NULL, 0, &count, NULL) == RENKEI_NOT_FOUND);
    STATUS(RENKEI_NOT_FOUND, renkei_store_as_user(store, "nobody", N, &other, &error));
    EXPECT(other == NULL);
}

static void structs(renkei_store *store)
{
    struct {
        renkei_write_options known;
        uint64_t later;
    } newer;
    renkei_write_options options = renkei_write_options_init();
    renkei_saved saved = renkei_saved_init();
    options.size = 0;
    CODE(RENKEI_BAD_STRUCT, "c.struct",
         renkei_record_register_json(store, "items", N, "{\"code\": \"1\"}", N, &options, NULL, &error));
    options.size = 1 << 20;
    CODE(RENKEI_BAD_STRUCT, "c.struct",
         renkei_record_register_json(store, "items", N, "{\"code\": \"1\"}", N, &options, NULL, &error));
    options.size = sizeof options;
    options.details = 99;
    CODE(RENKEI_USAGE, "argument", renkei_record_register_json(store, "items", N, "{\"code\": \"1\"}", N, &options, NULL, &error));
    saved.size = 3;
    STATUS(RENKEI_BAD_STRUCT, renkei_record_register_json(store, "items", N, "{\"code\": \"1\"}", N, NULL, &saved, &error));
    /* A program made for a later version: well as long as it does not set what this version does not know. */
    memset(&newer, 0, sizeof newer);
    newer.known = renkei_write_options_init();
    newer.known.size = sizeof newer;
    OK(renkei_record_register_json(store, "items", N, "{\"code\": \"1\"}", N, &newer.known, NULL, &error));
    newer.later = 1;
    CODE(RENKEI_BAD_STRUCT, "c.struct",
         renkei_record_register_json(store, "items", N, "{\"code\": \"2\"}", N, &newer.known, NULL, &error));
}

static void handles(const char *folder)
{
    renkei_store *store = open_store(in_folder(folder, "handles.db")), *again;
    renkei_store *closed = store;
    renkei_values *values = NULL;
    renkei_record *record = NULL;
    renkei_rows *rows = NULL;
    renkei_error *failure = NULL;
    renkei_clock *clock = NULL;
    uint64_t count;
    int32_t has_row;
    int64_t id;
    char *json;
    const char *lent;
    size_t len;
    char own[] = "mine";

    OK(renkei_values_new(&values, &error));
    OK(renkei_values_set_text(values, "code", N, "1", N, &error));
    OK(renkei_record_register(store, "items", N, values, NULL, NULL, &error));
    OK(renkei_record_view(store, "items", N, "1", N, 0, &record, &error));
    OK(renkei_rows_open(store, "items", N, "[\"code\"]", N, NULL, 0, &rows, &error));

    /* A handle of another kind, and numbers that are no handles. */
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count((renkei_store *)values, "items", N, NULL, 0, &count, &error));
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count((renkei_store *)&count, "items", N, NULL, 0, &count, &error));
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count((renkei_store *)(uintptr_t)1, "items", N, NULL, 0, &count, &error));
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count((renkei_store *)(uintptr_t)-1, "items", N, NULL, 0, &count, &error));
    EXPECT(renkei_values_free((renkei_values *)record) == RENKEI_BAD_HANDLE);
    OK(renkei_record_id(record, &id, &error));

    /* The store is closed: what was made of it lives on, and the handle is gone for good. */
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    EXPECT(renkei_store_close(store) == RENKEI_BAD_HANDLE);
    EXPECT(renkei_store_close(NULL) == RENKEI_OK);
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count(closed, "items", N, NULL, 0, &count, &error));
    OK(renkei_rows_next(rows, &has_row, &error));
    EXPECT(has_row == 1);
    again = open_store(in_folder(folder, "handles.db"));
    EXPECT(again != closed);
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count(closed, "items", N, NULL, 0, &count, &error));

    /* Freed twice. */
    EXPECT(renkei_values_free(values) == RENKEI_OK && renkei_values_free(values) == RENKEI_BAD_HANDLE);
    STATUS(RENKEI_BAD_HANDLE, renkei_values_set_text(values, "code", N, "1", N, &error));
    EXPECT(renkei_record_free(record) == RENKEI_OK && renkei_record_free(record) == RENKEI_BAD_HANDLE);
    STATUS(RENKEI_BAD_HANDLE, renkei_record_key(record, &lent, &len, &error));
    EXPECT(lent == NULL && len == 0);
    EXPECT(renkei_rows_close(rows) == RENKEI_OK && renkei_rows_close(rows) == RENKEI_BAD_HANDLE);
    STATUS(RENKEI_BAD_HANDLE, renkei_rows_next(rows, &has_row, &error));
    OK(renkei_clock_new(0, &clock, &error));
    EXPECT(renkei_clock_free(clock) == RENKEI_OK && renkei_clock_free(clock) == RENKEI_BAD_HANDLE);
    EXPECT(renkei_query_count(again, "nothing", N, NULL, 0, &count, &failure) == RENKEI_NOT_FOUND);
    EXPECT(renkei_error_free(failure) == RENKEI_OK && renkei_error_free(failure) == RENKEI_BAD_HANDLE);
    EXPECT(strcmp(renkei_error_message(failure, RENKEI_ENGLISH, &len), "") == 0 && len == 0);
    EXPECT(renkei_error_status(failure) == RENKEI_BAD_HANDLE && renkei_error_violation_count(failure) == 0);
    EXPECT(renkei_error_status(NULL) == RENKEI_NULL_ARGUMENT && strcmp(renkei_error_code(NULL, NULL), "") == 0);

    /* Memory: freed twice, and not ours. */
    OK(renkei_blueprint_dump(again, &json, &len, &error));
    EXPECT(renkei_free(json) == RENKEI_OK && renkei_free(json) == RENKEI_BAD_HANDLE);
    EXPECT(renkei_free(own) == RENKEI_BAD_HANDLE && renkei_free(NULL) == RENKEI_OK);
    EXPECT(strcmp(own, "mine") == 0);
    EXPECT(renkei_store_close(again) == RENKEI_OK);
}

static void panics(const char *folder)
{
    renkei_store *store = open_store(in_folder(folder, "panics.db")), *view = NULL;
    renkei_cancel *cancel = NULL;
    uint64_t count;
    OK(renkei_cancel_new(&cancel, &error));
    OK(renkei_store_cancellable(store, cancel, &view, &error));
    CODE(RENKEI_PANIC, "c.panic", renkei_store_panic_for_test(store, &error));
    CODE(RENKEI_POISONED, "c.poisoned", renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    EXPECT(renkei_store_panic_for_test(store, NULL) == RENKEI_POISONED);
    OK(renkei_query_count(view, "items", N, NULL, 0, &count, &error));
    OK(renkei_record_register_json(view, "items", N, "{\"code\": \"after\"}", N, NULL, NULL, &error));
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    EXPECT(renkei_store_close(store) == RENKEI_BAD_HANDLE);
    EXPECT(renkei_store_close(view) == RENKEI_OK);
    EXPECT(renkei_cancel_free(cancel) == RENKEI_OK);
}

struct other_thread {
    renkei_transaction *transaction;
    renkei_store *store;
};

static void *use_foreign_transaction(void *data)
{
    struct other_thread *other = data;
    CODE(RENKEI_WRONG_THREAD, "c.thread", renkei_transaction_commit(other->transaction, &error));
    EXPECT(renkei_transaction_rollback(other->transaction) == RENKEI_WRONG_THREAD);
    STATUS(RENKEI_WRONG_THREAD,
           renkei_transaction_register_json(other->transaction, "items", N, "{\"code\": \"2\"}", N, NULL, NULL, &error));
    return NULL;
}

/* A callback that reads while an export runs, and closes what it must not. */
static int32_t meddle(void *data, const void *bytes, size_t len)
{
    struct other_thread *other = data;
    uint64_t count;
    (void)bytes;
    (void)len;
    OK(renkei_query_count(other->store, "items", N, NULL, 0, &count, &error));
    EXPECT(renkei_store_close(other->store) == RENKEI_OK);
    STATUS(RENKEI_BAD_HANDLE, renkei_query_count(other->store, "items", N, NULL, 0, &count, &error));
    return 0;
}

static void *use_busy_values(void *data)
{
    renkei_values *values = data;
    STATUS(RENKEI_IN_USE, renkei_values_clear(values, &error));
    EXPECT(renkei_values_free(values) == RENKEI_IN_USE);
    return NULL;
}

static void threads(const char *folder)
{
    renkei_store *store = open_store(in_folder(folder, "threads.db"));
    renkei_transaction *transaction = NULL;
    struct other_thread other;
    pthread_t thread;
    uint64_t count;
    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_register_json(transaction, "items", N, "{\"code\": \"1\"}", N, NULL, NULL, &error));
    other.transaction = transaction;
    other.store = store;
    EXPECT(pthread_create(&thread, NULL, use_foreign_transaction, &other) == 0 && pthread_join(thread, NULL) == 0);
    CODE(RENKEI_USAGE, "store.reentered", renkei_transaction_begin(store, &other.transaction, &error));
    EXPECT(other.transaction == NULL);
    OK(renkei_transaction_commit(transaction, &error));
    OK(renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    EXPECT(count == 1);
    OK(renkei_export_to(store, "{\"database\": \"items\"}", N, meddle, &other, NULL, NULL, &error));
    EXPECT(renkei_store_close(store) == RENKEI_BAD_HANDLE);
}

/* A set of values that a call has for itself, for as long as the call waits for its turn to write. */
static void *register_busy(void *data)
{
    void **both = data;
    renkei_status status = RENKEI_IN_USE;
    /* The other thread looks at the values until this one is inside. */
    while (status == RENKEI_IN_USE) {
        status = renkei_record_register(both[0], "items", N, both[1], NULL, NULL, NULL);
    }
    EXPECT(status == RENKEI_OK);
    return NULL;
}

static void busy(const char *folder)
{
    renkei_store *store = open_store(in_folder(folder, "busy.db"));
    renkei_transaction *transaction = NULL;
    renkei_values *values = NULL;
    void *both[2];
    pthread_t writer, other;
    renkei_status status = RENKEI_OK;
    OK(renkei_values_new(&values, &error));
    OK(renkei_values_set_text(values, "code", N, "1", N, &error));
    OK(renkei_transaction_begin(store, &transaction, &error));
    both[0] = store;
    both[1] = values;
    EXPECT(pthread_create(&writer, NULL, register_busy, both) == 0);
    /* Until the writer is inside. */
    while (status == RENKEI_OK) {
        size_t count;
        status = renkei_values_count(values, &count, NULL);
    }
    EXPECT(status == RENKEI_IN_USE);
    EXPECT(pthread_create(&other, NULL, use_busy_values, values) == 0 && pthread_join(other, NULL) == 0);
    EXPECT(renkei_transaction_rollback(transaction) == RENKEI_OK);
    EXPECT(pthread_join(writer, NULL) == 0);
    EXPECT(renkei_values_free(values) == RENKEI_OK);
    EXPECT(renkei_store_close(store) == RENKEI_OK);
}

/* A transaction goes on, and is kept, when nothing else of the store is open any more. */
static void outlive(const char *folder)
{
    renkei_store *store = open_store(in_folder(folder, "outlive.db"));
    renkei_transaction *transaction = NULL;
    uint64_t count = 0;
    OK(renkei_transaction_begin(store, &transaction, &error));
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    OK(renkei_transaction_register_json(transaction, "items", N, "{\"code\": \"1\"}", N, NULL, NULL, &error));
    OK(renkei_transaction_commit(transaction, &error));
    store = open_store(in_folder(folder, "outlive.db"));
    OK(renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    EXPECT(count == 1);
    OK(renkei_transaction_begin(store, &transaction, &error));
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    EXPECT(renkei_transaction_rollback(transaction) == RENKEI_OK);
}

struct meddling {
    renkei_webapi *api;
    renkei_request *request;
    int asked;
};

/* A body that meddles with its own request while that is handled. */
static int32_t meddle_with_request(void *data, void *buffer, size_t capacity, size_t *out_len)
{
    struct meddling *meddling = data;
    renkei_response *response;
    (void)buffer;
    (void)capacity;
    STATUS(RENKEI_IN_USE, renkei_request_set_tls(meddling->request, 1, &error));
    STATUS(RENKEI_IN_USE, renkei_webapi_handle(meddling->api, meddling->request, &response, &error));
    EXPECT(renkei_request_free(meddling->request) == RENKEI_IN_USE);
    EXPECT(renkei_webapi_free(meddling->api) == RENKEI_OK);
    meddling->asked++;
    *out_len = 0;
    return 0;
}

static int32_t claim_too_much(void *data, void *buffer, size_t capacity, size_t *out_len)
{
    (void)data;
    (void)buffer;
    *out_len = capacity + 1;
    return 0;
}

static void web(const char *folder)
{
    renkei_store *store = open_store(in_folder(folder, "web.db"));
    renkei_webapi_options options = renkei_webapi_options_init();
    struct meddling meddling = {NULL, NULL, 0};
    renkei_request *other_request = NULL;
    renkei_response *response = NULL, *other;
    char buffer[8];
    const char *lent;
    size_t len;
    int32_t status;
    OK(renkei_webapi_new(store, "abc1de2", N, NULL, &meddling.api, &error));
    OK(renkei_request_new("POST", N, "/", N, &meddling.request, &error));
    STATUS(RENKEI_BAD_UTF8, renkei_request_new("POST", N, "/\xe3\x81", N, &other_request, &error));
    OK(renkei_request_set_body_from(meddling.request, claim_too_much, NULL, &error));
    OK(renkei_webapi_handle(meddling.api, meddling.request, &response, &error));
    OK(renkei_response_closes(response, &status, &error));
    EXPECT(status == 1);
    EXPECT(renkei_response_free(response) == RENKEI_OK);
    OK(renkei_request_set_body_from(meddling.request, meddle_with_request, &meddling, &error));
    OK(renkei_webapi_handle(meddling.api, meddling.request, &response, &error));
    EXPECT(meddling.asked == 1);
    /* The dispatcher is gone, and what it has answered stays. */
    STATUS(RENKEI_BAD_HANDLE, renkei_webapi_handle(meddling.api, meddling.request, &other, &error));
    EXPECT(other == NULL && renkei_webapi_free(meddling.api) == RENKEI_BAD_HANDLE);
    OK(renkei_response_status(response, &status, &error));
    EXPECT(status == 404);
    STATUS(RENKEI_BAD_LENGTH, renkei_response_read(response, buffer, SIZE_MAX, &len, &error));
    OK(renkei_response_read(response, buffer, 0, &len, &error));
    EXPECT(len == 0);
    EXPECT(renkei_response_free(response) == RENKEI_OK && renkei_response_free(response) == RENKEI_BAD_HANDLE);
    STATUS(RENKEI_BAD_HANDLE, renkei_response_reason(response, &lent, &len, &error));
    EXPECT(renkei_request_free(meddling.request) == RENKEI_OK && renkei_request_free(meddling.request) == RENKEI_BAD_HANDLE);
    options.size = 8;
    STATUS(RENKEI_BAD_STRUCT, renkei_webapi_new(store, "abc1de2", N, &options, &meddling.api, &error));
    EXPECT(renkei_store_close(store) == RENKEI_OK);
}

/* Files of the store are neither read into it nor written over. */
static void own_files(renkei_store *store, const char *path)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    char own[1200];
    char *json;
    size_t json_len;
    uint64_t lines;
    int64_t id;
    size_t at;
    for (at = 0; at < 3; at++) {
        snprintf(own, sizeof own, "%s%s", path, SUFFIXES[at]);
        CODE(RENKEI_USAGE, "argument", renkei_upload_put_path(store, "in.csv", N, own, N, &id, &error));
        CODE(RENKEI_USAGE, "argument", renkei_import_rejects_path(store, 1, own, N, &lines, &error));
        CODE(RENKEI_USAGE, "argument",
             renkei_export_path(store, "{\"database\": \"items\"}", N, own, N, NULL, NULL, &error));
        CODE(RENKEI_USAGE, "argument", renkei_csv_detect_path(own, N, 0, &json, &json_len, &error));
        CODE(RENKEI_USAGE, "backup.target", renkei_store_backup(store, own, N, NULL, &lines, &error));
    }
    OK(renkei_query_count(store, "items", N, NULL, 0, &lines, &error));
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    renkei_store *store = open_store(in_folder(folder, "misuse.db"));
    texts(store);
    structs(store);
    own_files(store, in_folder(folder, "misuse.db"));
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    handles(folder);
    panics(folder);
    threads(folder);
    busy(folder);
    outlive(folder);
    web(folder);
    return ended("misuse");
}

/* Eight threads on one store: whatever they do at once, no update is lost and nobody waits for ever.
 *
 *     threads FOLDER SECONDS
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

#include "test.h"

#define THREADS 8
#define COUNTERS 5

static const char *BLUEPRINT =
    "{\"users\": [{\"code\": \"link\", \"name\": \"連携\", \"rights\": {\"*\": [\"view\", \"register\", \"update\", \"export\"]}}],"
    " \"access\": {\"calls_per_minute\": null},"
    " \"databases\": [{\"id\": 100101, \"code\": \"counters\", \"name\": \"計数\", \"fields\": ["
    "  {\"code\": \"code\", \"name\": \"符号\", \"type\": \"key\"},"
    "  {\"code\": \"sum\", \"name\": \"合計\", \"type\": \"number\"},"
    "  {\"code\": \"total\", \"name\": \"明細計\", \"type\": \"calculated\", \"expression\": \"sum(part)\"}],"
    "  \"details\": [{\"code\": \"part\", \"name\": \"部分\", \"type\": \"number\"}]},"
    " {\"id\": 100102, \"code\": \"log\", \"name\": \"記録\", \"fields\": ["
    "  {\"code\": \"number\", \"name\": \"番号\", \"type\": \"key\", \"parts\": [{\"kind\": \"automatic\", \"format\": {\"digits\": 9}}]},"
    "  {\"code\": \"text\", \"name\": \"本文\", \"type\": \"text\", \"full_text\": true}]}],"
    " \"imports\": [{\"database\": \"log\", \"code\": \"lines\", \"name\": \"行\", \"mode\": \"insert\","
    "  \"columns\": [{\"field\": \"text\"}]}]}";

static renkei_store *store;
static renkei_webapi *api;
static char *token;

/* What a thread has done. Nothing of it is shared, so that checkers see no locks but those of the library. */
struct deeds {
    unsigned random;
    long long added, registered, imported, noted, operations;
};

static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER;
static int is_over;

/* Whether it is over; says so before. */
static int end_now(int over)
{
    int now;
    pthread_mutex_lock(&ending);
    now = is_over |= over;
    pthread_mutex_unlock(&ending);
    return now;
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Adds to a counter by reading it and writing it with the revision that was read, until nobody was in between. */
static void add_optimistically(struct deeds *deeds, renkei_values *values)
{
    char key[2] = {(char)('A' + next_random(&deeds->random) % COUNTERS), '\0'};
    for (;;) {
        renkei_record *record = NULL;
        renkei_write_options options = renkei_write_options_init();
        renkei_status status;
        int64_t sum;
        OK(renkei_record_view(store, "counters", N, key, N, 0, &record, &error));
        OK(renkei_record_revision(record, &options.expected_revision, &error));
        OK(renkei_record_int64(record, 0, "sum", N, &sum, &error));
        renkei_record_free(record);
        OK(renkei_values_clear(values, &error));
        OK(renkei_values_set_int64(values, "sum", N, sum + 1, &error));
        status = renkei_record_update(store, "counters", N, key, N, 0, values, &options, NULL, NULL);
        if (status == RENKEI_OK) {
            deeds->added++;
            return;
        }
        EXPECT(status == RENKEI_CONFLICT);
        if (status != RENKEI_CONFLICT) {
            return;
        }
    }
}

static void register_in_transaction(struct deeds *deeds)
{
    renkei_transaction *transaction = NULL;
    int kept = next_random(&deeds->random) % 4 != 0;
    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_register_json(transaction, "log", N, "{\"text\": \"取引の一\"}", N, NULL, NULL, &error));
    OK(renkei_transaction_register_json(transaction, "log", N, "{\"text\": \"取引の二\"}", N, NULL, NULL, &error));
    if (kept) {
        OK(renkei_transaction_commit(transaction, &error));
        deeds->registered += 2;
    } else {
        EXPECT(renkei_transaction_rollback(transaction) == RENKEI_OK);
    }
}

static void read_rows(renkei_store *view)
{
    renkei_rows *rows = NULL;
    int32_t has_row = 1;
    int64_t last = 0;
    int lines;
    OK(renkei_rows_open(view, "log", N, "[\"number\", \"text\", \"_id\"]", N, "{\"limit\": 50}", N, &rows, &error));
    for (lines = 0; has_row && lines < 40; lines++) {
        const renkei_cell *cells;
        size_t count;
        OK(renkei_rows_next(rows, &has_row, &error));
        if (has_row) {
            OK(renkei_rows_cells(rows, &cells, &count, &error));
            EXPECT(count == 3 && cells[2].integer > last && cells[1].text_len > 0);
            last = cells[2].integer;
        }
    }
    EXPECT(renkei_rows_close(rows) == RENKEI_OK);
}

static int32_t discard(void *data, const void *bytes, size_t len)
{
    (void)bytes;
    *(size_t *)data += len;
    return 0;
}

static void import_lines(struct deeds *deeds)
{
    renkei_import_request request = renkei_import_request_init();
    int64_t process;
    int32_t existed;
    OK(renkei_upload_put(store, "lines.csv", N, "本文\n取込の一\n取込の二\n取込の三\n", strlen("本文\n取込の一\n取込の二\n取込の三\n"),
                         &request.upload, &error));
    OK(renkei_import_reserve(store, "log", N, "lines", N, &request, &process, &existed, &error));
    deeds->imported += 3;
}

static void cancel_a_read(void)
{
    renkei_cancel *cancel = NULL;
    renkei_store *view = NULL;
    renkei_status status;
    uint64_t count;
    OK(renkei_cancel_new(&cancel, &error));
    OK(renkei_store_cancellable(store, cancel, &view, &error));
    OK(renkei_cancel_show(cancel, &error));
    status = renkei_query_count(view, "log", N, "{\"field\": \"text\", \"op\": \"contains\", \"value\": \"取\"}", N, &count, NULL);
    EXPECT(status == RENKEI_CANCELLED);
    EXPECT(renkei_store_close(view) == RENKEI_OK && renkei_cancel_free(cancel) == RENKEI_OK);
}

/* A call of the Web API, whose answer has a status. A stream is read a little and let go. */
static void call_web_api(const char *function, const char *json, int32_t wanted)
{
    renkei_request *request = NULL;
    renkei_response *response = NULL;
    char target[64], buffer[256];
    size_t len;
    int32_t status;
    snprintf(target, sizeof target, "/abc1de2/%s/version/v1", function);
    OK(renkei_request_new("POST", N, target, N, &request, &error));
    OK(renkei_request_add_header(request, "X-HD-apitoken", N, token, N, &error));
    OK(renkei_request_set_remote(request, "192.0.2.7", N, &error));
    OK(renkei_request_set_body(request, json, strlen(json), &error));
    OK(renkei_webapi_handle(api, request, &response, &error));
    EXPECT(renkei_request_free(request) == RENKEI_OK);
    OK(renkei_response_status(response, &status, &error));
    EXPECT(status == wanted);
    OK(renkei_response_read(response, buffer, sizeof buffer, &len, &error));
    EXPECT(len > 0);
    EXPECT(renkei_response_free(response) == RENKEI_OK);
}

/* A user who comes with a token: he may do what his rights say, and is noted in the audit log. */
static void come_with_a_token(struct deeds *deeds)
{
    renkei_store *caller = NULL;
    renkei_status status;
    char *json, *secret;
    size_t len;
    int64_t id;
    int32_t may;
    OK(renkei_token_authenticate(store, token, N, "192.0.2.7", N, &caller, &error));
    OK(renkei_access_may(caller, "log", N, RENKEI_RIGHT_VIEW, &may, &error));
    EXPECT(may == 1);
    OK(renkei_access_count_call(caller, &error));
    OK(renkei_audit_note(caller, "{\"action\": \"threads\", \"result\": \"ok\"}", N, &error));
    deeds->noted++;
    EXPECT(renkei_access_settings(caller, &json, &len, NULL) == RENKEI_DENIED);
    EXPECT(renkei_store_close(caller) == RENKEI_OK);
    if (next_random(&deeds->random) % 8 == 0) {
        OK(renkei_token_issue(store, "link", N, NULL, &id, &secret, &len, &error));
        OK(renkei_token_revoke(store, id, &error));
        caller = NULL;
        status = renkei_token_authenticate(store, secret, N, NULL, 0, &caller, NULL);
        EXPECT(status == RENKEI_DENIED && caller == NULL);
        EXPECT(renkei_free(secret) == RENKEI_OK);
        OK(renkei_token_all(store, &json, &len, &error));
        EXPECT(renkei_free(json) == RENKEI_OK);
    }
}

static void *work(void *data)
{
    struct deeds *deeds = data;
    renkei_values *values = NULL;
    OK(renkei_values_new(&values, &error));
    while (!end_now(0)) {
        char *json;
        size_t len, bytes = 0;
        uint64_t count;
        renkei_error *failure = NULL;
        switch (next_random(&deeds->random) % 14) {
            case 0: case 1: case 2:
                add_optimistically(deeds, values);
                break;
            case 3:
                OK(renkei_record_register_json(store, "log", N, "{\"text\": \"一件\"}", N, NULL, NULL, &error));
                deeds->registered++;
                break;
            case 4:
                register_in_transaction(deeds);
                break;
            case 5:
                read_rows(store);
                break;
            case 6:
                OK(renkei_query_page(store, "counters", N, NULL, 0, &json, &len, &error));
                EXPECT(renkei_free(json) == RENKEI_OK);
                break;
            case 7:
                OK(renkei_export_to(store, "{\"database\": \"log\", \"limit\": 100}", N, discard, &bytes, NULL, NULL, &error));
                EXPECT(bytes > 0);
                break;
            case 8:
                if (next_random(&deeds->random) % 8 == 0) {
                    import_lines(deeds);
                }
                EXPECT(renkei_query_count(store, "nothing", N, NULL, 0, &count, &failure) == RENKEI_NOT_FOUND);
                EXPECT(renkei_error_message(failure, RENKEI_JAPANESE, NULL)[0] != '\0');
                EXPECT(renkei_error_free(failure) == RENKEI_OK);
                break;
            case 9:
                call_web_api("apirecord/regist", "{\"dbSchemaId\": 100102, \"values\": {\"text\": \"呼出の一\"}}", 200);
                deeds->registered++;
                break;
            case 10:
                call_web_api("apirecord/view", "{\"dbSchemaId\": 100101, \"keyId\": \"A\"}", 200);
                break;
            case 11:
                call_web_api("api/csvexport", "{\"dbSchemaId\": 100102, \"limit\": 500}", 200);
                break;
            case 12:
                come_with_a_token(deeds);
                break;
            default:
                cancel_a_read();
        }
        deeds->operations++;
    }
    EXPECT(renkei_values_free(values) == RENKEI_OK);
    return NULL;
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    time_t until = time(NULL) + (count > 2 ? atoi(arguments[2]) : 3);
    renkei_store_options options = renkei_store_options_init();
    renkei_worker *worker = NULL;
    pthread_t threads[THREADS];
    struct deeds deeds[THREADS], all = {0, 0, 0, 0, 0, 0};
    char *json, query[256];
    size_t len;
    uint64_t found, ran;
    int64_t id, sum = 0;
    long long lines = 0;
    int at;
    options.create = 1;
    OK(renkei_store_open(in_folder(folder, "threads-all.db"), N, &options, &store, &error));
    OK(renkei_blueprint_apply(store, BLUEPRINT, N, &json, &len, &error));
    EXPECT(renkei_free(json) == RENKEI_OK);
    for (at = 0; at < COUNTERS; at++) {
        char counter[64];
        snprintf(counter, sizeof counter, "{\"code\": \"%c\", \"sum\": 0}", 'A' + at);
        OK(renkei_record_register_json(store, "counters", N, counter, N, NULL, NULL, &error));
    }
    OK(renkei_token_issue(store, "link", N, NULL, &id, &token, &len, &error));
    OK(renkei_webapi_new(store, "abc1de2", N, NULL, &api, &error));
    OK(renkei_worker_new(store, NULL, &worker, &error));
    OK(renkei_worker_start(worker, &error));
    for (at = 0; at < THREADS; at++) {
        memset(&deeds[at], 0, sizeof deeds[at]);
        deeds[at].random = (unsigned)at + 1;
        EXPECT(pthread_create(&threads[at], NULL, work, &deeds[at]) == 0);
    }
    while (time(NULL) < until) {
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
    }
    end_now(1);
    for (at = 0; at < THREADS; at++) {
        EXPECT(pthread_join(threads[at], NULL) == 0);
        all.added += deeds[at].added;
        all.registered += deeds[at].registered;
        all.imported += deeds[at].imported;
        all.noted += deeds[at].noted;
        all.operations += deeds[at].operations;
    }
    OK(renkei_worker_stop(worker, &error));
    EXPECT(renkei_worker_free(worker) == RENKEI_OK);
    worker = NULL;
    /* What the stopped worker left is run to the end. */
    OK(renkei_worker_new(store, NULL, &worker, &error));
    OK(renkei_worker_run_until_idle(worker, &ran, &error));
    EXPECT(renkei_worker_free(worker) == RENKEI_OK);

    for (at = 0; at < COUNTERS; at++) {
        renkei_record *record = NULL;
        char key[2] = {(char)('A' + at), '\0'};
        int64_t one = 0;
        OK(renkei_record_view(store, "counters", N, key, N, 0, &record, &error));
        OK(renkei_record_int64(record, 0, "sum", N, &one, &error));
        EXPECT(renkei_record_free(record) == RENKEI_OK);
        sum += one;
    }
    EXPECT(sum == all.added);
    OK(renkei_query_count(store, "log", N, NULL, 0, &found, &error));
    EXPECT((long long)found == all.registered + all.imported);
    /* Every note is in the audit log, once. */
    for (snprintf(query, sizeof query, "{\"action\": \"threads\", \"limit\": 1000}"); query[0] != '\0';) {
        const char *next, *line;
        OK(renkei_audit_page(store, query, N, &json, &len, &error));
        for (line = json; (line = strstr(line, "\"action\":\"threads\"")) != NULL; line++) {
            lines++;
        }
        next = strstr(json, "\"next\":\"");
        query[0] = '\0';
        if (next != NULL) {
            next += strlen("\"next\":\"");
            snprintf(query, sizeof query, "{\"action\": \"threads\", \"limit\": 1000, \"after\": \"%.*s\"}",
                     (int)strcspn(next, "\""), next);
        }
        EXPECT(renkei_free(json) == RENKEI_OK);
    }
    EXPECT(lines == all.noted);
    EXPECT(renkei_free(token) == RENKEI_OK && renkei_webapi_free(api) == RENKEI_OK);
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    printf("%lld calls, %lld additions, %llu records\n", all.operations, (long long)sum,
           (unsigned long long)found);
    return ended("threads");
}

/* Eight threads on one store: whatever they do at once, no update is lost and nobody waits for ever.
 *
 *     threads FOLDER SECONDS
 */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "test.h"

#define THREADS 8
#define COUNTERS 5

static const char *BLUEPRINT =
    "{\"databases\": [{\"code\": \"counters\", \"name\": \"計数\", \"fields\": ["
    "  {\"code\": \"code\", \"name\": \"符号\", \"type\": \"key\"},"
    "  {\"code\": \"sum\", \"name\": \"合計\", \"type\": \"number\"},"
    "  {\"code\": \"total\", \"name\": \"明細計\", \"type\": \"calculated\", \"expression\": \"sum(part)\"}],"
    "  \"details\": [{\"code\": \"part\", \"name\": \"部分\", \"type\": \"number\"}]},"
    " {\"code\": \"log\", \"name\": \"記録\", \"fields\": ["
    "  {\"code\": \"number\", \"name\": \"番号\", \"type\": \"key\", \"parts\": [{\"kind\": \"automatic\", \"format\": {\"digits\": 9}}]},"
    "  {\"code\": \"text\", \"name\": \"本文\", \"type\": \"text\", \"full_text\": true}]}],"
    " \"imports\": [{\"database\": \"log\", \"code\": \"lines\", \"name\": \"行\", \"mode\": \"insert\","
    "  \"columns\": [{\"field\": \"text\"}]}]}";

static renkei_store *store;
static atomic_int stop;
static atomic_llong added, registered, imported, operations;

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Adds to a counter by reading it and writing it with the revision that was read, until nobody was in between. */
static void add_optimistically(unsigned *random, renkei_values *values)
{
    char key[2] = {(char)('A' + next_random(random) % COUNTERS), '\0'};
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
            atomic_fetch_add(&added, 1);
            return;
        }
        EXPECT(status == RENKEI_CONFLICT);
        if (status != RENKEI_CONFLICT) {
            return;
        }
    }
}

static void register_in_transaction(unsigned *random)
{
    renkei_transaction *transaction = NULL;
    int kept = next_random(random) % 4 != 0;
    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_register_json(transaction, "log", N, "{\"text\": \"取引の一\"}", N, NULL, NULL, &error));
    OK(renkei_transaction_register_json(transaction, "log", N, "{\"text\": \"取引の二\"}", N, NULL, NULL, &error));
    if (kept) {
        OK(renkei_transaction_commit(transaction, &error));
        atomic_fetch_add(&registered, 2);
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

static void import_lines(void)
{
    renkei_import_request request = renkei_import_request_init();
    int64_t process;
    int32_t existed;
    OK(renkei_upload_put(store, "lines.csv", N, "本文\n取込の一\n取込の二\n取込の三\n", strlen("本文\n取込の一\n取込の二\n取込の三\n"),
                         &request.upload, &error));
    OK(renkei_import_reserve(store, "log", N, "lines", N, &request, &process, &existed, &error));
    atomic_fetch_add(&imported, 3);
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

static void *work(void *data)
{
    unsigned random = *(unsigned *)data;
    renkei_values *values = NULL;
    OK(renkei_values_new(&values, &error));
    while (!atomic_load(&stop)) {
        char *json;
        size_t len, bytes = 0;
        uint64_t count;
        renkei_error *failure = NULL;
        switch (next_random(&random) % 10) {
            case 0: case 1: case 2:
                add_optimistically(&random, values);
                break;
            case 3:
                OK(renkei_record_register_json(store, "log", N, "{\"text\": \"一件\"}", N, NULL, NULL, &error));
                atomic_fetch_add(&registered, 1);
                break;
            case 4:
                register_in_transaction(&random);
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
                if (next_random(&random) % 8 == 0) {
                    import_lines();
                }
                EXPECT(renkei_query_count(store, "nothing", N, NULL, 0, &count, &failure) == RENKEI_NOT_FOUND);
                EXPECT(renkei_error_message(failure, RENKEI_JAPANESE, NULL)[0] != '\0');
                EXPECT(renkei_error_free(failure) == RENKEI_OK);
                break;
            default:
                cancel_a_read();
        }
        atomic_fetch_add(&operations, 1);
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
    unsigned seeds[THREADS];
    char *json;
    size_t len;
    uint64_t found, ran;
    int64_t sum = 0;
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
    OK(renkei_worker_new(store, NULL, &worker, &error));
    OK(renkei_worker_start(worker, &error));
    for (at = 0; at < THREADS; at++) {
        seeds[at] = (unsigned)at + 1;
        EXPECT(pthread_create(&threads[at], NULL, work, &seeds[at]) == 0);
    }
    while (time(NULL) < until) {
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
    }
    atomic_store(&stop, 1);
    for (at = 0; at < THREADS; at++) {
        EXPECT(pthread_join(threads[at], NULL) == 0);
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
    EXPECT(sum == atomic_load(&added));
    OK(renkei_query_count(store, "log", N, NULL, 0, &found, &error));
    EXPECT((long long)found == atomic_load(&registered) + atomic_load(&imported));
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    printf("%lld calls, %lld additions, %llu records\n", (long long)atomic_load(&operations), (long long)sum,
           (unsigned long long)found);
    return ended("threads");
}

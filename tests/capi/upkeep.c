/* Backups, checks, and exports that are read, from C. */

#include "test.h"

static const char *BLUEPRINT = "{\"databases\": [{\"code\": \"items\", \"name\": \"商品\", \"fields\": ["
                               "{\"code\": \"code\", \"name\": \"品番\", \"type\": \"key\"},"
                               "{\"code\": \"name\", \"name\": \"品名\", \"type\": \"text\"}]}]}";

struct progress {
    uint64_t calls;
    uint64_t last;
    uint64_t total;
    int checked;
    uint64_t stop_at;
};

static int32_t backup_progress(void *user_data, uint64_t bytes_done, uint64_t bytes_total, int32_t is_checking)
{
    struct progress *progress = user_data;
    EXPECT(bytes_done >= progress->last && bytes_done <= bytes_total);
    progress->calls++;
    progress->last = bytes_done;
    progress->total = bytes_total;
    progress->checked |= is_checking;
    return progress->calls == progress->stop_at;
}

static int32_t check_progress(void *user_data, uint64_t done, uint64_t total)
{
    struct progress *progress = user_data;
    progress->calls++;
    EXPECT(done <= total);
    progress->last = done;
    progress->total = total;
    return progress->calls == progress->stop_at;
}

static int exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

static void backups(renkei_store *store, const char *folder)
{
    renkei_backup_options options = renkei_backup_options_init();
    renkei_store *copy = NULL;
    struct progress progress = {0, 0, 0, 0, 0};
    char path[1024];
    uint64_t bytes, count;
    snprintf(path, sizeof path, "%s/copy.db", folder);
    options.progress = backup_progress;
    options.progress_user_data = &progress;
    options.bytes_per_second = UINT64_C(1) << 40;
    progress.stop_at = 1;
    CODE(RENKEI_CANCELLED, "cancelled", renkei_store_backup(store, path, N, &options, &bytes, &error));
    EXPECT(bytes == 0 && !exists(path));
    memset(&progress, 0, sizeof progress);
    OK(renkei_store_backup(store, path, N, &options, &bytes, &error));
    EXPECT(bytes > 0 && progress.calls >= 2 && progress.last == bytes && progress.total == bytes && progress.checked == 1);
    CODE(RENKEI_USAGE, "backup.target", renkei_store_backup(store, path, N, NULL, &bytes, &error));
    /* The copy is a store like any, and as it was at that moment. */
    OK(renkei_record_register_json(store, "items", N, "{\"code\": \"after\"}", N, NULL, NULL, &error));
    OK(renkei_store_open(path, N, NULL, &copy, &error));
    OK(renkei_query_count(copy, "items", N, NULL, 0, &count, &error));
    EXPECT(count == 2000);
    OK(renkei_record_register_json(copy, "items", N, "{\"code\": \"only here\"}", N, NULL, NULL, &error));
    OK(renkei_store_close(copy));
    snprintf(path, sizeof path, "%s/unchecked.db", folder);
    memset(&progress, 0, sizeof progress);
    options.unchecked = 1;
    OK(renkei_store_backup(store, path, strlen(path), &options, &bytes, &error));
    EXPECT(progress.checked == 0 && exists(path));
}

static void checks(renkei_store *store)
{
    renkei_check_options options = renkei_check_options_init();
    struct progress progress = {0, 0, 0, 0, 0};
    int32_t is_sound;
    char *json;
    size_t len;
    OK(renkei_store_check(store, NULL, &is_sound, &json, &len, &error));
    EXPECT(is_sound == 1 && strstr(json, "\"sound\":true") != NULL && strstr(json, "\"records\":2001") != NULL);
    EXPECT(strstr(json, "異常はありません") != NULL && strstr(json, "\"quick\":false") != NULL);
    OK(renkei_free(json));
    options.progress = check_progress;
    options.progress_user_data = &progress;
    options.quick = 1;
    OK(renkei_store_check(store, &options, &is_sound, &json, &len, &error));
    EXPECT(progress.calls > 3 && progress.last == progress.total && strstr(json, "\"quick\":true") != NULL);
    OK(renkei_free(json));
    memset(&progress, 0, sizeof progress);
    progress.stop_at = 2;
    CODE(RENKEI_CANCELLED, "cancelled", renkei_store_check(store, &options, &is_sound, &json, &len, &error));
    EXPECT(json == NULL && is_sound == 0);
}

static void streams(renkei_store *store)
{
    const char *spec = "{\"database\": \"items\", \"columns\": [\"code\"], \"limit\": 1500, \"sort\": [{\"field\": \"code\"}]}";
    renkei_export_stream *stream = NULL;
    renkei_exported exported = renkei_exported_init();
    char piece[777];
    char *whole;
    size_t len, total = 0, whole_len;
    OK(renkei_export_memory(store, spec, N, NULL, &whole, &whole_len, NULL, &error));
    OK(renkei_export_stream_open(store, spec, N, &stream, &error));
    CODE(RENKEI_USAGE, "argument", renkei_export_stream_exported(stream, &exported, &error));
    do {
        OK(renkei_export_stream_read(stream, piece, sizeof piece, &len, &error));
        EXPECT(total + len <= whole_len && memcmp(whole + total, piece, len) == 0);
        total += len;
    } while (len > 0);
    EXPECT(total == whole_len);
    OK(renkei_export_stream_exported(stream, &exported, &error));
    EXPECT(exported.records == 1500 && exported.lines == 1500 && exported.bytes == total);
    OK(renkei_export_stream_read(stream, piece, sizeof piece, &len, &error));
    EXPECT(len == 0);
    OK(renkei_export_stream_close(stream));
    EXPECT(renkei_export_stream_close(stream) == RENKEI_BAD_HANDLE);
    STATUS(RENKEI_BAD_HANDLE, renkei_export_stream_read(stream, piece, sizeof piece, &len, &error));
    OK(renkei_free(whole));
    /* One that is not read to its end. */
    OK(renkei_export_stream_open(store, spec, N, &stream, &error));
    OK(renkei_export_stream_read(stream, piece, 1, &len, &error));
    EXPECT(len == 1);
    CODE(RENKEI_BAD_LENGTH, "c.length", renkei_export_stream_read(stream, piece, SIZE_MAX, &len, &error));
    OK(renkei_export_stream_close(stream));
    STATUS(RENKEI_NOT_FOUND, renkei_export_stream_open(store, "{\"database\": \"nothing\"}", N, &stream, &error));
    EXPECT(stream == NULL);
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    renkei_store_options options = renkei_store_options_init();
    renkei_store *store = NULL;
    renkei_transaction *transaction = NULL;
    char record[64];
    char *json;
    size_t len;
    int at;
    options.create = 1;
    OK(renkei_store_open(in_folder(folder, "upkeep.db"), N, &options, &store, &error));
    OK(renkei_blueprint_apply(store, BLUEPRINT, N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_transaction_begin(store, &transaction, &error));
    for (at = 0; at < 2000; at++) {
        snprintf(record, sizeof record, "{\"code\": \"%04d\", \"name\": \"品\"}", at);
        OK(renkei_transaction_register_json(transaction, "items", N, record, N, NULL, NULL, &error));
    }
    OK(renkei_transaction_commit(transaction, &error));
    backups(store, folder);
    checks(store);
    streams(store);
    OK(renkei_store_close(store));
    return ended("upkeep");
}

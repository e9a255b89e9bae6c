/* One measurement of benches/capi.rs through C: prints the seconds that the work took, without opening and closing.
 *
 *     bench WORK STORE CSV FIRST COUNT
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "renkei.h"

#define N RENKEI_NTS
#define FIELDS 13

static const char *CODES[FIELDS] = {"number", "name",   "kana",    "mail",     "phone",   "postal", "rank",
                                    "address", "points", "balance", "birthday", "updated", "note"};
static const char *COLUMNS = "[\"number\", \"name\", \"kana\", \"mail\", \"phone\", \"postal\", \"rank\", \"address\", \"points\","
                             "\"balance\", \"birthday\", \"updated\", \"note\"]";

static void check(renkei_status status, renkei_error **error)
{
    if (status != RENKEI_OK) {
        fprintf(stderr, "%s: %s\n", renkei_status_name(status), renkei_error_message(*error, RENKEI_ENGLISH, NULL));
        exit(1);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The lines of the file, cut at commas: the generator makes no other ones for this. */
struct lines {
    size_t count;
    const char *(*cells)[FIELDS];
};

static struct lines read_lines(const char *path)
{
    struct lines lines = {0, NULL};
    FILE *file = fopen(path, "rb");
    char *text;
    size_t size, room = 0;
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    size = (size_t)ftell(file);
    rewind(file);
    text = malloc(size + 1);
    text[fread(text, 1, size, file)] = '\0';
    fclose(file);
    while (*text != '\0') {
        size_t at;
        if (lines.count == room) {
            room = room * 2 + 1024;
            lines.cells = realloc(lines.cells, room * sizeof *lines.cells);
        }
        for (at = 0; at < FIELDS; at++) {
            char *end = text + strcspn(text, ",\n");
            lines.cells[lines.count][at] = text;
            text = end + (*end != '\0');
            *end = '\0';
        }
        lines.count++;
    }
    return lines;
}

/* The keys of the records that are viewed. */
#define KEY 10

struct keys {
    size_t count;
    char (*texts)[KEY + 1];
};

static struct keys make_keys(uint64_t first, uint64_t count)
{
    struct keys keys;
    size_t at;
    keys.count = (size_t)count;
    keys.texts = malloc(keys.count * sizeof *keys.texts);
    for (at = 0; at < keys.count; at++) {
        uint64_t number = first + at;
        size_t digit;
        for (digit = KEY; digit > 0; digit--) {
            keys.texts[at][digit - 1] = (char)('0' + number % 10);
            number /= 10;
        }
        keys.texts[at][KEY] = '\0';
    }
    return keys;
}

static size_t seen = 0;

static void register_typed(renkei_store *store, const struct lines *lines)
{
    renkei_values *values;
    renkei_error *error = NULL;
    size_t line, at;
    check(renkei_values_new(&values, &error), &error);
    for (line = 0; line < lines->count; line++) {
        renkei_saved saved = renkei_saved_init();
        check(renkei_values_clear(values, &error), &error);
        for (at = 0; at < FIELDS; at++) {
            const char *cell = lines->cells[line][at];
            check(renkei_values_set_text(values, CODES[at], N, cell, N, &error), &error);
        }
        check(renkei_record_register(store, "customers", N, values, NULL, &saved, &error), &error);
        seen += (size_t)saved.revision;
    }
    renkei_values_free(values);
}

/* The cells have no characters that JSON would escape. */
static void register_json(renkei_store *store, const struct lines *lines)
{
    renkei_error *error = NULL;
    char json[4096];
    size_t line, at;
    for (line = 0; line < lines->count; line++) {
        renkei_saved saved = renkei_saved_init();
        char *end = json;
        for (at = 0; at < FIELDS; at++) {
            *end++ = at == 0 ? '{' : ',';
            *end++ = '"';
            end = stpcpy(end, CODES[at]);
            end = stpcpy(end, "\":\"");
            end = stpcpy(end, lines->cells[line][at]);
            *end++ = '"';
        }
        *end++ = '}';
        check(renkei_record_register_json(store, "customers", N, json, (size_t)(end - json), NULL, &saved, &error), &error);
        seen += (size_t)saved.revision;
    }
}

static void view_cells(renkei_store *store, const struct keys *keys)
{
    renkei_error *error = NULL;
    size_t number;
    for (number = 0; number < keys->count; number++) {
        renkei_record *record;
        const renkei_cell *cells;
        size_t cell_count, at;
        const char *key = keys->texts[number];
        check(renkei_record_view(store, "customers", N, key, KEY, 0, &record, &error), &error);
        check(renkei_record_cells(record, 0, &cells, &cell_count, &error), &error);
        for (at = 0; at < cell_count; at++) {
            seen += cells[at].text_len + (size_t)cells[at].integer;
        }
        renkei_record_free(record);
    }
}

static void view_typed(renkei_store *store, const struct keys *keys)
{
    renkei_error *error = NULL;
    size_t number, at, len;
    for (number = 0; number < keys->count; number++) {
        renkei_record *record;
        const char *text;
        const char *key = keys->texts[number];
        check(renkei_record_view(store, "customers", N, key, KEY, 0, &record, &error), &error);
        for (at = 0; at < FIELDS; at++) {
            check(renkei_record_text(record, 0, CODES[at], N, RENKEI_FORMAT_RAW, &text, &len, &error), &error);
            seen += len;
        }
        renkei_record_free(record);
    }
}

static void view_json(renkei_store *store, const struct keys *keys)
{
    renkei_error *error = NULL;
    size_t number;
    for (number = 0; number < keys->count; number++) {
        const char *key = keys->texts[number];
        char *json;
        size_t len;
        check(renkei_record_view_json(store, "customers", N, key, KEY, 0, &json, &len, &error), &error);
        seen += len;
        renkei_free(json);
    }
}

static void rows_cells(renkei_store *store)
{
    renkei_rows *rows;
    renkei_error *error = NULL;
    int32_t has_row = 1;
    check(renkei_rows_open(store, "customers", N, COLUMNS, N, NULL, 0, &rows, &error), &error);
    for (;;) {
        const renkei_cell *cells;
        size_t count, at;
        check(renkei_rows_next(rows, &has_row, &error), &error);
        if (!has_row) {
            break;
        }
        check(renkei_rows_cells(rows, &cells, &count, &error), &error);
        for (at = 0; at < count; at++) {
            seen += cells[at].text_len + (size_t)cells[at].integer;
        }
    }
    renkei_rows_close(rows);
}

static void rows_text(renkei_store *store)
{
    renkei_rows *rows;
    renkei_error *error = NULL;
    int32_t has_row = 1;
    check(renkei_rows_open(store, "customers", N, COLUMNS, N, NULL, 0, &rows, &error), &error);
    for (;;) {
        size_t at, len;
        const char *text;
        check(renkei_rows_next(rows, &has_row, &error), &error);
        if (!has_row) {
            break;
        }
        for (at = 0; at < FIELDS; at++) {
            check(renkei_rows_text(rows, at, RENKEI_FORMAT_RAW, &text, &len, &error), &error);
            seen += len;
        }
    }
    renkei_rows_close(rows);
}

static int32_t discard(void *data, const void *bytes, size_t len)
{
    (void)bytes;
    *(size_t *)data += len;
    return 0;
}

int main(int count, char **arguments)
{
    renkei_store *store;
    renkei_error *error = NULL;
    struct lines lines = {0, NULL};
    struct keys keys = {0, NULL};
    const char *work;
    uint64_t first, number;
    double began, took;
    if (count != 6) {
        fprintf(stderr, "usage: bench WORK STORE CSV FIRST COUNT\n");
        return 2;
    }
    work = arguments[1];
    first = strtoull(arguments[4], NULL, 10);
    number = strtoull(arguments[5], NULL, 10);
    check(renkei_store_open(arguments[2], N, NULL, &store, &error), &error);
    if (strncmp(work, "register", 8) == 0) {
        lines = read_lines(arguments[3]);
    }
    keys = make_keys(first, number);
    began = now();
    if (strcmp(work, "register typed") == 0) {
        register_typed(store, &lines);
    } else if (strcmp(work, "register JSON") == 0) {
        register_json(store, &lines);
    } else if (strcmp(work, "view, all cells") == 0) {
        view_cells(store, &keys);
    } else if (strcmp(work, "view, cell by cell") == 0) {
        view_typed(store, &keys);
    } else if (strcmp(work, "view JSON") == 0) {
        view_json(store, &keys);
    } else if (strcmp(work, "rows, all cells") == 0) {
        rows_cells(store);
    } else if (strcmp(work, "rows, cell by cell") == 0) {
        rows_text(store);
    } else if (strcmp(work, "export") == 0) {
        check(renkei_export_to(store, "{\"database\": \"customers\"}", N, discard, &seen, NULL, NULL, &error), &error);
    } else if (strcmp(work, "import") == 0) {
        renkei_import_request request = renkei_import_request_init();
        renkei_worker *worker;
        int64_t process;
        int32_t existed;
        uint64_t ran;
        request.path = arguments[3];
        request.path_len = N;
        check(renkei_import_reserve(store, "customers", N, "all", N, &request, &process, &existed, &error), &error);
        check(renkei_worker_new(store, NULL, &worker, &error), &error);
        check(renkei_worker_run_until_idle(worker, &ran, &error), &error);
        renkei_worker_free(worker);
        seen += ran;
    } else {
        fprintf(stderr, "there is no work \"%s\"\n", work);
        return 2;
    }
    took = now() - began;
    renkei_store_close(store);
    printf("%.9f %zu\n", took, seen);
    return 0;
}

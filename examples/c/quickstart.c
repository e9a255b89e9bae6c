/*
 * The main job, end to end, on real data, in C: 22,200 offices of Japan Post in Shift_JIS are imported into a store, looked
 * at, changed, searched and exported. The same story as examples/quickstart.rs.
 *
 *     examples/run.sh c
 *
 * or by hand, from the folder of the project:
 *
 *     include/install.sh --prefix "$PWD/target/c"
 *     cc -std=c99 examples/c/quickstart.c -Itarget/c/include -Ltarget/c/lib -lrenkei -Wl,-rpath,"$PWD/target/c/lib" -o target/c/quickstart
 *     target/c/quickstart
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renkei.h"

#define N RENKEI_NTS

/* Ends the program when a call has failed, with the message of the library. (The error comes by its place: C does not say that
 * the call, which is an argument too, is made before another argument is read.) */
static void check(renkei_status status, renkei_error **error)
{
    if (status == RENKEI_OK) {
        return;
    }
    fprintf(stderr, "error (%s): %s\n", renkei_status_name(status), renkei_error_message(*error, RENKEI_ENGLISH, NULL));
    renkei_error_free(*error);
    exit(1);
}

/* A whole file, ended by a NUL. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        text = malloc((size_t)size + 1);
        if (text != NULL) {
            text[fread(text, 1, (size_t)size, file)] = '\0';
        }
    }
    if (text == NULL) {
        fprintf(stderr, "error: %s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    return text;
}

static void show_progress(void *user_data, const renkei_import_progress *progress)
{
    int *told = user_data;
    *told += 1;
    if (progress->bytes_total > 0) {
        printf("\r   %3" PRIu64 " %%, %" PRIu64 " lines", progress->bytes_done * 100 / progress->bytes_total, progress->rows);
        fflush(stdout);
    }
}

/* Several records, read without JSON. */
static void show_rows(renkei_store *store, const char *columns, const char *query)
{
    renkei_rows *rows = NULL;
    renkei_error *error = NULL;
    int32_t has_row;
    check(renkei_rows_open(store, "offices", N, columns, N, query, N, &rows, &error), &error);
    for (;;) {
        const renkei_cell *cells;
        size_t count, at;
        check(renkei_rows_next(rows, &has_row, &error), &error);
        if (!has_row) {
            break;
        }
        check(renkei_rows_cells(rows, &cells, &count, &error), &error);
        printf("  ");
        for (at = 0; at < count; at++) {
            printf(" %.*s", (int)cells[at].text_len, cells[at].text != NULL ? cells[at].text : "");
        }
        printf("\n");
    }
    renkei_rows_close(rows);
}

/* A record with a detail row, put together field by field. */
static renkei_saved register_office(renkei_store *store)
{
    renkei_values *values = NULL;
    renkei_error *error = NULL;
    renkei_saved saved = renkei_saved_init();
    check(renkei_values_new(&values, &error), &error);
    check(renkei_values_set_text(values, "number", N, "9999999", N, &error), &error);
    check(renkei_values_set_text(values, "name", N, "連携商事　東京本社", N, &error), &error);
    check(renkei_values_set_text(values, "prefecture", N, "東京都", N, &error), &error);
    check(renkei_values_set_text(values, "kind", N, "office", N, &error), &error);
    check(renkei_values_row(values, 0, &error), &error);
    check(renkei_values_set_text(values, "visited", N, "2026/01/15", N, &error), &error);
    check(renkei_values_set_text(values, "report", N, "初回訪問", N, &error), &error);
    check(renkei_values_set_int64(values, "cost", N, 1200, &error), &error);
    check(renkei_record_register(store, "offices", N, values, NULL, &saved, &error), &error);
    renkei_values_free(values);
    return saved;
}

static void print_text(const renkei_record *record, const char *field)
{
    const char *text;
    size_t len;
    renkei_error *error = NULL;
    check(renkei_record_text(record, 0, field, N, RENKEI_FORMAT_DISPLAY, &text, &len, &error), &error);
    printf("%.*s", (int)len, text);
}

int main(int count, char **arguments)
{
    const char *examples = count > 1 ? arguments[1] : "examples";
    const char *output = count > 2 ? arguments[2] : "examples/output";
    char path[1024], csv[1024], definitions[1024], exported_path[1024];
    const char *suffixes[] = {"", "-wal", "-shm", "-turn"};
    renkei_store_options options = renkei_store_options_init();
    renkei_store *host = NULL, *store = NULL;
    renkei_error *error = NULL;
    char *blueprint, *json;
    size_t len, at;
    int64_t process_id;
    int32_t existed;
    uint64_t ran, found;
    int told = 0;

    if (renkei_abi_version() != RENKEI_ABI_VERSION) {
        fprintf(stderr, "error: this program was made for ABI %d, the library has %u\n", RENKEI_ABI_VERSION,
                renkei_abi_version());
        return 1;
    }
    snprintf(csv, sizeof csv, "%s/data/offices_cp932.csv", examples);
    snprintf(definitions, sizeof definitions, "%s/data/offices.json", examples);
    snprintf(exported_path, sizeof exported_path, "%s/addresses-c.csv", output);
    for (at = 0; at < sizeof suffixes / sizeof *suffixes; at++) {
        snprintf(path, sizeof path, "%s/quickstart-c.db%s", output, suffixes[at]);
        remove(path);
    }
    snprintf(path, sizeof path, "%s/quickstart-c.db", output);

    printf("1. A store, and what it is to hold\n");
    options.create = 1;
    check(renkei_store_open(path, N, &options, &host, &error), &error);
    blueprint = read_file(definitions);
    check(renkei_blueprint_apply(host, blueprint, N, &json, &len, &error), &error);
    printf("   %s\n", json);
    renkei_free(json);
    free(blueprint);

    printf("2. The import of %s is reserved, and run\n", csv);
    check(renkei_store_as_user(host, "clerk", N, &store, &error), &error);
    {
        renkei_import_request request = renkei_import_request_init();
        renkei_worker_options watched = renkei_worker_options_init();
        renkei_import_info info = renkei_import_info_init();
        renkei_worker *worker = NULL;
        request.path = csv;
        request.path_len = N;
        check(renkei_import_reserve(store, "offices", N, "monthly", N, &request, &process_id, &existed, &error), &error);
        watched.progress = show_progress;
        watched.progress_user_data = &told;
        check(renkei_worker_new(store, &watched, &worker, &error), &error);
        check(renkei_worker_run_until_idle(worker, &ran, &error), &error);
        renkei_worker_free(worker);
        check(renkei_import_status(store, process_id, &info, &error), &error);
        printf("\r   %s: %" PRIu64 " lines, %" PRIu64 " new, %" PRIu64 " refused\n",
               info.state == RENKEI_IMPORT_COMPLETED ? "completed" : "not completed", info.total, info.inserted,
               info.rejected);
    }

    printf("3. A record is registered, updated with detail rows, viewed and deleted\n");
    {
        renkei_saved saved = register_office(store);
        renkei_write_options expected = renkei_write_options_init();
        renkei_record *record = NULL;
        renkei_error *other = NULL;
        renkei_status refused;
        size_t rows, violations;
        int64_t id;
        printf("   registered: key %s, record id %" PRId64 ", revision %" PRId64 "\n", saved.key, saved.id, saved.revision);
        expected.expected_revision = saved.revision;
        check(renkei_record_update_json(store, "offices", N, "9999999", N, 0,
                                        "{\"city\": \"千代田区\", \"details\": [{\"visited\": \"2026/02/20\", "
                                        "\"report\": \"見積提出\\n来月再訪\", \"cost\": \"3400\"}]}",
                                        N, &expected, &saved, &error),
              &error);
        check(renkei_record_view(store, "offices", N, "9999999", N, 0, &record, &error), &error);
        check(renkei_record_row_count(record, &rows, &error), &error);
        printf("   viewed at revision %" PRId64 ": ", saved.revision);
        print_text(record, "name");
        printf(" (");
        print_text(record, "city");
        printf("), %u visits, ", (unsigned)rows);
        print_text(record, "spent");
        printf(" spent\n");
        renkei_record_free(record);

        refused = renkei_record_update_json(store, "offices", N, "9999999", N, 0,
                                            "{\"kind\": \"warehouse\", \"jis\": \"十三\"}", N, NULL, NULL, &error);
        if (refused == RENKEI_VALIDATION) {
            printf("   refused, with every reason at once:\n");
            violations = renkei_error_violation_count(error);
            for (at = 0; at < violations; at++) {
                renkei_violation violation = renkei_violation_init();
                check(renkei_error_violation(error, at, &violation, &other), &other);
                printf("     [%s] %s\n", violation.code, violation.message_ja);
            }
        }
        renkei_error_free(error);
        check(renkei_record_delete(store, "offices", N, "9999999", N, 0, 0, &id, &error), &error);
        printf("   deleted\n");
    }

    printf("4. Searches\n");
    show_rows(store, "[\"number\", \"name\"]",
              "{\"condition\": {\"field\": \"name\", \"op\": \"contains\", \"value\": \"新聞\"}, \"limit\": 3}");
    check(renkei_query_count(store, "offices", N, "{\"field\": \"name\", \"op\": \"contains\", \"value\": \"新聞\"}", N, &found,
                             &error),
          &error);
    printf("   %" PRIu64 " offices have 新聞 in their name\n", found);
    check(renkei_query_count(store, "offices", N, "{\"field\": \"prefecture\", \"op\": \"equals\", \"value\": \"北海道\"}", N,
                             &found, &error),
          &error);
    printf("   %" PRIu64 " are in 北海道\n", found);

    printf("5. The list \"addresses\" is exported, for people to open in a spreadsheet\n");
    {
        renkei_exported exported = renkei_exported_init();
        check(renkei_export_path(store,
                                 "{\"database\": \"offices\", \"list\": \"addresses\", \"search\": \"hokkaido\", "
                                 "\"values\": \"csv\", \"format\": {\"encoding\": \"utf-8-bom\", \"formula_guard\": true}}",
                                 N, exported_path, N, NULL, &exported, &error),
              &error);
        printf("   %" PRIu64 " records, %" PRIu64 " bytes\n", exported.records, exported.bytes);
    }
    renkei_store_close(store);
    renkei_store_close(host);
    printf("The store is %s: open it with any SQLite tool, and look at the view offices__view.\n", path);
    printf("The exported list is %s.\n", exported_path);
    return 0;
}

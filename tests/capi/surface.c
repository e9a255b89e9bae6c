/* Every function of the C ABI, used as it is meant to be used. */

#include "test.h"

static const char *BLUEPRINT =
    "{\"users\": [{\"code\": \"hanako\", \"name\": \"山田花子\", \"administrator\": true}],"
    " \"databases\": ["
    "  {\"code\": \"branches\", \"name\": \"支店\", \"fields\": ["
    "    {\"code\": \"code\", \"name\": \"支店コード\", \"type\": \"key\"},"
    "    {\"code\": \"name\", \"name\": \"支店名\", \"type\": \"text\"}]},"
    "  {\"code\": \"items\", \"name\": \"商品\", \"approval\": true, \"fields\": ["
    "    {\"code\": \"number\", \"name\": \"番号\", \"type\": \"key\","
    "     \"parts\": [{\"kind\": \"automatic\", \"format\": {\"prefix\": \"I\", \"digits\": 4}}]},"
    "    {\"code\": \"name\", \"name\": \"品名\", \"type\": \"text\", \"required\": true, \"full_text\": true},"
    "    {\"code\": \"price\", \"name\": \"単価\", \"type\": \"number\", \"scale\": 2, \"display\": {\"grouping\": true, \"suffix\": \"円\"}},"
    "    {\"code\": \"stock\", \"name\": \"在庫\", \"type\": \"number\"},"
    "    {\"code\": \"arrived\", \"name\": \"入荷日\", \"type\": \"date\"},"
    "    {\"code\": \"seen\", \"name\": \"確認\", \"type\": \"datetime\"},"
    "    {\"code\": \"opens\", \"name\": \"開始\", \"type\": \"time\"},"
    "    {\"code\": \"kind\", \"name\": \"種別\", \"type\": \"choice\", \"choices\": [\"食品\", \"文具\"]},"
    "    {\"code\": \"tags\", \"name\": \"札\", \"type\": \"choices\", \"choices\": [\"新\", \"特\", \"旧\"]},"
    "    {\"code\": \"branch\", \"name\": \"支店\", \"type\": \"link\", \"database\": \"branches\"},"
    "    {\"code\": \"person\", \"name\": \"担当\", \"type\": \"user\"},"
    "    {\"code\": \"photo\", \"name\": \"写真\", \"type\": \"file\"}],"
    "   \"details\": ["
    "    {\"code\": \"day\", \"name\": \"日\", \"type\": \"date\"},"
    "    {\"code\": \"count\", \"name\": \"数\", \"type\": \"number\"}]}],"
    " \"lists\": [{\"database\": \"items\", \"code\": \"short\", \"name\": \"短い一覧\", \"columns\": [\"number\", \"name\"]}],"
    " \"searches\": [{\"database\": \"items\", \"code\": \"food\", \"name\": \"食品\","
    "   \"condition\": {\"field\": \"kind\", \"op\": \"equals\", \"value\": \"食品\"}}],"
    " \"imports\": [{\"database\": \"items\", \"code\": \"daily\", \"name\": \"日次\", \"mode\": \"insert\","
    "   \"columns\": [{\"field\": \"name\"}, {\"field\": \"price\"}]}]}";

static void versions(void)
{
    char built[64];
    EXPECT(strcmp(renkei_version(), RENKEI_VERSION) == 0);
    EXPECT(renkei_version_number() == RENKEI_VERSION_NUMBER);
    EXPECT(renkei_abi_version() == RENKEI_ABI_VERSION);
    snprintf(built, sizeof built, "%d.%d.%d", RENKEI_VERSION_MAJOR, RENKEI_VERSION_MINOR, RENKEI_VERSION_PATCH);
    EXPECT(strcmp(built, RENKEI_VERSION) == 0);
    EXPECT(renkei_sqlite_version()[0] == '3');
    EXPECT(strcmp(renkei_status_name(RENKEI_NOT_FOUND), "not found") == 0);
    EXPECT(strcmp(renkei_status_name(12345), "unknown") == 0);
}

/* Numbers that are the same every time. */
static void count_up(void *user_data, void *buffer, size_t len)
{
    unsigned char *next = user_data;
    size_t at;
    for (at = 0; at < len; at++) {
        ((unsigned char *)buffer)[at] = (*next)++;
    }
}

static renkei_store *open_store(const char *path, renkei_clock *clock, unsigned char *random)
{
    renkei_store_options options = renkei_store_options_init();
    renkei_store_options limits = renkei_store_options_init();
    renkei_store *store = NULL;
    STATUS(RENKEI_NOT_FOUND, renkei_store_open(path, N, NULL, &store, &error));
    EXPECT(store == NULL);
    options.create = 1;
    options.synchronous = RENKEI_SYNCHRONOUS_FULL;
    options.page_bytes = 4096;
    options.cache_bytes = 1 << 20;
    options.reader_cache_bytes = 1 << 20;
    options.checkpoint_bytes = 4 << 20;
    options.busy_timeout_ms = 5000;
    options.time_zone = "Asia/Tokyo, and more behind";
    options.time_zone_len = 10;
    options.limit_page_records = 50;
    options.limit_detail_rows = 20;
    options.clock = clock;
    options.random = count_up;
    options.random_user_data = random;
    OK(renkei_store_open(path, strlen(path), &options, &store, &error));
    OK(renkei_store_limits(store, &limits, &error));
    EXPECT(limits.limit_page_records == 50 && limits.limit_detail_rows == 20 && limits.limit_cell_bytes == 1 << 20);
    EXPECT(limits.size == sizeof limits && limits.create == 0 && limits.clock == NULL);
    return store;
}

static void time_and_place(renkei_store *store, renkei_clock *clock, const char *path)
{
    renkei_datetime local = renkei_datetime_init();
    int64_t now, offset;
    char *text;
    size_t len;
    OK(renkei_store_now(store, &now, &error));
    EXPECT(now == 1769819400000);
    OK(renkei_clock_advance(clock, 1500, &error));
    OK(renkei_store_now(store, &now, &error));
    EXPECT(now == 1769819401500);
    OK(renkei_clock_set(clock, 1769819400000, &error));
    OK(renkei_clock_now(clock, &now, &error));
    EXPECT(now == 1769819400000);
    OK(renkei_store_local(store, now, &local, &error));
    EXPECT(local.year == 2026 && local.month == 1 && local.day == 31 && local.hour == 9 && local.minute == 30);
    OK(renkei_store_utc_offset(store, now, &offset, &error));
    EXPECT(offset == 9 * 3600);
    OK(renkei_store_path(store, &text, &len, &error));
    EXPECT(is_text(text, len, path) && text[len] == '\0');
    OK(renkei_free(text));
}

static void definitions(renkei_store *store)
{
    char *json;
    size_t len;
    OK(renkei_blueprint_plan(store, BLUEPRINT, N, &json, &len, &error));
    EXPECT(strstr(json, "\"branches\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_blueprint_apply(store, BLUEPRINT, N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_blueprint_apply(store, BLUEPRINT, N, &json, &len, &error));
    EXPECT(is_text(json, len, "[]"));
    OK(renkei_free(json));
    CODE(RENKEI_DEFINITION, "definition.json", renkei_blueprint_apply(store, "{\"databeses\": []}", N, &json, &len, &error));
    EXPECT(json == NULL && len == 0);
    OK(renkei_blueprint_dump(store, &json, &len, &error));
    EXPECT(strstr(json, "100003") != NULL);
    OK(renkei_free(json));
    OK(renkei_database_get(store, "items", N, &json, &len, &error));
    EXPECT(strstr(json, "\"code\":\"price\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_user_all(store, &json, &len, &error));
    EXPECT(strstr(json, "山田花子") != NULL);
    OK(renkei_free(json));
    OK(renkei_list_all(store, "items", N, &json, &len, &error));
    EXPECT(json[0] == '[');
    OK(renkei_free(json));
    OK(renkei_list_get(store, "items", N, "short", N, &json, &len, &error));
    EXPECT(strstr(json, "短い一覧") != NULL);
    OK(renkei_free(json));
    OK(renkei_search_all(store, "items", N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_search_get(store, "items", N, "food", N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_import_setting_all(store, "items", N, &json, &len, &error));
    EXPECT(strstr(json, "daily") != NULL);
    OK(renkei_free(json));
    OK(renkei_definition_remove(store, "list", N, "items", N, "short", N, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_list_get(store, "items", N, "short", N, &json, &len, &error));
}

static void typed_values(renkei_store *store, int64_t photo)
{
    renkei_values *values = NULL;
    renkei_record *record = NULL;
    renkei_saved saved = renkei_saved_init();
    renkei_write_options options = renkei_write_options_init();
    renkei_datetime given = renkei_datetime_init(), found = renkei_datetime_init();
    const char *text, *again;
    const renkei_cell *cells;
    char *json;
    size_t len, count;
    int64_t id, number, when;
    uint32_t scale, approval;
    int32_t is_null;

    OK(renkei_record_register_json(store, "branches", N, "{\"code\": \"T1\", \"name\": \"東京\"}", N, NULL, NULL, &error));
    OK(renkei_values_new(&values, &error));
    OK(renkei_values_set_text(values, "name", N, "りんご ジュース", strlen("りんご"), &error));
    OK(renkei_values_set_decimal(values, "price", N, 123450, 2, &error));
    OK(renkei_values_set_int64(values, "stock", N, -7, &error));
    given.year = 2026, given.month = 2, given.day = 28, given.hour = 23, given.minute = 59, given.second = 58;
    OK(renkei_values_set_date(values, "arrived", N, &given, &error));
    OK(renkei_values_set_datetime(values, "seen", N, &given, &error));
    OK(renkei_values_set_time(values, "opens", N, &given, &error));
    OK(renkei_values_set_text(values, "kind", N, "食品", N, &error));
    OK(renkei_values_add_label(values, "tags", N, "特", N, &error));
    OK(renkei_values_add_label(values, "tags", N, "新", N, &error));
    OK(renkei_values_set_text(values, "branch", N, "T1", N, &error));
    OK(renkei_values_set_text(values, "person", N, "hanako", N, &error));
    OK(renkei_values_set_file(values, "photo", N, photo, &error));
    OK(renkei_values_row(values, 0, &error));
    OK(renkei_values_set_text(values, "day", N, "2026-03-01", N, &error));
    OK(renkei_values_set_int64(values, "count", N, 3, &error));
    OK(renkei_values_row(values, 0, &error));
    OK(renkei_values_set_null(values, "day", N, &error));
    OK(renkei_values_set_int64(values, "count", N, 4, &error));
    OK(renkei_values_count(values, &count, &error));
    EXPECT(count == 1);
    options.approve = 1;
    OK(renkei_record_register(store, "items", N, values, &options, &saved, &error));
    EXPECT(saved.written == RENKEI_INSERTED && saved.revision == 1 && saved.id == 1);
    EXPECT(strcmp(saved.key, "I0001") == 0 && saved.key_len == 5);
    saved.id = 0;
    OK(renkei_values_saved(values, 0, &saved, &error));
    EXPECT(saved.id == 1);
    STATUS(RENKEI_USAGE, renkei_values_saved(values, 1, &saved, &error));
    STATUS(RENKEI_USAGE, renkei_values_set_decimal(values, "price", N, 1, 19, &error));
    given.month = 13;
    STATUS(RENKEI_USAGE, renkei_values_set_date(values, "arrived", N, &given, &error));

    OK(renkei_record_view(store, "items", N, "I0001", N, 0, &record, &error));
    OK(renkei_record_id(record, &id, &error));
    EXPECT(id == 1);
    OK(renkei_record_key(record, &text, &len, &error));
    EXPECT(is_text(text, len, "I0001"));
    OK(renkei_record_revision(record, &number, &error));
    EXPECT(number == 1);
    OK(renkei_record_created(record, &when, &text, &len, &error));
    EXPECT(when == 1769819400000 && is_text(text, len, "hanako"));
    OK(renkei_record_updated(record, &when, &text, &len, &error));
    EXPECT(when == 1769819400000 && is_text(text, len, "hanako"));
    OK(renkei_record_approval(record, &approval, &error));
    EXPECT(approval == RENKEI_APPROVAL_APPROVED);
    OK(renkei_record_text(record, 0, "name", N, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(is_text(text, len, "りんご"));
    OK(renkei_record_text(record, 0, "price", N, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(is_text(text, len, "1234.50"));
    OK(renkei_record_text(record, 0, "price", N, RENKEI_FORMAT_DISPLAY, &again, &count, &error));
    EXPECT(is_text(again, count, "1,234.50円"));
    EXPECT(is_text(text, len, "1234.50"));
    OK(renkei_record_text(record, 0, "tags", N, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(is_text(text, len, "新,特"));
    OK(renkei_record_text(record, 0, "種別", N, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(is_text(text, len, "食品"));
    OK(renkei_record_decimal(record, 0, "price", N, &number, &scale, &error));
    EXPECT(number == 123450 && scale == 2);
    OK(renkei_record_int64(record, 0, "stock", N, &number, &error));
    EXPECT(number == -7);
    OK(renkei_record_int64(record, 0, "photo", N, &number, &error));
    EXPECT(number == photo);
    STATUS(RENKEI_VALIDATION, renkei_record_int64(record, 0, "price", N, &number, &error));
    EXPECT(number == 0);
    CODE(RENKEI_VALIDATION, "value.type", renkei_record_int64(record, 0, "name", N, &number, &error));
    CODE(RENKEI_VALIDATION, "value.type", renkei_record_datetime(record, 0, "name", N, &found, &error));
    STATUS(RENKEI_USAGE, renkei_record_int64(record, 0, "no such field", N, &number, &error));
    STATUS(RENKEI_USAGE, renkei_record_text(record, 0, "name", N, 9, &text, &len, &error));
    OK(renkei_record_datetime(record, 0, "seen", N, &found, &error));
    EXPECT(found.year == 2026 && found.day == 28 && found.hour == 23 && found.second == 58);
    OK(renkei_record_datetime(record, 0, "arrived", N, &found, &error));
    EXPECT(found.month == 2 && found.hour == 0);
    OK(renkei_record_datetime(record, 0, "opens", N, &found, &error));
    EXPECT(found.year == 0 && found.minute == 59);
    OK(renkei_record_row_count(record, &count, &error));
    EXPECT(count == 2);
    OK(renkei_record_row_id(record, 2, &id, &error));
    EXPECT(id > 0);
    STATUS(RENKEI_USAGE, renkei_record_row_id(record, 0, &number, &error));
    STATUS(RENKEI_USAGE, renkei_record_row_id(record, 3, &number, &error));
    OK(renkei_record_is_null(record, 2, "day", N, &is_null, &error));
    EXPECT(is_null == 1);
    OK(renkei_record_text(record, 2, "day", N, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(text != NULL && len == 0);
    OK(renkei_record_int64(record, 2, "count", N, &number, &error));
    EXPECT(number == 4);
    OK(renkei_record_text(record, 1, "day", N, RENKEI_FORMAT_DISPLAY, &text, &len, &error));
    EXPECT(is_text(text, len, "2026/03/01"));
    OK(renkei_record_cells(record, 0, &cells, &count, &error));
    EXPECT(count == 12 && is_text(cells[0].text, cells[0].text_len, "I0001") && cells[2].integer == 123450 && cells[2].scale == 2);
    EXPECT(cells[7].kind == RENKEI_CELL_TEXT && is_text(cells[7].text, cells[7].text_len, "食品"));
    EXPECT(cells[8].kind == RENKEI_CELL_LABELS && is_text(cells[8].text, cells[8].text_len, "新,特"));
    EXPECT(cells[11].kind == RENKEI_CELL_FILE && cells[11].integer == photo);
    OK(renkei_record_cells(record, 2, &cells, &count, &error));
    EXPECT(count == 2 && cells[0].kind == RENKEI_CELL_NULL && cells[1].kind == RENKEI_CELL_NUMBER && cells[1].integer == 4);
    STATUS(RENKEI_USAGE, renkei_record_cells(record, 3, &cells, &count, &error));
    OK(renkei_record_json(record, &json, &len, &error));
    EXPECT(strstr(json, "\"price\":\"1234.50\"") != NULL && strstr(json, "\"_approval\":\"approved\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_record_free(record));

    /* The detail row that is named is changed, and the revision is looked at. */
    OK(renkei_values_clear(values, &error));
    OK(renkei_values_row(values, id, &error));
    OK(renkei_values_set_int64(values, "count", N, 40, &error));
    options = renkei_write_options_init();
    options.expected_revision = 7;
    CODE(RENKEI_CONFLICT, "record.revision", renkei_record_update(store, "items", N, NULL, 0, 1, values, &options, &saved, &error));
    options.expected_revision = 1;
    OK(renkei_record_update(store, "items", N, NULL, 0, 1, values, &options, &saved, &error));
    EXPECT(saved.revision == 2 && saved.written == RENKEI_UPDATED);
    OK(renkei_record_find(store, "items", N, "I9999", N, 0, &record, &error));
    EXPECT(record == NULL);
    OK(renkei_record_find(store, "items", N, NULL, 0, 1, &record, &error));
    OK(renkei_record_int64(record, 2, "count", N, &number, &error));
    EXPECT(number == 40);
    OK(renkei_record_free(record));
    OK(renkei_record_withdraw_approval(store, "items", N, "I0001", N, 0, &saved, &error));
    OK(renkei_record_approve(store, "items", N, "I0001", N, 0, NULL, &error));
    OK(renkei_values_free(values));
}

static void refusals(renkei_store *store)
{
    renkei_error *error = NULL;
    renkei_violation violation = renkei_violation_init();
    char *json;
    size_t len;
    renkei_status status = renkei_record_register_json(
        store, "items", N, "{\"price\": \"1.234\", \"kind\": \"本\", \"details\": [{\"count\": \"x\"}]}", N, NULL, NULL, &error);
    EXPECT(status == RENKEI_VALIDATION && renkei_error_status(error) == RENKEI_VALIDATION);
    EXPECT(strcmp(renkei_error_code(error, NULL), "record.invalid") == 0);
    EXPECT(renkei_error_violation_count(error) == 4);
    EXPECT(renkei_error_violation(error, 3, &violation, NULL) == RENKEI_OK && violation.row == 1);
    EXPECT(renkei_error_free(error) == RENKEI_OK);
    error = NULL;
    status = renkei_record_register_json(store, "items", N, "{\"price\": \"1.234\", \"name\": \"x\", \"details\": [{\"count\": \"x\"}]}",
                                         N, NULL, NULL, &error);
    EXPECT(status == RENKEI_VALIDATION && renkei_error_violation_count(error) == 2);
    EXPECT(renkei_error_violation(error, 0, &violation, NULL) == RENKEI_OK);
    EXPECT(strcmp(violation.code, "value.number.scale") == 0 && strcmp(violation.field, "price") == 0 && violation.row == 0);
    EXPECT(strcmp(violation.name, "単価") == 0 && strcmp(violation.value, "1.234") == 0 && strcmp(violation.rule, "2") == 0);
    EXPECT(strstr(violation.message_ja, "単価") != NULL && strstr(violation.message_en, "decimal") != NULL);
    EXPECT(renkei_error_violation(error, 1, &violation, NULL) == RENKEI_OK && violation.row == 1);
    EXPECT(renkei_error_violation(error, 2, &violation, NULL) == RENKEI_USAGE && violation.code == NULL);
    EXPECT(strstr(renkei_error_json(error, NULL), "\"violations\"") != NULL);
    EXPECT(renkei_error_offset(error) == -1 && renkei_error_column(error) == 0 && renkei_error_sqlite_code(error) == 0);
    EXPECT(strcmp(renkei_error_field(error, NULL), "") == 0);
    EXPECT(renkei_error_free(error) == RENKEI_OK);

    error = NULL;
    status = renkei_record_register_json(store, "items", N, "{\"name\": \"x\",\n \"price\": true}", N, NULL, NULL, &error);
    EXPECT(status == RENKEI_USAGE && strcmp(renkei_error_code(error, NULL), "json") == 0);
    EXPECT(renkei_error_line(error) == 2 && renkei_error_column(error) > 0);
    EXPECT(renkei_error_free(error) == RENKEI_OK);
    error = NULL;
    status = renkei_record_view_json(store, "items", N, "I9999", N, 0, &json, &len, &error);
    EXPECT(status == RENKEI_NOT_FOUND && strcmp(renkei_error_value(error, NULL), "\"I9999\"") == 0);
    EXPECT(renkei_error_free(error) == RENKEI_OK);
}

static void bulk(renkei_store *store)
{
    renkei_values *values = NULL;
    renkei_error *failure = NULL;
    renkei_saved saved = renkei_saved_init();
    char *json;
    size_t len;
    int64_t id;
    uint64_t before, after;
    int at;
    OK(renkei_query_count(store, "items", N, NULL, 0, &before, &error));
    OK(renkei_values_new(&values, &error));
    for (at = 0; at < 3; at++) {
        if (at > 0) {
            OK(renkei_values_next(values, &error));
        }
        OK(renkei_values_set_text(values, "name", N, at == 1 ? "" : "まとめて", N, &error));
    }
    EXPECT(renkei_record_register_all(store, "items", N, values, NULL, &failure) == RENKEI_VALIDATION);
    EXPECT(renkei_error_line(failure) == 2);
    OK(renkei_error_free(failure));
    OK(renkei_values_clear(values, &error));
    for (at = 0; at < 3; at++) {
        if (at > 0) {
            OK(renkei_values_next(values, &error));
        }
        OK(renkei_values_set_text(values, "name", N, "まとめて", N, &error));
        OK(renkei_values_set_int64(values, "stock", N, at, &error));
    }
    OK(renkei_record_register_all(store, "items", N, values, NULL, &error));
    OK(renkei_values_saved(values, 2, &saved, &error));
    EXPECT(saved.written == RENKEI_INSERTED);
    OK(renkei_query_count(store, "items", N, NULL, 0, &after, &error));
    EXPECT(after == before + 3);
    OK(renkei_values_clear(values, &error));
    OK(renkei_values_target(values, saved.key, saved.key_len, 0, &error));
    OK(renkei_values_set_int64(values, "stock", N, 20, &error));
    OK(renkei_values_next(values, &error));
    STATUS(RENKEI_USAGE, renkei_record_update_all(store, "items", N, values, NULL, &error));
    OK(renkei_values_target(values, NULL, 0, saved.id - 1, &error));
    OK(renkei_values_set_int64(values, "stock", N, 10, &error));
    OK(renkei_record_update_all(store, "items", N, values, NULL, &error));
    OK(renkei_values_saved(values, 1, &saved, &error));
    EXPECT(saved.revision == 2 && saved.written == RENKEI_UPDATED);
    STATUS(RENKEI_USAGE, renkei_record_register(store, "items", N, values, NULL, NULL, &error));
    OK(renkei_values_free(values));

    OK(renkei_record_register_all_json(store, "items", N, "[{\"name\": \"甲\"}, {\"name\": \"乙\"}]", N, NULL, &json, &len, &error));
    EXPECT(strstr(json, "\"inserted\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_record_update_all_json(store, "items", N, "[{\"key\": \"I0001\", \"values\": {\"stock\": 1}}]", N, NULL, &json, &len, &error));
    OK(renkei_free(json));
    STATUS(RENKEI_USAGE, renkei_record_update_all_json(store, "items", N, "[{\"values\": {}}]", N, NULL, &json, &len, &error));
    OK(renkei_record_upsert_json(store, "branches", N, "{\"code\": \"O1\", \"name\": \"大阪\"}", N, NULL, &saved, &error));
    EXPECT(saved.written == RENKEI_INSERTED);
    OK(renkei_record_upsert_json(store, "branches", N, "{\"code\": \"O1\", \"name\": \"大阪\"}", N, NULL, &saved, &error));
    EXPECT(saved.written == RENKEI_UNCHANGED);
    OK(renkei_values_new(&values, &error));
    OK(renkei_values_set_text(values, "code", N, "O1", N, &error));
    OK(renkei_values_set_text(values, "name", N, "大阪北", N, &error));
    OK(renkei_record_upsert(store, "branches", N, values, NULL, &saved, &error));
    EXPECT(saved.written == RENKEI_UPDATED);
    OK(renkei_values_free(values));
    OK(renkei_record_update_json(store, "branches", N, "O1", N, 0, "{\"name\": \"大阪\"}", N, NULL, NULL, &error));
    CODE(RENKEI_CONFLICT, "record.linked", renkei_record_delete(store, "branches", N, "T1", N, 0, 0, &id, &error));
    OK(renkei_record_delete(store, "branches", N, "O1", N, 0, 3, &id, &error));
    EXPECT(id == 2);
    STATUS(RENKEI_NOT_FOUND, renkei_record_delete_all_json(store, "items", N, "[{\"key\": \"I0005\"}, {\"id\": 9999}]", N, &json, &len, &error));
    OK(renkei_record_delete_all_json(store, "items", N, "[{\"key\": \"I0005\"}, {\"key\": \"I0006\"}]", N, &json, &len, &error));
    EXPECT(json != NULL && json[0] == '[');
    OK(renkei_free(json));
}

static void transactions(renkei_store *store)
{
    renkei_transaction *transaction = NULL;
    renkei_values *values = NULL;
    renkei_saved saved = renkei_saved_init();
    uint64_t before, count;
    int64_t id;
    OK(renkei_query_count(store, "items", N, NULL, 0, &before, &error));
    OK(renkei_values_new(&values, &error));
    OK(renkei_values_set_text(values, "name", N, "取引", N, &error));
    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_register(transaction, "items", N, values, NULL, &saved, &error));
    OK(renkei_transaction_update(transaction, "items", N, NULL, 0, saved.id, values, NULL, &saved, &error));
    EXPECT(saved.written == RENKEI_UNCHANGED);
    STATUS(RENKEI_VALIDATION, renkei_transaction_register_json(transaction, "items", N, "{}", N, NULL, NULL, &error));
    CODE(RENKEI_USAGE, "store.reentered", renkei_record_register(store, "items", N, values, NULL, NULL, &error));
    OK(renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    EXPECT(count == before);
    OK(renkei_transaction_rollback(transaction));
    STATUS(RENKEI_BAD_HANDLE, renkei_transaction_commit(transaction, &error));
    OK(renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    EXPECT(count == before);

    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_register_json(transaction, "items", N, "{\"name\": \"一\"}", N, NULL, &saved, &error));
    OK(renkei_transaction_update_json(transaction, "items", N, saved.key, N, 0, "{\"name\": \"二\"}", N, NULL, NULL, &error));
    OK(renkei_transaction_upsert_json(transaction, "branches", N, "{\"code\": \"K1\"}", N, NULL, NULL, &error));
    OK(renkei_values_clear(values, &error));
    OK(renkei_values_set_text(values, "code", N, "K2", N, &error));
    OK(renkei_transaction_upsert(transaction, "branches", N, values, NULL, NULL, &error));
    OK(renkei_transaction_delete(transaction, "branches", N, "K1", N, 0, 0, &id, &error));
    OK(renkei_transaction_commit(transaction, &error));
    OK(renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    EXPECT(count == before + 1);
    OK(renkei_query_count(store, "branches", N, "{\"field\": \"code\", \"op\": \"starts_with\", \"value\": \"K\"}", N, &count, &error));
    EXPECT(count == 1);
    OK(renkei_values_free(values));
}

static void queries(renkei_store *store)
{
    char *json;
    size_t len;
    OK(renkei_query_page(store, "items", N, NULL, 0, &json, &len, &error));
    EXPECT(strstr(json, "\"next\":null") != NULL && strstr(json, "\"_id\":1") != NULL);
    OK(renkei_free(json));
    OK(renkei_query_page(store, "items", N, "{\"limit\": 1}", N, &json, &len, &error));
    EXPECT(strstr(json, "\"next\":\"") != NULL);
    OK(renkei_free(json));
    CODE(RENKEI_USAGE, "query.field",
         renkei_query_page(store, "items", N, "{\"sort\": [{\"field\": \"no\"}]}", N, &json, &len, &error));
    CODE(RENKEI_LIMIT, "limit", renkei_query_page(store, "items", N, "{\"limit\": 51}", N, &json, &len, &error));
    OK(renkei_query_aggregate(store, "items", N, "{\"measures\": [{\"function\": \"sum\", \"field\": \"price\"}]}", N, &json, &len,
                              &error));
    EXPECT(strstr(json, "1234.50") != NULL);
    OK(renkei_free(json));
    STATUS(RENKEI_NOT_FOUND, renkei_query_page(store, "nothing", N, NULL, 0, &json, &len, &error));
}

static void cursors(renkei_store *store)
{
    const char *columns = "[\"number\", \"name\", \"price\", \"arrived\", \"seen\", \"opens\", \"kind\", \"tags\", \"branch.name\","
                          "\"person\", \"photo\", \"_id\", \"_created_at\", \"_approval\"]";
    renkei_rows *rows = NULL;
    const renkei_cell *cells, *again;
    renkei_datetime found = renkei_datetime_init();
    const char *text;
    size_t len, count;
    int32_t has_row, is_null;
    int64_t number;
    uint32_t scale;
    int lines;
    OK(renkei_rows_open(store, "items", N, columns, N, "{\"sort\": [{\"field\": \"number\"}]}", N, &rows, &error));
    OK(renkei_rows_column_count(rows, &count, &error));
    EXPECT(count == 14);
    STATUS(RENKEI_USAGE, renkei_rows_id(rows, &number, &error));
    OK(renkei_rows_next(rows, &has_row, &error));
    EXPECT(has_row == 1);
    OK(renkei_rows_id(rows, &number, &error));
    EXPECT(number == 1);
    OK(renkei_rows_text(rows, 1, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(is_text(text, len, "りんご"));
    OK(renkei_rows_text(rows, 2, RENKEI_FORMAT_DISPLAY, &text, &len, &error));
    EXPECT(is_text(text, len, "1,234.50円"));
    OK(renkei_rows_text(rows, 8, RENKEI_FORMAT_RAW, &text, &len, &error));
    EXPECT(is_text(text, len, "東京"));
    OK(renkei_rows_text(rows, 9, RENKEI_FORMAT_DISPLAY, &text, &len, &error));
    EXPECT(is_text(text, len, "山田花子"));
    OK(renkei_rows_decimal(rows, 2, &number, &scale, &error));
    EXPECT(number == 123450 && scale == 2);
    OK(renkei_rows_int64(rows, 11, &number, &error));
    EXPECT(number == 1);
    OK(renkei_rows_datetime(rows, 4, &found, &error));
    EXPECT(found.year == 2026 && found.second == 58);
    OK(renkei_rows_datetime(rows, 12, &found, &error));
    EXPECT(found.hour == 9 && found.minute == 30);
    OK(renkei_rows_is_null(rows, 10, &is_null, &error));
    EXPECT(is_null == 0);
    STATUS(RENKEI_USAGE, renkei_rows_text(rows, 14, RENKEI_FORMAT_RAW, &text, &len, &error));
    STATUS(RENKEI_VALIDATION, renkei_rows_int64(rows, 1, &number, &error));
    OK(renkei_rows_cells(rows, &cells, &count, &error));
    EXPECT(count == 14 && cells[0].kind == RENKEI_CELL_TEXT && is_text(cells[0].text, cells[0].text_len, "I0001"));
    EXPECT(cells[2].kind == RENKEI_CELL_NUMBER && cells[2].integer == 123450 && cells[2].scale == 2 && cells[2].text == NULL);
    EXPECT(cells[3].kind == RENKEI_CELL_DATE && cells[3].integer == 20512);
    EXPECT(cells[4].kind == RENKEI_CELL_DATETIME && cells[4].integer == INT64_C(20512) * 86400 + 86398);
    EXPECT(cells[5].kind == RENKEI_CELL_TIME && cells[5].integer == 86398);
    EXPECT(cells[6].kind == RENKEI_CELL_TEXT && is_text(cells[6].text, cells[6].text_len, "食品"));
    EXPECT(cells[7].kind == RENKEI_CELL_LABELS && is_text(cells[7].text, cells[7].text_len, "新,特"));
    EXPECT(cells[10].kind == RENKEI_CELL_FILE && cells[10].integer > 100000);
    EXPECT(cells[12].kind == RENKEI_CELL_DATETIME);
    EXPECT(cells[13].kind == RENKEI_CELL_TEXT && is_text(cells[13].text, cells[13].text_len, "approved"));
    OK(renkei_rows_cells(rows, &again, &count, &error));
    EXPECT(again == cells);
    OK(renkei_rows_next(rows, &has_row, &error));
    OK(renkei_rows_cells(rows, &cells, &count, &error));
    EXPECT(cells[10].kind == RENKEI_CELL_NULL);
    OK(renkei_rows_int64(rows, 10, &number, &error));
    EXPECT(number == 0);
    OK(renkei_rows_close(rows));

    /* One line for each detail row; pages by limit and offset count records. */
    OK(renkei_rows_open(store, "items", N, "[\"number\", \"count\"]", N, "{\"limit\": 2}", N, &rows, &error));
    for (lines = 0;; lines++) {
        OK(renkei_rows_next(rows, &has_row, &error));
        if (!has_row) {
            break;
        }
    }
    EXPECT(lines == 3);
    OK(renkei_rows_next(rows, &has_row, &error));
    EXPECT(has_row == 0);
    OK(renkei_rows_close(rows));
    OK(renkei_rows_open(store, "items", N, "[]", N, NULL, 0, &rows, &error));
    OK(renkei_rows_next(rows, &has_row, &error));
    OK(renkei_rows_cells(rows, &cells, &count, &error));
    EXPECT(has_row == 1 && count == 0);
    OK(renkei_rows_close(rows));
    STATUS(RENKEI_USAGE, renkei_rows_open(store, "items", N, "[\"no\"]", N, NULL, 0, &rows, &error));
    EXPECT(rows == NULL);
}

struct piece {
    const char *text;
    size_t at, step;
    int fails;
};

static int32_t read_piece(void *user_data, void *buffer, size_t capacity, size_t *out_len)
{
    struct piece *piece = user_data;
    size_t left = strlen(piece->text) - piece->at;
    size_t len = left < piece->step ? left : piece->step;
    if (piece->fails && piece->at > 0) {
        return 1;
    }
    len = len < capacity ? len : capacity;
    memcpy(buffer, piece->text + piece->at, len);
    piece->at += len;
    *out_len = len;
    return 0;
}

struct written {
    char bytes[8192];
    size_t len, most;
};

static int32_t write_piece(void *user_data, const void *bytes, size_t len)
{
    struct written *written = user_data;
    if (written->len + len > written->most) {
        return 7;
    }
    memcpy(written->bytes + written->len, bytes, len);
    written->len += len;
    written->bytes[written->len] = '\0';
    return 0;
}

static int64_t files(renkei_store *store)
{
    struct piece piece = {"見積書の中身", 0, 5, 0};
    struct written written = {{0}, 0, 8000};
    int64_t put = 0, from = 0;
    char *text;
    size_t len;
    OK(renkei_file_put(store, "絵.png", N, "\0\1\2\3", 4, &put, &error));
    OK(renkei_file_put_from(store, "見積.txt", N, read_piece, &piece, &from, &error));
    piece.at = 0;
    piece.fails = 1;
    CODE(RENKEI_CANCELLED, "c.callback", renkei_file_put_from(store, "x", N, read_piece, &piece, &from, &error));
    EXPECT(from == 0);
    piece.at = 0;
    piece.fails = 0;
    OK(renkei_file_put_from(store, "見積.txt", N, read_piece, &piece, &from, &error));
    OK(renkei_file_info(store, from, &text, &len, &error));
    EXPECT(strstr(text, "見積.txt") != NULL && strstr(text, "sha256") != NULL);
    OK(renkei_free(text));
    OK(renkei_file_read(store, put, &text, &len, &error));
    EXPECT(len == 4 && memcmp(text, "\0\1\2\3", 4) == 0);
    OK(renkei_free(text));
    OK(renkei_file_read_to(store, from, write_piece, &written, &error));
    EXPECT(strcmp(written.bytes, "見積書の中身") == 0);
    written.most = 3;
    STATUS(RENKEI_CANCELLED, renkei_file_read_to(store, from, write_piece, &written, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_file_info(store, 1, &text, &len, &error));
    return put;
}

static void count_progress(void *user_data, const renkei_import_progress *progress)
{
    EXPECT(progress->size == sizeof *progress && progress->bytes_done <= progress->bytes_total);
    *(int *)user_data += 1;
}

static void imports(renkei_store *store, renkei_clock *clock, const char *folder)
{
    const char *csv = "品名,単価\nみかん,120.50\nぶどう,？\n柿,1.234\n";
    struct piece piece = {NULL, 0, 7, 0};
    struct written written = {{0}, 0, 8000};
    renkei_import_request request = renkei_import_request_init();
    renkei_import_info info = renkei_import_info_init();
    renkei_worker_options options = renkei_worker_options_init();
    renkei_worker *worker = NULL;
    int64_t upload, first, second;
    int32_t existed, did;
    uint64_t ran, lines;
    int told = 0;
    char *json;
    size_t len;
    FILE *file;
    piece.text = csv;
    OK(renkei_upload_put_from(store, "a.csv", N, read_piece, &piece, &upload, &error));
    OK(renkei_upload_put(store, "b.csv", N, csv, strlen(csv), &upload, &error));
    request.upload = upload;
    request.token = "月曜";
    request.token_len = N;
    OK(renkei_import_reserve(store, "items", N, "daily", N, &request, &first, &existed, &error));
    EXPECT(existed == 0);
    OK(renkei_import_reserve(store, "items", N, "daily", N, &request, &second, &existed, &error));
    EXPECT(existed == 1 && second == first);
    OK(renkei_import_status(store, first, &info, &error));
    EXPECT(info.state == RENKEI_IMPORT_RESERVED && info.process_id == first && info.started_at == 0);
    options.progress = count_progress;
    options.progress_user_data = &told;
    options.retention_ms = 1000;
    OK(renkei_worker_new(store, &options, &worker, &error));
    OK(renkei_worker_run_once(worker, &did, &error));
    EXPECT(did == 1 && told > 0);
    OK(renkei_worker_run_until_idle(worker, &ran, &error));
    EXPECT(ran == 0);
    OK(renkei_import_status(store, first, &info, &error));
    EXPECT(info.state == RENKEI_IMPORT_COMPLETED && info.total == 3 && info.inserted == 1 && info.rejected == 2);
    EXPECT(info.bytes_done == info.bytes_total && info.ended_at > 0 && info.reject_cells == 2);
    OK(renkei_import_status_json(store, first, &json, &len, &error));
    EXPECT(strstr(json, "\"completed\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_import_rejects(store, first, 1, 10, &json, &len, &error));
    EXPECT(strstr(json, "value.number.scale") != NULL && strstr(json, "\"line\":4") != NULL);
    OK(renkei_free(json));
    OK(renkei_import_rejects_to(store, first, write_piece, &written, &lines, &error));
    EXPECT(lines == 2 && strstr(written.bytes, "ぶどう,？,3,value.number") != NULL);
    OK(renkei_import_rejects_path(store, first, in_folder(folder, "rejects.csv"), N, &lines, &error));
    EXPECT(lines == 2);
    CODE(RENKEI_CONFLICT, "job.state", renkei_import_cancel(store, first, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_import_status(store, 1, &info, &error));

    /* A path, for a later moment, cancelled while it waits; then a dry run by a worker of its own. */
    file = fopen(in_folder(folder, "in.csv"), "wb");
    EXPECT(file != NULL && fwrite(csv, 1, strlen(csv), file) == strlen(csv) && fclose(file) == 0);
    request = renkei_import_request_init();
    request.path = in_folder(folder, "in.csv");
    request.path_len = N;
    request.run_at = INT64_C(1769819400000) + 60000;
    request.once_per_content = 1;
    OK(renkei_import_reserve(store, "items", N, "daily", N, &request, &second, &existed, &error));
    OK(renkei_import_wait(store, second, 10, &info, &error));
    EXPECT(info.state == RENKEI_IMPORT_RESERVED);
    OK(renkei_import_cancel(store, second, &error));
    OK(renkei_import_wait(store, second, 120000, &info, &error));
    EXPECT(info.state == RENKEI_IMPORT_CANCELLED);
    request.run_at = 0;
    request.once_per_content = 0;
    request.dry_run = 1;
    OK(renkei_worker_start(worker, &error));
    STATUS(RENKEI_USAGE, renkei_worker_start(worker, &error));
    OK(renkei_import_reserve(store, "items", N, "daily", N, &request, &second, &existed, &error));
    OK(renkei_import_wait(store, second, 120000, &info, &error));
    EXPECT(info.state == RENKEI_IMPORT_COMPLETED && info.dry_run == 1 && info.inserted == 1);
    OK(renkei_worker_stop(worker, &error));
    OK(renkei_worker_run_until_idle(worker, &ran, &error));
    EXPECT(ran == 0);
    STATUS(RENKEI_USAGE, renkei_worker_start(worker, &error));
    OK(renkei_import_all(store, 10, &json, &len, &error));
    EXPECT(strstr(json, "\"cancelled\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_clock_advance(clock, 2000, &error));
    OK(renkei_worker_sweep(worker, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_import_status(store, first, &info, &error));
    OK(renkei_worker_free(worker));
    request.upload = upload;
    STATUS(RENKEI_USAGE, renkei_import_reserve(store, "items", N, "daily", N, &request, &second, &existed, &error));
    OK(renkei_upload_put_path(store, "c.csv", N, in_folder(folder, "in.csv"), N, &upload, &error));
    EXPECT(upload > 0);
    STATUS(RENKEI_INPUT, renkei_upload_put_path(store, "c.csv", N, in_folder(folder, "nothing.csv"), N, &upload, &error));
}

static int32_t stop_export(void *user_data, uint64_t lines)
{
    (void)lines;
    *(int *)user_data += 1;
    return 1;
}

static void note_unmapped(void *user_data, uint64_t record, size_t column, uint32_t character)
{
    if (record == 2 && column == 2 && character == 0x1f34e) {
        *(int *)user_data += 1;
    }
}

/* Saved aggregations, generated files and schedules. */
static void figures(renkei_store *store)
{
    struct written written = {{0}, 0, 8000};
    renkei_exported exported = renkei_exported_init();
    const char *blueprint =
        "{\"aggregations\": [{\"database\": \"items\", \"code\": \"prices\", \"name\": \"価格\","
        "  \"aggregation\": {\"measures\": [{\"function\": \"sum\", \"field\": \"price\", \"name\": \"計\"}]}}],"
        " \"file_templates\": [{\"database\": \"items\", \"code\": \"label\", \"name\": \"札\", \"file_name\": \"${number}.html\","
        "  \"content\": {\"html\": \"<b>${name}</b>${@memo}\"}, \"line_end\": \"lf\"}]}";
    char *json;
    size_t len;
    OK(renkei_blueprint_apply(store, blueprint, N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_aggregation_run(store, "items", N, "prices", N, &json, &len, &error));
    EXPECT(strstr(json, "\"name\":\"計\"") != NULL && strstr(json, "\"rows\":[[") != NULL);
    OK(renkei_free(json));
    OK(renkei_aggregation_all(store, "items", N, &json, &len, &error));
    EXPECT(strstr(json, "\"prices\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_aggregation_preview(store,
                                  "{\"database\": \"items\", \"code\": \"x\", \"name\": \"x\","
                                  " \"aggregation\": {\"measures\": [{\"function\": \"count\"}]}}",
                                  N, &json, &len, &error));
    EXPECT(strstr(json, "\"件数\"") != NULL);
    OK(renkei_free(json));
    STATUS(RENKEI_NOT_FOUND, renkei_aggregation_run(store, "items", N, "none", N, &json, &len, &error));
    EXPECT(json == NULL && len == 0);
    OK(renkei_aggregation_export(store, "{\"database\": \"items\", \"aggregation\": \"prices\"}", N, write_piece, &written,
                                 &exported, &error));
    EXPECT(strstr(written.bytes, "計\r\n") == written.bytes && exported.records == 1 && exported.bytes == written.len);
    written.most = 3;
    CODE(RENKEI_CANCELLED, "c.callback",
         renkei_aggregation_export(store, "{\"database\": \"items\", \"aggregation\": \"prices\"}", N, write_piece, &written,
                                   NULL, &error));

    memset(&written, 0, sizeof written);
    written.most = 8000;
    OK(renkei_file_template_all(store, "items", N, &json, &len, &error));
    EXPECT(strstr(json, "\"label\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_file_template_generate(store,
                                     "{\"database\": \"items\", \"template\": \"label\", \"memo\": \"<\","
                                     " \"record\": {\"key\": \"I0001\"}}",
                                     N, write_piece, &written, &json, &len, &error));
    EXPECT(strstr(json, "I0001.html") != NULL && strstr(json, "text/html; charset=UTF-8") != NULL);
    EXPECT(is_text(written.bytes, written.len, "<b>りんご</b>&lt;"));
    OK(renkei_free(json));
    CODE(RENKEI_USAGE, "argument",
         renkei_file_template_generate(store, "{\"database\": \"items\", \"template\": \"label\"}", N, write_piece, &written, &json,
                                       &len, &error));
    EXPECT(json == NULL && len == 0);

    OK(renkei_schedule_next_runs(store, "{\"when\": {\"daily\": {\"at\": [\"09:00\"]}}}", N, 0, 2, &json, &len, &error));
    EXPECT(is_text(json, len, "[86400000,172800000]"));
    OK(renkei_free(json));
    CODE(RENKEI_DEFINITION, "schedule.invalid",
         renkei_schedule_next_runs(store, "{\"when\": {\"cron\": \"x\"}}", N, 0, 2, &json, &len, &error));
}

static void exports(renkei_store *store, const char *folder)
{
    struct written written = {{0}, 0, 8000};
    renkei_export_options options = renkei_export_options_init();
    renkei_exported exported = renkei_exported_init();
    const char *export = "{\"database\": \"items\", \"columns\": [\"number\", \"name\"], \"search\": \"food\"}";
    char *bytes, *again;
    size_t len, other;
    int count = 0;
    FILE *file;
    OK(renkei_export_memory(store, export, N, NULL, &bytes, &len, &exported, &error));
    EXPECT(is_text(bytes, len, "番号,品名\r\nI0001,りんご\r\n") && exported.records == 1 && exported.bytes == len);
    OK(renkei_export_to(store, export, N, write_piece, &written, NULL, NULL, &error));
    EXPECT(is_text(written.bytes, written.len, bytes));
    OK(renkei_export_path(store, export, N, in_folder(folder, "out.csv"), N, NULL, &exported, &error));
    file = fopen(in_folder(folder, "out.csv"), "rb");
    EXPECT(file != NULL && fread(written.bytes, 1, sizeof written.bytes, file) == len && memcmp(written.bytes, bytes, len) == 0);
    fclose(file);
    written.most = 3;
    CODE(RENKEI_CANCELLED, "c.callback", renkei_export_to(store, export, N, write_piece, &written, NULL, &exported, &error));
    EXPECT(exported.records == 0);
    options.progress = stop_export;
    options.progress_user_data = &count;
    CODE(RENKEI_CANCELLED, "cancelled", renkei_export_memory(store, export, N, &options, &again, &other, NULL, &error));
    EXPECT(count == 1 && again == NULL && other == 0);
    OK(renkei_free(bytes));

    OK(renkei_record_update_json(store, "items", N, "I0001", N, 0, "{\"name\": \"🍎\"}", N, NULL, NULL, &error));
    options = renkei_export_options_init();
    options.unmapped = note_unmapped;
    options.unmapped_user_data = &count;
    export = "{\"database\": \"items\", \"columns\": [\"number\", \"name\"], \"search\": \"food\","
             "\"format\": {\"encoding\": \"cp932\", \"unmappable\": \"report\"}}";
    OK(renkei_export_memory(store, export, N, &options, &bytes, &len, &exported, &error));
    EXPECT(count == 2 && exported.unmapped_count == 1 && strstr(bytes, "I0001,?") != NULL);
    OK(renkei_free(bytes));
}

static void inferring(const char *folder)
{
    const char *csv = "品番,単価\nA-1,120\nA-2,80\n";
    char *json;
    size_t len;
    FILE *file = fopen(in_folder(folder, "infer.csv"), "wb");
    EXPECT(file != NULL && fwrite(csv, 1, strlen(csv), file) == strlen(csv) && fclose(file) == 0);
    OK(renkei_infer_path(in_folder(folder, "infer.csv"), N, NULL, 0, &json, &len, &error));
    EXPECT(strstr(json, "\"type\":\"number\"") != NULL);
    OK(renkei_free(json));
    OK(renkei_infer_memory(csv, strlen(csv), "{\"database\": \"goods\", \"index\": [\"単価\"]}", N, &json, &len, &error));
    EXPECT(strstr(json, "\"goods\"") != NULL && strstr(json, "\"index\":true") != NULL);
    OK(renkei_free(json));
    STATUS(RENKEI_USAGE, renkei_infer_memory(csv, strlen(csv), "{\"databse\": \"goods\"}", N, &json, &len, &error));
    OK(renkei_csv_detect_memory("\x8e\x81\x96\xbc\tx\r\n", 8, 0, &json, &len, &error));
    EXPECT(strstr(json, "cp932") != NULL && strstr(json, "\\t") != NULL);
    OK(renkei_free(json));
    OK(renkei_csv_detect_path(in_folder(folder, "infer.csv"), N, ';', &json, &len, &error));
    EXPECT(strstr(json, "utf-8") != NULL);
    OK(renkei_free(json));
    STATUS(RENKEI_USAGE, renkei_csv_detect_memory(csv, strlen(csv), 0xd800, &json, &len, &error));
}

static void cancelling(renkei_store *store)
{
    renkei_cancel *cancel = NULL;
    renkei_store *view = NULL;
    renkei_rows *rows = NULL;
    int32_t shown, has_row;
    uint64_t count;
    OK(renkei_cancel_new(&cancel, &error));
    OK(renkei_store_cancellable(store, cancel, &view, &error));
    OK(renkei_query_count(view, "items", N, NULL, 0, &count, &error));
    OK(renkei_rows_open(view, "items", N, "[\"name\"]", N, NULL, 0, &rows, &error));
    OK(renkei_rows_next(rows, &has_row, &error));
    OK(renkei_cancel_is_shown(cancel, &shown, &error));
    EXPECT(shown == 0);
    OK(renkei_cancel_show(cancel, &error));
    OK(renkei_cancel_is_shown(cancel, &shown, &error));
    EXPECT(shown == 1);
    STATUS(RENKEI_CANCELLED, renkei_query_count(view, "items", N, NULL, 0, &count, &error));
    EXPECT(count == 0);
    OK(renkei_query_count(store, "items", N, NULL, 0, &count, &error));
    OK(renkei_rows_close(rows));
    OK(renkei_cancel_free(cancel));
    OK(renkei_store_close(view));
}

static void count_messages(void *user_data, uint32_t level, const char *message, size_t len)
{
    if (level >= RENKEI_LOG_ERROR && level <= RENKEI_LOG_INFO && message != NULL && len > 0) {
        *(int *)user_data += 1;
    }
}

/* A JSON text that the library gave has this in it; it is freed. */
static int says(char *json, size_t len, const char *wanted)
{
    int found = json != NULL && strlen(json) == len && strstr(json, wanted) != NULL;
    if (!found) {
        fprintf(stderr, "%s is not in %s\n", wanted, json != NULL ? json : "NULL");
    }
    OK(renkei_free(json));
    return found;
}

static void rights(renkei_store *host, renkei_store *hanako)
{
    renkei_store *clerk = NULL;
    renkei_record *record = NULL;
    renkei_saved saved = renkei_saved_init();
    char *json;
    const char *name;
    size_t len;
    int32_t may;
    OK(renkei_blueprint_apply(host,
                              "{\"users\": [{\"code\": \"clerk\", \"name\": \"係\", \"calls_per_minute\": 2,"
                              "  \"rights\": {\"items\": [\"view\", \"export\"]}},"
                              " {\"code\": \"link\", \"name\": \"連携\", \"calls_per_minute\": 1000,"
                              "  \"rights\": {\"*\": [\"view\", \"register\", \"export\", \"import\"]}}],"
                              " \"access\": {\"trusted_proxies\": [\"10.0.0.0/8\"]}}",
                              N, &json, &len, &error));
    EXPECT(says(json, len, "clerk"));
    OK(renkei_access_acting_user(host, &json, &len, &error));
    EXPECT(json == NULL && len == 0);
    OK(renkei_access_acting_user(hanako, &json, &len, &error));
    EXPECT(says(json, len, "\"name\":\"山田花子\""));
    OK(renkei_store_as_user(host, "clerk", N, &clerk, &error));
    OK(renkei_access_may(clerk, "items", N, RENKEI_RIGHT_VIEW, &may, &error));
    EXPECT(may == 1);
    OK(renkei_access_may(clerk, "items", N, RENKEI_RIGHT_DELETE, &may, &error));
    EXPECT(may == 0);
    OK(renkei_access_may(clerk, "branches", N, RENKEI_RIGHT_VIEW, &may, &error));
    EXPECT(may == 0);
    OK(renkei_access_may(hanako, "branches", N, RENKEI_RIGHT_MANAGE, &may, &error));
    EXPECT(may == 1);
    STATUS(RENKEI_NOT_FOUND, renkei_access_may(clerk, "nothing", N, RENKEI_RIGHT_VIEW, &may, &error));
    STATUS(RENKEI_USAGE, renkei_access_may(clerk, "items", N, 0, &may, &error));
    OK(renkei_access_settings(hanako, &json, &len, &error));
    EXPECT(says(json, len, "\"trusted_proxies\":[\"10.0.0.0/8\"]"));
    STATUS(RENKEI_DENIED, renkei_access_settings(clerk, &json, &len, &error));
    EXPECT(json == NULL && len == 0);
    STATUS(RENKEI_DENIED, renkei_record_register_json(clerk, "items", N, "{\"name\": \"筆\"}", N, NULL, NULL, &error));
    OK(renkei_store_close(clerk));

    /* Who wrote a record is told by code and by name. */
    OK(renkei_record_register_json(hanako, "items", N, "{\"name\": \"墨\"}", N, NULL, &saved, &error));
    OK(renkei_record_update_json(host, "items", N, saved.key, N, 0, "{\"name\": \"墨汁\"}", N, NULL, NULL, &error));
    OK(renkei_record_view(host, "items", N, saved.key, N, 0, &record, &error));
    OK(renkei_record_created_name(record, &name, &len, &error));
    EXPECT(is_text(name, len, "山田花子"));
    OK(renkei_record_updated_name(record, &name, &len, &error));
    EXPECT(is_text(name, len, ""));
    OK(renkei_record_free(record));
}

static void addresses(renkei_store *host)
{
    static const char *const CASES[][3] = {
        /* The peer, X-Forwarded-For, and who it is. */
        {"192.0.2.1", NULL, "192.0.2.1"},
        {"::ffff:192.0.2.1", NULL, "192.0.2.1"},
        {"2001:db8::7", "203.0.113.9", "2001:db8::7"},
        {"192.0.2.1", "203.0.113.9", "192.0.2.1"},
        {"10.1.2.3", "203.0.113.9", "203.0.113.9"},
        {"10.1.2.3", "198.51.100.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"},
    };
    size_t at, len;
    char *address;
    for (at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        OK(renkei_access_client_address(host, CASES[at][0], N, CASES[at][1], N, &address, &len, &error));
        EXPECT(is_text(address, len, CASES[at][2]));
        OK(renkei_free(address));
    }
    STATUS(RENKEI_USAGE, renkei_access_client_address(host, "nowhere", N, NULL, 0, &address, &len, &error));
    EXPECT(address == NULL && len == 0);
}

static void tokens(renkei_store *host, renkei_clock *clock)
{
    renkei_token_options options = renkei_token_options_init();
    renkei_store *caller = NULL, *none = NULL;
    renkei_error *failure = NULL;
    char *secret, *json;
    size_t len;
    int64_t id, other;
    options.name = "店";
    options.name_len = N;
    options.addresses = "[\"192.0.2.0/24\", \"2001:db8::7\"]";
    options.addresses_len = N;
    options.expires_in_ms = 600000;
    OK(renkei_token_issue(host, "clerk", N, &options, &id, &secret, &len, &error));
    EXPECT(len == 64 && strlen(secret) == 64 && id > 0);
    options.expires_at = 1;
    STATUS(RENKEI_USAGE, renkei_token_issue(host, "clerk", N, &options, &other, &json, &len, &error));
    EXPECT(other == 0 && json == NULL);
    options.expires_in_ms = 0;
    STATUS(RENKEI_USAGE, renkei_token_issue(host, "clerk", N, &options, &other, &json, &len, &error));
    options.expires_at = 0;
    options.addresses = "[\"192.0.2.1/24\"]";
    STATUS(RENKEI_USAGE, renkei_token_issue(host, "clerk", N, &options, &other, &json, &len, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_token_issue(host, "nobody", N, NULL, &other, &json, &len, &error));
    OK(renkei_token_all(host, &json, &len, &error));
    EXPECT(strstr(json, secret) == NULL && strstr(json, "\"last_used_at\":null") != NULL);
    EXPECT(says(json, len, "\"name\":\"店\""));

    OK(renkei_token_authenticate(host, secret, N, "192.0.2.7", N, &caller, &error));
    STATUS(RENKEI_DENIED, renkei_token_authenticate(host, secret, N, "198.51.100.1", N, &none, &error));
    STATUS(RENKEI_DENIED, renkei_token_authenticate(host, secret, N, NULL, 0, &none, &error));
    STATUS(RENKEI_DENIED, renkei_token_authenticate(host, "guessed", N, "192.0.2.7", N, &none, &error));
    STATUS(RENKEI_USAGE, renkei_token_authenticate(host, secret, N, "192.0.2.0/24", N, &none, &error));
    EXPECT(none == NULL);
    STATUS(RENKEI_DENIED, renkei_token_all(caller, &json, &len, &error));
    STATUS(RENKEI_DENIED, renkei_token_revoke(caller, id, &error));

    /* Two calls a minute. */
    OK(renkei_access_count_call(caller, &error));
    OK(renkei_access_count_call(caller, &error));
    EXPECT(renkei_access_count_call(caller, &failure) == RENKEI_LIMIT);
    EXPECT(renkei_error_retry_after(failure) > 0 && renkei_error_retry_after(failure) <= 60000);
    OK(renkei_error_free(failure));
    EXPECT(renkei_error_retry_after(failure) == -1 && renkei_error_retry_after(NULL) == -1);
    OK(renkei_clock_advance(clock, 60000, &error));
    OK(renkei_access_count_call(caller, &error));

    /* What he does is noted. */
    OK(renkei_audit_note(caller, "{\"action\": \"items/print\", \"database\": 7, \"subject\": \"I0001\", \"result\": \"ok\"}", N,
                         &error));
    OK(renkei_audit_note(host, "{\"action\": \"items/clean\", \"address\": \"2001:db8::7\"}", N, &error));
    STATUS(RENKEI_USAGE, renkei_audit_note(host, "{\"actions\": \"items/clean\"}", N, &error));
    STATUS(RENKEI_USAGE, renkei_audit_note(host, "{\"subject\": \"x\"}", N, &error));
    STATUS(RENKEI_DENIED, renkei_audit_page(caller, NULL, 0, &json, &len, &error));
    OK(renkei_audit_page(host, "{\"action\": \"items/print\", \"user\": \"clerk\", \"since\": 0, \"limit\": 5}", N, &json, &len, &error));
    EXPECT(strstr(json, "\"subject\":\"I0001\"") != NULL && strstr(json, "\"address\":\"192.0.2.7\"") != NULL);
    EXPECT(says(json, len, "\"user\":\"clerk\""));
    OK(renkei_audit_page(host, "{\"limit\": 1}", N, &json, &len, &error));
    EXPECT(strstr(json, "\"next\":\"") != NULL);
    EXPECT(says(json, len, "\"action\":\"items/clean\""));
    STATUS(RENKEI_USAGE, renkei_audit_page(host, "{\"users\": \"clerk\"}", N, &json, &len, &error));

    OK(renkei_clock_advance(clock, 600000, &error));
    STATUS(RENKEI_DENIED, renkei_token_authenticate(host, secret, N, "192.0.2.7", N, &none, &error));
    OK(renkei_token_revoke(host, id, &error));
    OK(renkei_token_revoke(host, id, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_token_revoke(host, 1, &error));
    OK(renkei_free(secret));
    OK(renkei_store_close(caller));
}

/* A body that is given piece by piece. */
struct arriving {
    const char *rest;
    int asked, breaks;
};

static int32_t arrive(void *user_data, void *buffer, size_t capacity, size_t *out_len)
{
    struct arriving *arriving = user_data;
    size_t len = strlen(arriving->rest);
    arriving->asked++;
    if (arriving->breaks && len == 0) {
        return 1;
    }
    *out_len = len < 5 ? len : 5;
    *out_len = *out_len < capacity ? *out_len : capacity;
    memcpy(buffer, arriving->rest, *out_len);
    arriving->rest += *out_len;
    return 0;
}

/* A response whose body has a text in it; it is freed. */
static void expect_response(renkei_webapi *api, renkei_request *request, int32_t wanted, const char *said)
{
    renkei_response *response = NULL;
    const char *body;
    size_t len;
    int32_t status, is_chunked;
    int64_t length;
    OK(renkei_webapi_handle(api, request, &response, &error));
    OK(renkei_response_status(response, &status, &error));
    OK(renkei_response_body(response, &body, &len, &error));
    OK(renkei_response_content_length(response, &length, &error));
    OK(renkei_response_is_chunked(response, &is_chunked, &error));
    EXPECT(status == wanted && body != NULL && length == (int64_t)len && is_chunked == 0);
    if (body != NULL) {
        char *copy = calloc(1, len + 1);
        memcpy(copy, body, len);
        if (strstr(copy, said) == NULL) {
            fprintf(stderr, "%s is not in %s\n", said, copy);
            failures++;
        }
        free(copy);
    }
    OK(renkei_response_free(response));
}

static void web_requests(renkei_webapi *api, const char *token, const char *database)
{
    renkei_request *request = NULL;
    renkei_response *response = NULL;
    struct arriving arriving = {NULL, 0, 0};
    char json[256];
    const char *text, *value;
    size_t len, value_len, count;
    int32_t closes;
    snprintf(json, sizeof json, "{\"dbSchemaId\": %s, \"values\": {\"name\": \"硯\"}}", database);
    OK(renkei_request_new("POST", N, "/abc1de2/apirecord/regist/version/v1", N, &request, &error));
    /* Without a token; the body is read all the same, so that the connection can be kept. */
    arriving.rest = json;
    OK(renkei_request_set_body_from(request, arrive, &arriving, &error));
    expect_response(api, request, 401, "\"status\":\"error\"");
    EXPECT(arriving.asked > 2 && arriving.rest[0] == '\0');
    /* Not when the client waits to be told to send it: then the connection must be closed. */
    OK(renkei_request_add_header(request, "Expect", N, "100-continue", N, &error));
    arriving.asked = 0;
    OK(renkei_webapi_handle(api, request, &response, &error));
    OK(renkei_response_closes(response, &closes, &error));
    EXPECT(closes == 1 && arriving.asked == 0);
    OK(renkei_response_free(response));

    OK(renkei_request_add_header(request, "x-hd-apitoken", N, token, N, &error));
    OK(renkei_request_add_header(request, "Host", N, "db.example.test:80", strlen("db.example.test"), &error));
    OK(renkei_request_add_header(request, "User-Agent", N, "\xff\xfe", N, &error));
    STATUS(RENKEI_BAD_UTF8, renkei_request_add_header(request, "\xff", N, "x", N, &error));
    OK(renkei_request_set_remote(request, "2001:db8::7", N, &error));
    STATUS(RENKEI_USAGE, renkei_request_set_remote(request, "nowhere", N, &error));
    OK(renkei_request_set_tls(request, 1, &error));
    arriving.rest = json;
    expect_response(api, request, 200, "\"url\":\"http:\\/\\/db.example.test\\/abc1de2\\/apirecord\\/regist");
    /* A client that goes away in the middle. */
    arriving.rest = "{\"dbSchemaId\": ";
    arriving.breaks = 1;
    expect_response(api, request, 400, "\"906\"");

    OK(renkei_request_set_body(request, json, strlen(json), &error));
    OK(renkei_webapi_handle(api, request, &response, &error));
    OK(renkei_response_reason(response, &text, &len, &error));
    EXPECT(is_text(text, len, "OK"));
    OK(renkei_response_header_count(response, &count, &error));
    EXPECT(count >= 2);
    OK(renkei_response_header(response, 0, &text, &len, &value, &value_len, &error));
    EXPECT(is_text(text, len, "Content-Type") && is_text(value, value_len, "application/json; charset=utf-8"));
    STATUS(RENKEI_USAGE, renkei_response_header(response, count, &text, &len, &value, &value_len, &error));
    EXPECT(text == NULL && value == NULL && len == 0 && value_len == 0);
    OK(renkei_response_find_header(response, "CACHE-CONTROL", N, &value, &value_len, &error));
    EXPECT(is_text(value, value_len, "no-store"));
    OK(renkei_response_find_header(response, "x-none", N, &value, &value_len, &error));
    EXPECT(value == NULL && value_len == 0);
    OK(renkei_response_closes(response, &closes, &error));
    EXPECT(closes == 0);
    OK(renkei_response_free(response));
    OK(renkei_request_free(request));
}

static void web_streams(renkei_webapi *api, const char *token, const char *database)
{
    renkei_request *request = NULL;
    renkei_response *response = NULL;
    struct written given = {{0}, 0, 8000};
    char json[256], pulled[4096], piece[7];
    const char *body;
    size_t len, total = 0;
    int32_t is_chunked;
    int64_t length;
    uint64_t written;
    snprintf(json, sizeof json, "{\"dbSchemaId\": %s, \"limit\": 10}", database);
    OK(renkei_request_new("POST", N, "/abc1de2/api/csvexport/version/v1", N, &request, &error));
    OK(renkei_request_add_header(request, "X-HD-apitoken", N, token, N, &error));
    OK(renkei_request_set_body(request, json, strlen(json), &error));
    OK(renkei_webapi_handle(api, request, &response, &error));
    OK(renkei_response_body(response, &body, &len, &error));
    OK(renkei_response_content_length(response, &length, &error));
    OK(renkei_response_is_chunked(response, &is_chunked, &error));
    EXPECT(body == NULL && len == 0 && length == -1 && is_chunked == 1);
    do {
        OK(renkei_response_read(response, piece, sizeof piece, &len, &error));
        EXPECT(len <= sizeof piece && total + len < sizeof pulled);
        memcpy(pulled + total, piece, len);
        total += len;
    } while (len > 0);
    EXPECT(total > 100 && pulled[0] == '"');
    OK(renkei_response_free(response));
    /* The same, given to a function. */
    OK(renkei_webapi_handle(api, request, &response, &error));
    OK(renkei_response_write_to(response, write_piece, &given, &written, &error));
    EXPECT(written == total && given.len == total && memcmp(given.bytes, pulled, total) == 0);
    OK(renkei_response_free(response));
    /* One that asks to stop, and one that is let go in the middle. */
    OK(renkei_webapi_handle(api, request, &response, &error));
    given.most = 3;
    STATUS(RENKEI_CANCELLED, renkei_response_write_to(response, write_piece, &given, &written, &error));
    EXPECT(written == 0);
    OK(renkei_response_free(response));
    OK(renkei_webapi_handle(api, request, &response, &error));
    OK(renkei_response_read(response, piece, sizeof piece, &len, &error));
    OK(renkei_response_free(response));
    OK(renkei_request_free(request));
}

static void web_api(renkei_store *host)
{
    renkei_webapi_options options = renkei_webapi_options_init();
    renkei_webapi_options found = renkei_webapi_options_init();
    renkei_webapi *api = NULL;
    renkei_request *request = NULL;
    char *token, *json, database[32];
    const char *account;
    size_t len;
    int64_t id;
    int32_t is_on;
    options.json_bytes = 1000;
    options.export_encoding = RENKEI_CSV_UTF8;
    options.maintenance_page = "<p>休み</p>";
    options.maintenance_page_len = N;
    STATUS(RENKEI_USAGE, renkei_webapi_new(host, "a/b", N, NULL, &api, &error));
    options.export_encoding = 9;
    STATUS(RENKEI_USAGE, renkei_webapi_new(host, "abc1de2", N, &options, &api, &error));
    EXPECT(api == NULL);
    options.export_encoding = RENKEI_CSV_UTF8;
    OK(renkei_webapi_new(host, "abc1de2", N, &options, &api, &error));
    OK(renkei_webapi_account(api, &account, &len, &error));
    EXPECT(is_text(account, len, "abc1de2"));
    OK(renkei_webapi_get_options(api, &found, &error));
    EXPECT(found.json_bytes == 1000 && found.upload_lines == 50000 && found.export_records_most == 10000);
    EXPECT(found.upload_bytes == 5 << 20 && found.export_records == 200 && found.export_encoding == RENKEI_CSV_UTF8);
    EXPECT(found.maintenance == 0 && is_text(found.maintenance_page, found.maintenance_page_len, "<p>休み</p>"));
    OK(renkei_webapi_openapi(&json, &len, &error));
    EXPECT(says(json, len, "\"openapi\": \"3.1.0\""));

    OK(renkei_token_issue(host, "link", N, NULL, &id, &token, &len, &error));
    OK(renkei_database_get(host, "items", N, &json, &len, &error));
    snprintf(database, sizeof database, "%lld", strtoll(strstr(json, "\"id\":") + 5, NULL, 10));
    OK(renkei_free(json));
    web_requests(api, token, database);
    web_streams(api, token, database);

    OK(renkei_request_new("GET", N, "/", 1, &request, &error));
    expect_response(api, request, 404, "\"901\"");
    OK(renkei_webapi_set_maintenance(api, 1, &error));
    OK(renkei_webapi_is_in_maintenance(api, &is_on, &error));
    EXPECT(is_on == 1);
    expect_response(api, request, 200, "Status: 503 Maintenance mode\n<p>休み</p>");
    OK(renkei_webapi_set_maintenance(api, 0, &error));
    OK(renkei_webapi_is_in_maintenance(api, &is_on, &error));
    EXPECT(is_on == 0);
    OK(renkei_request_free(request));
    OK(renkei_free(token));
    OK(renkei_webapi_free(api));
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    const char *path = in_folder(folder, "surface.db");
    char path_kept[1024];
    unsigned char random = 0;
    renkei_clock *clock = NULL;
    renkei_store *host = NULL, *store = NULL;
    int64_t photo;
    int messages = 0;
    snprintf(path_kept, sizeof path_kept, "%s", path);
    versions();
    OK(renkei_log_set(count_messages, &messages, RENKEI_LOG_INFO, &error));
    STATUS(RENKEI_USAGE, renkei_log_set(count_messages, &messages, 9, &error));
    OK(renkei_clock_new(1769819400000, &clock, &error));
    host = open_store(path_kept, clock, &random);
    time_and_place(host, clock, path_kept);
    definitions(host);
    OK(renkei_store_as_user(host, "hanako", N, &store, &error));
    photo = files(store);
    typed_values(store, photo);
    refusals(store);
    bulk(store);
    transactions(store);
    queries(store);
    cursors(store);
    imports(store, clock, folder);
    EXPECT(messages > 0);
    figures(store);
    exports(store, folder);
    inferring(folder);
    cancelling(store);
    rights(host, store);
    addresses(host);
    tokens(host, clock);
    web_api(host);
    OK(renkei_log_set(NULL, NULL, 0, &error));
    OK(renkei_clock_free(clock));
    OK(renkei_store_close(store));
    OK(renkei_store_close(host));
    return ended("surface");
}

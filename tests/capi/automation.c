/* Automations: started from every place that a host has, looked at, tried out, ended. */

#include "test.h"

static const char *BLUEPRINT =
    "{\"users\": [{\"code\": \"viewer\", \"name\": \"閲覧\", \"rights\": {\"leads\": [\"view\"]}}],"
    " \"databases\": [{\"code\": \"leads\", \"name\": \"見込客\", \"fields\": ["
    "  {\"code\": \"code\", \"name\": \"番号\", \"type\": \"key\"},"
    "  {\"code\": \"state\", \"name\": \"状態\", \"type\": \"text\"},"
    "  {\"code\": \"calls\", \"name\": \"回数\", \"type\": \"number\", \"max\": \"2\"}]},"
    " {\"code\": \"log\", \"name\": \"記録\", \"fields\": ["
    "  {\"code\": \"number\", \"name\": \"番号\", \"type\": \"key\", \"parts\": [{\"kind\": \"automatic\", \"format\": {\"digits\": 4}}]},"
    "  {\"code\": \"text\", \"name\": \"本文\", \"type\": \"text\"}]}],"
    " \"automations\": [{\"database\": \"leads\", \"code\": \"follow\", \"name\": \"追客\","
    "  \"triggers\": [\"button\", \"pulldown\", \"sub_menu\", \"settings_screen\", \"api\"],"
    "  \"parts\": [{\"code\": \"count\", \"name\": \"数える\", \"action\": {\"type\": \"update\", \"set\": ["
    "    {\"field\": \"calls\", \"from\": {\"target_formula\": \"calls + 1\"}},"
    "    {\"field\": \"state\", \"from\": {\"template\": \"${@memo}\"}}]}},"
    "   {\"code\": \"note\", \"name\": \"残す\", \"action\": {\"type\": \"register\", \"database\": \"log\", \"set\": ["
    "    {\"field\": \"text\", \"from\": {\"template\": \"${code}\"}}]}}]},"
    "  {\"database\": \"leads\", \"code\": \"mail\", \"name\": \"定型メール\", \"triggers\": [{\"templated_mail\": {\"subject\": \"資料請求\","
    "    \"fields\": [{\"label\": \"番号：\", \"field\": \"code\"}]}}],"
    "  \"parts\": [{\"code\": \"end\", \"name\": \"終\", \"action\": {\"type\": \"end\"}}]},"
    "  {\"database\": \"leads\", \"code\": \"asleep\", \"name\": \"休止\", \"triggers\": [\"api\"], \"enabled\": false,"
    "  \"parts\": [{\"code\": \"end\", \"name\": \"終\", \"action\": {\"type\": \"end\"}}]}],"
    " \"lists\": [{\"database\": \"leads\", \"code\": \"all\", \"name\": \"全部\", \"columns\": [\"code\"], \"menu\": {"
    "  \"sub_menu\": [{\"automation\": \"follow\"}], \"buttons\": [{\"automation\": \"follow\"}],"
    "  \"pulldown\": [{\"automation\": \"follow\"}]}}]}";

static int64_t start(renkei_store *store, const char *request)
{
    int64_t run = 0;
    OK(renkei_automation_start(store, request, N, &run, &error));
    return run;
}

static uint64_t work(renkei_store *store)
{
    renkei_worker *worker = NULL;
    uint64_t ran = 0;
    OK(renkei_worker_new(store, NULL, &worker, &error));
    OK(renkei_worker_run_until_idle(worker, &ran, &error));
    EXPECT(renkei_worker_free(worker) == RENKEI_OK);
    return ran;
}

static void expect_run(renkei_store *store, int64_t run, uint32_t state, uint64_t total, uint64_t completed, uint64_t failed)
{
    renkei_automation_info info = renkei_automation_info_init();
    OK(renkei_automation_wait(store, run, 0, &info, &error));
    EXPECT(info.run_id == run && info.state == state && info.total == total);
    EXPECT(info.completed == completed && info.failed == failed);
    EXPECT(info.total == info.completed + info.failed + info.waiting + info.unprocessed);
    EXPECT(info.created_at > 0 && (info.ended_at > 0) == (state >= RENKEI_RUN_COMPLETED));
}

static uint64_t count(renkei_store *store, const char *database)
{
    uint64_t found = 0;
    OK(renkei_query_count(store, database, N, NULL, 0, &found, &error));
    return found;
}

/* The JSON that a call gives has all of these texts. */
static void expect_json(char *json, const char *first, const char *second)
{
    EXPECT(json != NULL && strstr(json, first) != NULL && strstr(json, second) != NULL);
    if (json != NULL && (strstr(json, first) == NULL || strstr(json, second) == NULL)) {
        fprintf(stderr, "%s\n", json);
    }
    EXPECT(renkei_free(json) == RENKEI_OK);
}

int main(int argument_count, char **arguments)
{
    renkei_store_options options = renkei_store_options_init();
    renkei_automation_info info = renkei_automation_info_init();
    renkei_store *store = NULL, *viewer = NULL;
    renkei_worker *worker = NULL;
    int64_t button, pulldown, sub_menu, now, again, cancelled, failing;
    char *json = NULL;
    size_t len = 0;
    char key[12];
    int at;
    options.create = 1;
    OK(renkei_store_open(in_folder(argument_count > 1 ? arguments[1] : ".", "automation.db"), N, &options, &store, &error));
    OK(renkei_blueprint_apply(store, BLUEPRINT, N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_store_as_user(store, "viewer", N, &viewer, &error));
    for (at = 1; at <= 3; at++) {
        char values[64];
        snprintf(key, sizeof key, "%d", at);
        snprintf(values, sizeof values, "{\"code\": \"%s\", \"calls\": %d}", key, at == 3 ? 2 : 0);
        OK(renkei_record_register_json(store, "leads", N, values, N, NULL, NULL, &error));
    }
    OK(renkei_automation_all(store, "leads", N, &json, &len, &error));
    expect_json(json, "追客", "\"asleep\"");

    /* A dry run tells what a run would do, and does nothing. */
    OK(renkei_automation_plan(store, "{\"trigger\": \"api\", \"database\": \"leads\", \"automation\": \"follow\"}", N, &json, &len,
                              &error));
    expect_json(json, "\"total\":3", "\"failed\":1");
    EXPECT(count(store, "log") == 0);

    button = start(store, "{\"trigger\": \"button\", \"database\": \"leads\", \"list\": \"all\", \"automation\": \"follow\","
                          " \"records\": [{\"key\": \"1\"}], \"memo\": \"電話\"}");
    expect_run(store, button, RENKEI_RUN_RESERVED, 1, 0, 0);
    pulldown = start(store, "{\"trigger\": \"pulldown\", \"database\": \"leads\", \"list\": \"all\", \"automation\": \"follow\","
                            " \"records\": [{\"key\": \"1\"}, {\"key\": \"2\"}], \"memo\": \"訪問\"}");
    EXPECT(work(store) == 2);
    expect_run(store, button, RENKEI_RUN_COMPLETED, 1, 1, 0);
    expect_run(store, pulldown, RENKEI_RUN_COMPLETED, 2, 2, 0);
    EXPECT(count(store, "log") == 3);
    OK(renkei_record_view_json(store, "leads", N, "1", N, 0, &json, &len, &error));
    expect_json(json, "訪問", "\"calls\":2");
    OK(renkei_automation_status_json(store, pulldown, &json, &len, &error));
    expect_json(json, "\"trigger\":\"pulldown\"", "\"memo\":\"訪問\"");
    OK(renkei_automation_entries(store, pulldown, 0, 0, 10, &json, &len, &error));
    expect_json(json, "\"part\":\"count\"", "\"item\":2");
    OK(renkei_automation_entries(store, pulldown, 1, 2, 10, &json, &len, &error));
    EXPECT(strstr(json, "\"item\":1,") == NULL);
    expect_json(json, "\"part\":\"note\"", "\"item\":2");

    /* What one record refuses stops it alone. */
    sub_menu = start(store, "{\"trigger\": \"sub_menu\", \"database\": \"leads\", \"list\": \"all\", \"automation\": \"follow\","
                            " \"condition\": {\"field\": \"calls\", \"op\": \"equals\", \"value\": 2}}");
    EXPECT(work(store) == 1);
    expect_run(store, sub_menu, RENKEI_RUN_COMPLETED, 2, 0, 2);
    OK(renkei_automation_entries(store, sub_menu, 0, 0, 10, &json, &len, &error));
    expect_json(json, "\"state\":\"failed\"", "回数");

    /* The same token gives the same run. */
    now = start(store, "{\"trigger\": \"settings_screen\", \"database\": \"leads\", \"automation\": \"follow\", \"token\": \"t\","
                       " \"records\": [{\"key\": \"2\"}]}");
    again = start(store, "{\"trigger\": \"settings_screen\", \"database\": \"leads\", \"automation\": \"follow\", \"token\": \"t\","
                         " \"records\": [{\"key\": \"2\"}]}");
    EXPECT(now == again);
    OK(renkei_worker_new(store, NULL, &worker, &error));
    OK(renkei_worker_start(worker, &error));
    OK(renkei_automation_wait(store, now, 120000, &info, &error));
    EXPECT(info.state == RENKEI_RUN_COMPLETED && info.completed == 1 && info.started_at > 0);
    OK(renkei_worker_stop(worker, &error));
    EXPECT(renkei_worker_free(worker) == RENKEI_OK);

    cancelled = start(store, "{\"trigger\": \"api\", \"database\": \"leads\", \"automation\": \"follow\"}");
    STATUS(RENKEI_DENIED, renkei_automation_cancel(viewer, cancelled, &error));
    OK(renkei_automation_cancel(store, cancelled, &error));
    expect_run(store, cancelled, RENKEI_RUN_CANCELLED, 3, 0, 0);
    STATUS(RENKEI_CONFLICT, renkei_automation_cancel(store, cancelled, &error));
    EXPECT(work(store) == 0);
    OK(renkei_automation_runs(store, 0, 10, &json, &len, &error));
    expect_json(json, "\"cancelled\"", "\"button\"");
    OK(renkei_automation_runs(store, 1, 10, &json, &len, &error));
    EXPECT(strcmp(json, "[]") == 0 && renkei_free(json) == RENKEI_OK);

    /* A mail becomes a record, once. */
    OK(renkei_automation_receive_mail(store, "leads", N, "mail", N,
                                      "{\"from\": \"花子 <hanako@example.com>\", \"subject\": \"資料請求\","
                                      " \"text\": \"番号：M-1\\n\", \"message_id\": \"<1@example.com>\"}", N, &now, &error));
    OK(renkei_automation_receive_mail(store, "leads", N, "mail", N,
                                      "{\"from\": \"hanako@example.com\", \"subject\": \"資料請求\","
                                      " \"text\": \"番号：M-1\", \"message_id\": \"<1@example.com>\"}", N, &again, &error));
    EXPECT(now == again && now > 0 && count(store, "leads") == 4 && work(store) == 1);
    expect_run(store, now, RENKEI_RUN_COMPLETED, 1, 1, 0);
    CODE(RENKEI_INPUT, "automation.mail",
         renkei_automation_receive_mail(store, "leads", N, "mail", N,
                                        "{\"from\": \"a@example.com\", \"subject\": \"別件\", \"text\": \"番号：M-2\"}", N, &now, &error));
    EXPECT(now == 0 && count(store, "leads") == 4);

    /* Refusals: what is not there, what is not allowed from here, who may not. */
    failing = 7;
    STATUS(RENKEI_NOT_FOUND,
           renkei_automation_start(store, "{\"trigger\": \"api\", \"database\": \"leads\", \"automation\": \"none\"}", N, &failing, &error));
    EXPECT(failing == 0);
    CODE(RENKEI_CONFLICT, "automation.disabled",
         renkei_automation_start(store, "{\"trigger\": \"api\", \"database\": \"leads\", \"automation\": \"asleep\"}", N, &failing, &error));
    STATUS(RENKEI_DENIED,
           renkei_automation_start(viewer, "{\"trigger\": \"api\", \"database\": \"leads\", \"automation\": \"follow\"}", N, &failing, &error));
    CODE(RENKEI_USAGE, "json",
         renkei_automation_start(store, "{\"trigger\": \"api\", \"database\": \"leads\", \"automation\": \"follow\", \"more\": 1}", N,
                                 &failing, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_automation_status(store, 1, &info, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_automation_entries(store, 1, 0, 0, 1, &json, &len, &error));
    EXPECT(renkei_store_close(viewer) == RENKEI_OK && renkei_store_close(store) == RENKEI_OK);
    return ended("automation");
}

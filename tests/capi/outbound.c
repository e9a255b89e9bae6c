/* What leaves a store, from C: deliveries, CSV pushes, http sends, mail, secrets, and transports of the host's own. */

#define _POSIX_C_SOURCE 200809L

#include "test.h"

#include "receiver.h"

static const char *BLUEPRINT =
    "{\"databases\": [{\"code\": \"leads\", \"name\": \"見込客\", \"fields\": ["
    "   {\"code\": \"number\", \"name\": \"番号\", \"type\": \"key\"},"
    "   {\"code\": \"name\", \"name\": \"氏名\", \"type\": \"text\"},"
    "   {\"code\": \"message\", \"name\": \"メッセージID\", \"type\": \"text\"}]}],"
    " \"targets\": [{\"code\": \"core\", \"name\": \"基幹\"}],"
    " \"mail_servers\": [{\"code\": \"office\", \"name\": \"社内\", \"host\": \"127.0.0.1\", \"port\": 9, \"security\": \"none\","
    "   \"from\": \"renkei@example.jp\"}],"
    " \"mail_templates\": [{\"database\": \"leads\", \"code\": \"thanks\", \"name\": \"お礼\", \"server\": \"office\","
    "   \"to\": [\"someone@example.jp\"], \"subject\": \"${name}様\", \"text\": \"お礼\"}],"
    " \"notice_mails\": [{\"database\": \"leads\", \"code\": \"told\", \"name\": \"通知\", \"on\": [\"registered\"],"
    "   \"template\": \"thanks\", \"enabled\": false}],"
    " \"csv_pushes\": [{\"database\": \"leads\", \"code\": \"all\", \"name\": \"連携\", \"url\": \"http://127.0.0.1:%d/push\","
    "   \"pairs\": [{\"key\": \"X-Memo\", \"value\": \"${@memo}\"}],"
    "   \"after_success\": [{\"field\": \"message\", \"value\": \"pushed\"}],"
    "   \"sending\": {\"target\": \"core\", \"retry\": {\"delays_seconds\": [0]}}}],"
    " \"http_sends\": [{\"database\": \"leads\", \"code\": \"sms\", \"name\": \"SMS\", \"url\": \"http://127.0.0.1:%d/sms\","
    "   \"body\": {\"format\": \"json\", \"rows\": [{\"key\": \"to\", \"value\": \"${name}\"}]},"
    "   \"save\": [{\"field\": \"message\", \"from\": {\"json\": \"/id\"}}],"
    "   \"sending\": {\"auth\": {\"type\": \"bearer\", \"token\": \"token\"}, \"retry\": {\"delays_seconds\": [0]}}}],"
    " \"lists\": [{\"database\": \"leads\", \"code\": \"all\", \"name\": \"一覧\", \"columns\": [\"number\", \"name\"],"
    "   \"menu\": {\"sub_menu\": [{\"csv_push\": \"all\"}], \"buttons\": [{\"http_send\": \"sms\"}],"
    "             \"pulldown\": [{\"http_send\": \"sms\"}]}}]}";

static const char *LOCAL = "{\"allow\": [\"127.0.0.0/8\"]}";

static unsigned char first_key[RENKEI_SECRET_KEY_BYTES] = "the first key of this test";
static unsigned char other_key[RENKEI_SECRET_KEY_BYTES] = "the other key of this test";

static struct receiver receiver;

static renkei_store *open_store(const char *path, const unsigned char *key)
{
    renkei_store_options options = renkei_store_options_init();
    renkei_store *store = NULL;
    options.create = 1;
    options.secret_key = key;
    options.secret_key_len = key == NULL ? 0 : RENKEI_SECRET_KEY_BYTES;
    OK(renkei_store_open(path, N, &options, &store, &error));
    return store;
}

static void run_with(renkei_store *store, const renkei_worker_options *options, uint64_t wanted)
{
    renkei_worker *worker = NULL;
    uint64_t count = 0;
    OK(renkei_worker_new(store, options, &worker, &error));
    OK(renkei_worker_run_until_idle(worker, &count, &error));
    if (count != wanted) {
        fprintf(stderr, "%u things were run instead of %u\n", (unsigned)count, (unsigned)wanted);
        failures++;
    }
    OK(renkei_worker_free(worker));
}

static void run(renkei_store *store, uint64_t wanted)
{
    renkei_worker_options options = renkei_worker_options_init();
    options.network = LOCAL;
    options.network_len = N;
    options.senders = 1;
    run_with(store, &options, wanted);
}

/* A delivery to a path of the receiver, with more members. */
static int64_t queue(renkei_store *store, const char *path, const char *more, const void *body, size_t body_len)
{
    char delivery[1024];
    int64_t id = 0;
    snprintf(delivery, sizeof delivery, "{\"url\": \"http://127.0.0.1:%d%s\"%s}", receiver.port, path, more);
    OK(renkei_delivery_queue(store, delivery, N, body, body_len, &id, &error));
    return id;
}

static renkei_delivery_info status_of(renkei_store *store, int64_t id)
{
    renkei_delivery_info info = renkei_delivery_info_init();
    OK(renkei_delivery_status(store, id, &info, &error));
    return info;
}

static int has(char *json, const char *wanted)
{
    int found = json != NULL && strstr(json, wanted) != NULL;
    if (!found) {
        fprintf(stderr, "%s is not in %s\n", wanted, json == NULL ? "nothing" : json);
    }
    OK(renkei_free(json));
    return found;
}

static int32_t give_key(void *user_data, uint8_t *out_key)
{
    if (*(int *)user_data != 0) {
        return *(int *)user_data;
    }
    memcpy(out_key, other_key, sizeof other_key);
    return 0;
}

/* Knows two secrets, and fails for the third. */
static int32_t vault(void *user_data, const char *name, size_t name_len, char *buffer, size_t capacity, size_t *out_len)
{
    const char *secret = is_text(name, name_len, "token") ? "from the vault" : "line";
    ++*(int *)user_data;
    if (is_text(name, name_len, "nothing")) {
        return RENKEI_NO_SECRET;
    }
    if (is_text(name, name_len, "closed")) {
        return 7;
    }
    if (is_text(name, name_len, "long")) {
        *out_len = capacity + 1;
        return 0;
    }
    EXPECT(capacity >= 16384);
    memcpy(buffer, secret, strlen(secret));
    *out_len = strlen(secret);
    return 0;
}

static void secrets(const char *folder)
{
    char path[1024];
    renkei_store *store, *other = NULL;
    renkei_store_options options = renkei_store_options_init();
    char *text;
    size_t len;
    int trouble = 0, asked = 0;
    int64_t id;
    snprintf(path, sizeof path, "%s/secrets.db", folder);
    store = open_store(path, first_key);
    OK(renkei_secret_put(store, "token", N, "3f9c", N, &error));
    OK(renkei_secret_put(store, "other", N, "x and y", 1, &error));
    CODE(RENKEI_USAGE, "secret.invalid", renkei_secret_put(store, "a b", N, "x", N, &error));
    OK(renkei_secret_names(store, &text, &len, &error));
    EXPECT(is_text(text, len, "[\"other\",\"token\"]"));
    OK(renkei_free(text));
    OK(renkei_secret_remove(store, "other", N, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_secret_remove(store, "other", N, &error));
    CODE(RENKEI_BAD_LENGTH, "c.length", renkei_secret_reseal(store, other_key, 31, &error));
    OK(renkei_secret_reseal(store, other_key, sizeof other_key, &error));
    CODE(RENKEI_USAGE, "secret.key", renkei_secret_put(store, "late", N, "x", N, &error));
    OK(renkei_secret_new_signing(store, &text, &len, &error));
    EXPECT(len > 40 && strncmp(text, "whsec_", 6) == 0);
    OK(renkei_free(text));
    OK(renkei_store_close(store));

    /* The new key, by a function that has it not every time. */
    options.secret_key_from = give_key;
    options.secret_key_user_data = &trouble;
    OK(renkei_store_open(path, N, &options, &store, &error));
    OK(renkei_secret_put(store, "late", N, "x", N, &error));
    trouble = 3;
    CODE(RENKEI_USAGE, "secret.key", renkei_secret_put(store, "later", N, "x", N, &error));
    trouble = 0;
    id = queue(store, "/ok", ", \"sending\": {\"auth\": {\"type\": \"header\", \"name\": \"X-Key\", \"value\": \"token\"}}", NULL, 0);
    run(store, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_DELIVERED);
    EXPECT(strcmp(receiver_header(&receiver, "x-key"), "3f9c") == 0);
    OK(renkei_store_close(store));

    /* Only one way at a time, and a key of the right length. */
    options.secret_key = first_key;
    options.secret_key_len = sizeof first_key;
    CODE(RENKEI_USAGE, "argument", renkei_store_open(path, N, &options, &other, &error));
    options.secret_key_from = NULL;
    options.secret_key_len = 16;
    CODE(RENKEI_BAD_LENGTH, "c.length", renkei_store_open(path, N, &options, &other, &error));
    EXPECT(other == NULL);

    /* Secrets that the host keeps. */
    options = renkei_store_options_init();
    options.secret_vault = vault;
    options.secret_vault_user_data = &asked;
    OK(renkei_store_open(path, N, &options, &store, &error));
    CODE(RENKEI_USAGE, "secret.key", renkei_secret_put(store, "token", N, "x", N, &error));
    id = queue(store, "/ok", ", \"text\": {\"text\": \"key=;\", \"slots\": [{\"at\": 4, \"secret\": \"token\", \"escape\": \"form\"}]}",
               NULL, 0);
    run(store, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_DELIVERED && asked == 1);
    EXPECT(strcmp(receiver.body, "key=from+the+vault;") == 0);
    id = queue(store, "/ok", ", \"sending\": {\"auth\": {\"type\": \"bearer\", \"token\": \"nothing\"}}", NULL, 0);
    run(store, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_FAILED && status_of(store, id).family == RENKEI_BEFORE_SENDING);
    OK(renkei_delivery_status_json(store, id, &text, &len, &error));
    EXPECT(has(text, "secret.not_found"));
    id = queue(store, "/ok", ", \"sending\": {\"auth\": {\"type\": \"bearer\", \"token\": \"closed\"}}", NULL, 0);
    run(store, 1);
    /* Tried again later. */
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_WAITING && status_of(store, id).attempts == 1);
    OK(renkei_delivery_status_json(store, id, &text, &len, &error));
    EXPECT(has(text, "secret_vault: 7"));
    OK(renkei_delivery_cancel(store, id, &error));
    id = queue(store, "/ok", ", \"sending\": {\"auth\": {\"type\": \"bearer\", \"token\": \"long\"}}", NULL, 0);
    run(store, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_WAITING);
    OK(renkei_store_close(store));
}

static void deliveries(renkei_store *store)
{
    renkei_worker_options options = renkei_worker_options_init();
    renkei_delivery_info info = renkei_delivery_info_init();
    renkei_worker *worker = NULL;
    renkei_verifier *verifier = NULL;
    char *json, *secret;
    char id_header[1024], time_header[1024];
    int64_t ids[3], id;
    int64_t now;
    uint64_t count;
    size_t len;

    /* Bytes, a signature, headers. */
    OK(renkei_secret_new_signing(store, &secret, &len, &error));
    OK(renkei_secret_put(store, "sign", N, secret, len, &error));
    ids[0] = queue(store, "/ok?a=1",
                   ", \"method\": \"PUT\", \"headers\": [{\"name\": \"X-One\", \"value\": \"いち\"}], \"priority\": \"high\","
                   " \"token\": \"once\", \"sending\": {\"signing\": {\"secrets\": [\"sign\"]}, \"target\": \"core\"}",
                   "b\0dy", 4);
    EXPECT(queue(store, "/ok", ", \"token\": \"once\"", NULL, 0) == ids[0]);
    info = status_of(store, ids[0]);
    EXPECT(info.id == ids[0] && info.state == RENKEI_DELIVERY_WAITING && info.body_bytes == 4 && info.attempts == 0);
    EXPECT(info.ended_at == 0 && info.started_at == 0 && info.expires_at == 0 && info.status == 0 && info.family == 0);
    run(store, 1);
    info = status_of(store, ids[0]);
    EXPECT(info.state == RENKEI_DELIVERY_DELIVERED && info.status == 200 && info.attempts == 1 && info.ended_at > 0);
    EXPECT(strncmp(receiver.last, "PUT /ok?a=1 HTTP/1.1\r\n", 22) == 0 && memcmp(receiver.body, "b\0dy", 4) == 0);
    EXPECT(strcmp(receiver_header(&receiver, "x-one"), "いち") == 0);
    snprintf(id_header, sizeof id_header, "%s", receiver_header(&receiver, "webhook-id"));
    snprintf(time_header, sizeof time_header, "%s", receiver_header(&receiver, "webhook-timestamp"));
    EXPECT(strcmp(receiver_header(&receiver, "idempotency-key"), id_header) == 0);

    /* The receiver's side. */
    OK(renkei_store_now(store, &now, &error));
    OK(renkei_verifier_new(0, &verifier, &error));
    OK(renkei_verifier_add(verifier, "whsec_AAAA", N, &error));
    CODE(RENKEI_INPUT, "signature.invalid",
         renkei_verifier_verify(verifier, id_header, N, time_header, N, receiver_header(&receiver, "webhook-signature"), N,
                                "b\0dy", 4, now, &error));
    OK(renkei_verifier_add(verifier, secret, N, &error));
    OK(renkei_verifier_verify(verifier, id_header, N, time_header, N, receiver_header(&receiver, "webhook-signature"), N,
                              "b\0dy", 4, now, &error));
    STATUS(RENKEI_INPUT,
           renkei_verifier_verify(verifier, id_header, N, time_header, N, receiver_header(&receiver, "webhook-signature"), N,
                                  "body", 4, now, &error));
    STATUS(RENKEI_INPUT,
           renkei_verifier_verify(verifier, id_header, N, time_header, N, receiver_header(&receiver, "webhook-signature"), N,
                                  "b\0dy", 4, now + 600000, &error));
    CODE(RENKEI_USAGE, "secret.invalid", renkei_verifier_add(verifier, "whsec_*", N, &error));
    OK(renkei_verifier_free(verifier));
    EXPECT(renkei_verifier_free(verifier) == RENKEI_BAD_HANDLE);
    OK(renkei_free(secret));

    /* Bodies as JSON and as a stored file; none; two are refused. */
    queue(store, "/json", ", \"json\": {\"order\": \"A-1\"}", NULL, 0);
    run(store, 1);
    EXPECT(strcmp(receiver.body, "{\"order\":\"A-1\"}") == 0);
    EXPECT(strcmp(receiver_header(&receiver, "content-type"), "application/json") == 0);
    OK(renkei_file_put(store, "a.csv", N, "a,b\r\n", 5, &id, &error));
    {
        char file[64];
        snprintf(file, sizeof file, ", \"file\": %" PRId64, id);
        queue(store, "/file", file, NULL, 0);
    }
    run(store, 1);
    EXPECT(strcmp(receiver.body, "a,b\r\n") == 0);
    queue(store, "/get", ", \"method\": \"GET\"", NULL, 0);
    run(store, 1);
    EXPECT(strncmp(receiver.last, "GET /get ", 9) == 0 && receiver.body[0] == '\0');
    CODE(RENKEI_USAGE, "argument",
         renkei_delivery_queue(store, "{\"url\": \"http://127.0.0.1/\", \"text\": \"a\"}", N, "b", 1, &id, &error));
    CODE(RENKEI_USAGE, "json", renkei_delivery_queue(store, "{\"uri\": \"http://127.0.0.1/\"}", N, NULL, 0, &id, &error));
    STATUS(RENKEI_USAGE, renkei_delivery_queue(store, "{\"url\": \"ftp://127.0.0.1/\"}", N, NULL, 0, &id, &error));
    EXPECT(id == 0);

    /* A refusal, its attempts, and what is replayed. */
    ids[1] = queue(store, "/refuse", ", \"text\": \"x\"", NULL, 0);
    ids[2] = queue(store, "/refuse", ", \"order_key\": \"k\"", NULL, 0);
    run(store, 2);
    info = status_of(store, ids[1]);
    EXPECT(info.state == RENKEI_DELIVERY_FAILED && info.family == RENKEI_ANSWER_REFUSED && info.status == 404);
    OK(renkei_delivery_attempts(store, ids[1], &json, &len, &error));
    EXPECT(has(json, "\"answer\":\"nobody\""));
    OK(renkei_delivery_status_json(store, ids[1], &json, &len, &error));
    EXPECT(has(json, "\"code\":\"answer.refused\""));
    OK(renkei_delivery_all(store, "{\"state\": \"failed\"}", N, 0, 10, &json, &len, &error));
    EXPECT(strstr(json, "\"status\":404") != NULL && strstr(json, "\"status\":200") == NULL);
    OK(renkei_free(json));
    OK(renkei_delivery_all(store, NULL, 0, ids[1], 1, &json, &len, &error));
    EXPECT(has(json, "/get"));
    CODE(RENKEI_USAGE, "json", renkei_delivery_all(store, "{\"states\": 1}", N, 0, 1, &json, &len, &error));
    OK(renkei_delivery_replay(store, ids[1], &error));
    CODE(RENKEI_CONFLICT, "delivery.state", renkei_delivery_replay(store, ids[1], &error));
    /* All or none. */
    STATUS(RENKEI_CONFLICT, renkei_delivery_replay_all(store, ids, 3, &error));
    run(store, 1);
    OK(renkei_delivery_replay_all(store, ids, 3, &error));
    run(store, 3);
    OK(renkei_delivery_replay_failed(store, "{\"ended_since\": 1}", N, &count, &error));
    EXPECT(count == 2);
    OK(renkei_delivery_cancel(store, ids[1], &error));
    CODE(RENKEI_CONFLICT, "delivery.state", renkei_delivery_cancel(store, ids[1], &error));
    EXPECT(status_of(store, ids[1]).state == RENKEI_DELIVERY_CANCELLED);
    run(store, 1);
    OK(renkei_delivery_replay_failed(store, "{\"ended_since\": 99999999999999}", N, &count, &error));
    EXPECT(count == 0);
    STATUS(RENKEI_NOT_FOUND, renkei_delivery_status(store, 1 << 30, &info, &error));
    EXPECT(info.id == 0);

    /* Targets. */
    OK(renkei_target_disable(store, "core", N, "maintenance", N, &error));
    ids[0] = queue(store, "/ok", ", \"sending\": {\"target\": \"core\"}", NULL, 0);
    run(store, 0);
    OK(renkei_target_all(store, &json, &len, &error));
    EXPECT(strstr(json, "\"maintenance\"") != NULL && strstr(json, "\"disabled\"") != NULL);
    OK(renkei_free(json));
    STATUS(RENKEI_NOT_FOUND, renkei_target_enable(store, "nothing", N, &error));
    OK(renkei_target_enable(store, "core", N, &error));
    OK(renkei_delivery_wait(store, ids[0], 0, &info, &error));
    EXPECT(info.state == RENKEI_DELIVERY_WAITING);

    /* A worker in the background. */
    options.network = LOCAL;
    options.network_len = N;
    OK(renkei_worker_new(store, &options, &worker, &error));
    OK(renkei_worker_start(worker, &error));
    OK(renkei_delivery_wait(store, ids[0], 120000, &info, &error));
    EXPECT(info.state == RENKEI_DELIVERY_DELIVERED);
    OK(renkei_worker_stop(worker, &error));
    OK(renkei_worker_free(worker));
    OK(renkei_delivery_metrics(store, &json, &len, &error));
    EXPECT(strstr(json, "\"waiting\":0") != NULL && strstr(json, "\"p99_us\"") != NULL);
    OK(renkei_free(json));
    options.network = "{\"allow\": [\"10.0.0.0/99\"]}";
    CODE(RENKEI_USAGE, "json", renkei_worker_new(store, &options, &worker, &error));
}

static void runs(renkei_store *store)
{
    renkei_push_info push = renkei_push_info_init();
    renkei_http_send_info sent = renkei_http_send_info_init();
    char *json;
    size_t len;
    int64_t run_id, again;
    uint64_t count;
    const char *request = "{\"database\": \"leads\", \"list\": \"all\", \"push\": \"all\", \"memo\": \"C\", \"token\": \"t\","
                          " \"condition\": {\"field\": \"number\", \"op\": \"one_of\", \"values\": [\"1\", \"2\"]}}";

    OK(renkei_push_all(store, "leads", N, &json, &len, &error));
    EXPECT(has(json, "\"code\":\"all\""));
    OK(renkei_push_start(store, request, N, &run_id, &error));
    OK(renkei_push_start(store, request, N, &again, &error));
    EXPECT(run_id != 0 && run_id == again);
    OK(renkei_push_status(store, run_id, &push, &error));
    EXPECT(push.run_id == run_id && push.state == RENKEI_RUN_RESERVED && push.records == 2 && push.lines == 2);
    EXPECT(push.delivery_id != 0 && push.delivery_state == RENKEI_DELIVERY_WAITING && push.bytes > 0 && push.list_id > 0);
    /* The delivery, then the update of the records. */
    run(store, 2);
    OK(renkei_push_wait(store, run_id, 120000, &push, &error));
    EXPECT(push.state == RENKEI_RUN_COMPLETED && push.status == 200 && push.attempts == 1 && push.updated == 2);
    EXPECT(push.ended_at > 0 && push.not_updated == 0 && push.family == 0);
    EXPECT(strcmp(receiver.body, "番号,氏名\r\n2,鈴木\r\n1,佐藤\r\n") == 0 || strcmp(receiver.body, "番号,氏名\r\n1,佐藤\r\n2,鈴木\r\n") == 0);
    EXPECT(strcmp(receiver_header(&receiver, "x-memo"), "C") == 0);
    OK(renkei_push_status_json(store, run_id, &json, &len, &error));
    EXPECT(has(json, "\"memo\":\"C\""));
    CODE(RENKEI_CONFLICT, "job.state", renkei_push_cancel(store, run_id, &error));
    OK(renkei_push_start(store, "{\"database\": \"leads\", \"list\": \"all\", \"push\": \"all\", \"records\": [{\"key\": \"3\"}, {\"id\": 1}]}", N,
                         &run_id, &error));
    OK(renkei_push_cancel(store, run_id, &error));
    OK(renkei_push_status(store, run_id, &push, &error));
    EXPECT(push.state == RENKEI_RUN_CANCELLED && push.records == 2);
    OK(renkei_push_runs(store, 0, 10, &json, &len, &error));
    EXPECT(has(json, "\"cancelled\""));
    OK(renkei_push_runs(store, 999999, 10, &json, &len, &error));
    EXPECT(has(json, "[]"));
    CODE(RENKEI_USAGE, "argument",
         renkei_push_start(store, "{\"database\": \"leads\", \"list\": \"all\", \"push\": \"all\", \"records\": [{}]}", N, &run_id, &error));
    CODE(RENKEI_USAGE, "json", renkei_push_start(store, "{\"database\": \"leads\"}", N, &run_id, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_push_status(store, 12345, &push, &error));

    OK(renkei_http_send_all(store, "leads", N, &json, &len, &error));
    EXPECT(has(json, "\"code\":\"sms\""));
    OK(renkei_http_send_start(store, "{\"trigger\": \"button\", \"database\": \"leads\", \"list\": \"all\", \"send\": \"sms\","
                              " \"records\": [{\"key\": \"3\"}], \"memo\": \"m\"}", N, &run_id, &error));
    OK(renkei_http_send_status(store, run_id, &sent, &error));
    EXPECT(sent.run_id == run_id && sent.waiting == 1 && sent.state == RENKEI_RUN_RESERVED && sent.database_id > 0);
    run(store, 1);
    OK(renkei_http_send_wait(store, run_id, 120000, &sent, &error));
    EXPECT(sent.state == RENKEI_RUN_COMPLETED && sent.delivered == 1 && sent.failed == 0 && sent.ended_at > 0);
    EXPECT(strcmp(receiver.body, "{\"to\":\"高橋\"}") == 0);
    EXPECT(strcmp(receiver_header(&receiver, "authorization"), "Bearer t-123456") == 0);
    OK(renkei_http_send_status_json(store, run_id, &json, &len, &error));
    EXPECT(has(json, "\"saved\":true"));
    OK(renkei_record_view_json(store, "leads", N, "3", N, 0, &json, &len, &error));
    EXPECT(has(json, "m-1"));
    OK(renkei_http_send_start(store, "{\"trigger\": \"pulldown\", \"database\": \"leads\", \"list\": \"all\", \"send\": \"sms\","
                              " \"records\": [{\"key\": \"1\"}, {\"key\": \"2\"}]}", N, &run_id, &error));
    OK(renkei_http_send_cancel(store, run_id, &count, &error));
    EXPECT(count == 2);
    CODE(RENKEI_CONFLICT, "job.state", renkei_http_send_cancel(store, run_id, &count, &error));
    OK(renkei_http_send_status(store, run_id, &sent, &error));
    EXPECT(sent.cancelled == 2);
    OK(renkei_http_send_runs(store, 1, &json, &len, &error));
    EXPECT(has(json, "\"pulldown\""));
    STATUS(RENKEI_USAGE,
           renkei_http_send_start(store, "{\"trigger\": \"timer\", \"database\": \"leads\", \"list\": \"all\", \"send\": \"sms\","
                                  " \"records\": [{\"key\": \"1\"}]}", N, &run_id, &error));
    EXPECT(run_id == 0);
}

/* What the transports of this program saw, and what they are to do. */
struct carried {
    int calls;
    int mails;
    renkei_outgoing *kept;
    char last[4096];
};

static void carry(void *user_data, renkei_outgoing *outgoing)
{
    struct carried *carried = user_data;
    renkei_outgoing_info info = renkei_outgoing_info_init();
    const char *name, *value;
    char *addresses;
    char url[512], piece[3];
    size_t len, name_len, value_len, at;
    carried->calls++;
    carried->kept = outgoing;
    OK(renkei_outgoing_describe(outgoing, &info, &error));
    EXPECT(is_text(info.method, info.method_len, "POST") && info.channel == RENKEI_CHANNEL_HTTP && info.port == 81);
    EXPECT(is_text(info.host, info.host_len, "c.example") && info.timeout_ms > 0 && info.timeout_ms <= 30000);
    EXPECT(info.connect_timeout_ms == 5000 && info.answer_bytes == 8 && info.accept_any_certificate == 0);
    EXPECT(is_text(info.user, info.user_len, "hanako") && is_text(info.password, info.password_len, "t-123456"));
    EXPECT(info.ca_certificates == NULL && info.proxy == NULL && info.has_body == 1);
    EXPECT(info.url_len < sizeof url);
    memcpy(url, info.url, info.url_len);
    url[info.url_len] = '\0';
    carried->last[0] = '\0';
    for (at = 0; at < info.header_count; at++) {
        OK(renkei_outgoing_header(outgoing, at, &name, &name_len, &value, &value_len, &error));
        if (is_text(name, name_len, "x-a")) {
            strncat(carried->last, value, value_len);
        }
    }
    CODE(RENKEI_USAGE, "argument",
         renkei_outgoing_header(outgoing, info.header_count, &name, &name_len, &value, &value_len, &error));
    EXPECT(name == NULL && value_len == 0);
    strcat(carried->last, "|");
    do {
        OK(renkei_outgoing_read(outgoing, piece, sizeof piece, &len, &error));
        strncat(carried->last, piece, len);
    } while (len > 0);
    if (strstr(url, "/refused") != NULL) {
        CODE(RENKEI_REMOTE, "network.refused", renkei_outgoing_addresses(outgoing, &addresses, &len, &error));
        EXPECT(addresses == NULL);
        OK(renkei_outgoing_fail(outgoing, RENKEI_BEFORE_SENDING, NULL, 0, &error));
        return;
    }
    if (strstr(url, "/silent") != NULL) {
        return;
    }
    OK(renkei_outgoing_addresses(outgoing, &addresses, &len, &error));
    EXPECT(is_text(addresses, len, "127.0.0.1 127.0.0.2"));
    OK(renkei_free(addresses));
    if (strstr(url, "/broken") != NULL) {
        OK(renkei_outgoing_answer(outgoing, 200, &error));
        OK(renkei_outgoing_fail(outgoing, RENKEI_UNANSWERED, "it hung up", N, &error));
        return;
    }
    CODE(RENKEI_USAGE, "argument", renkei_outgoing_fail(outgoing, 9, NULL, 0, &error));
    CODE(RENKEI_USAGE, "argument", renkei_outgoing_answer(outgoing, 99, &error));
    CODE(RENKEI_USAGE, "argument", renkei_outgoing_times(outgoing, "nowhere", N, 0, 0, 0, &error));
    OK(renkei_outgoing_answer(outgoing, strstr(url, "/busy") != NULL ? 503 : 202, &error));
    OK(renkei_outgoing_answer_header(outgoing, "Retry-After", N, "3600", N, &error));
    OK(renkei_outgoing_answer_body(outgoing, "abcde", 5, &error));
    OK(renkei_outgoing_answer_body(outgoing, "fghij", 5, &error));
    OK(renkei_outgoing_times(outgoing, "127.0.0.1:81", N, 1000, 0, 2500, &error));
}

static void carry_mail(void *user_data, renkei_outgoing *outgoing)
{
    struct carried *carried = user_data;
    renkei_outgoing_info info = renkei_outgoing_info_init();
    carried->mails++;
    OK(renkei_outgoing_describe(outgoing, &info, &error));
    EXPECT(info.channel == RENKEI_CHANNEL_MAIL);
    OK(renkei_outgoing_answer(outgoing, 250, &error));
}

static int32_t resolve(void *user_data, const char *host, size_t host_len, char *buffer, size_t capacity, size_t *out_len)
{
    const char *addresses = user_data;
    if (!is_text(host, host_len, "c.example")) {
        return 1;
    }
    *out_len = strlen(addresses);
    EXPECT(*out_len < capacity);
    memcpy(buffer, addresses, *out_len);
    return 0;
}

struct noticed {
    int failed;
    int opened;
};

static void notice(void *user_data, const renkei_notice *notice)
{
    struct noticed *noticed = user_data;
    EXPECT(notice->size == sizeof *notice && notice->why != NULL && notice->why_len > 0);
    if (notice->kind == RENKEI_NOTICE_FAILED) {
        EXPECT(notice->delivery_id > 0 && is_text(notice->made_by, notice->made_by_len, "host") && notice->target == NULL);
        noticed->failed++;
    }
    if (notice->kind == RENKEI_NOTICE_CIRCUIT_OPENED) {
        EXPECT(notice->failures > 0 && notice->target != NULL);
        noticed->opened++;
    }
}

static int64_t queue_carried(renkei_store *store, const char *path)
{
    char delivery[512];
    int64_t id;
    snprintf(delivery, sizeof delivery,
             "{\"url\": \"http://c.example:81%s\", \"headers\": [{\"name\": \"X-A\", \"value\": \"b\"}], \"text\": \"本文\","
             " \"sending\": {\"answer_bytes\": 8, \"retry\": {\"delays_seconds\": [0, 60]},"
             "  \"auth\": {\"type\": \"basic\", \"user\": \"hanako\", \"password\": \"token\"}}}",
             path);
    OK(renkei_delivery_queue(store, delivery, N, NULL, 0, &id, &error));
    return id;
}

static void transports(renkei_store *store)
{
    /* What a look-up gets may be asked for after the worker is gone. */
    static char addresses[] = "127.0.0.1 127.0.0.2";
    renkei_worker_options options = renkei_worker_options_init();
    renkei_outgoing_info described = renkei_outgoing_info_init();
    struct carried carried;
    struct noticed noticed = {0, 0};
    char *json;
    size_t len;
    int64_t id;
    memset(&carried, 0, sizeof carried);
    options.network = LOCAL;
    options.network_len = N;
    options.resolver = resolve;
    options.resolver_user_data = addresses;
    options.http_transport = carry;
    options.http_transport_user_data = &carried;
    options.mail_transport = carry_mail;
    options.mail_transport_user_data = &carried;
    options.notice = notice;
    options.notice_user_data = &noticed;
    options.senders = 1;

    id = queue_carried(store, "/a");
    run_with(store, &options, 1);
    EXPECT(carried.calls == 1 && strcmp(carried.last, "b|本文") == 0);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_DELIVERED && status_of(store, id).status == 202);
    OK(renkei_delivery_attempts(store, id, &json, &len, &error));
    EXPECT(strstr(json, "\"answer\":\"abcdefgh\"") != NULL && strstr(json, "\"answer_is_cut\":true") != NULL);
    EXPECT(strstr(json, "\"connect_us\":1000") != NULL && strstr(json, "\"tls_us\":null") != NULL);
    EXPECT(has(json, "\"address\":\"127.0.0.1:81\""));
    /* The message is gone with the call. */
    STATUS(RENKEI_BAD_HANDLE, renkei_outgoing_describe(carried.kept, &described, &error));
    STATUS(RENKEI_BAD_HANDLE, renkei_outgoing_answer(carried.kept, 200, &error));

    id = queue_carried(store, "/silent");
    run_with(store, &options, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_WAITING && status_of(store, id).family == RENKEI_UNANSWERED);
    OK(renkei_delivery_cancel(store, id, &error));
    id = queue_carried(store, "/broken");
    run_with(store, &options, 1);
    EXPECT(status_of(store, id).family == RENKEI_UNANSWERED && status_of(store, id).status == 200);
    OK(renkei_delivery_status_json(store, id, &json, &len, &error));
    EXPECT(has(json, "it hung up"));
    OK(renkei_delivery_cancel(store, id, &error));
    /* Refused by the policy: for good, and with its code. */
    options.network = NULL;
    id = queue_carried(store, "/refused");
    run_with(store, &options, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_FAILED && status_of(store, id).family == RENKEI_BEFORE_SENDING);
    OK(renkei_delivery_status_json(store, id, &json, &len, &error));
    EXPECT(has(json, "\"code\":\"network.refused\""));
    EXPECT(noticed.failed == 1);
    options.network = LOCAL;
    /* Retry-After holds the target; then nothing is sent to it. */
    id = queue_carried(store, "/busy");
    run_with(store, &options, 1);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_WAITING && status_of(store, id).due_at > status_of(store, id).started_at + 3500000);
    OK(renkei_delivery_cancel(store, id, &error));
    OK(renkei_target_enable(store, "http://c.example:81", N, &error));

    /* Mail, by the host's own transport. */
    OK(renkei_delivery_queue(store, "{\"channel\": \"mail\", \"url\": \"smtp://c.example:25\", \"text\": \"Subject: a\\r\\n\\r\\nb\"}", N, NULL,
                             0, &id, &error));
    run_with(store, &options, 1);
    EXPECT(carried.mails == 1 && status_of(store, id).status == 250 && status_of(store, id).state == RENKEI_DELIVERY_DELIVERED);

    /* The resolver alone, with the library's own transport. */
    options.http_transport = NULL;
    id = queue(store, "/ok", "", NULL, 0);
    {
        char delivery[256];
        snprintf(delivery, sizeof delivery, "{\"url\": \"http://c.example:%d/by-name\"}", receiver.port);
        OK(renkei_delivery_queue(store, delivery, N, NULL, 0, &id, &error));
    }
    run_with(store, &options, 2);
    EXPECT(status_of(store, id).state == RENKEI_DELIVERY_DELIVERED);
    EXPECT(strncmp(receiver_header(&receiver, "host"), "c.example:", 10) == 0);
    OK(renkei_delivery_queue(store, "{\"url\": \"http://unknown.example/\"}", N, NULL, 0, &id, &error));
    run_with(store, &options, 1);
    OK(renkei_delivery_status_json(store, id, &json, &len, &error));
    EXPECT(has(json, "network.host"));
    OK(renkei_delivery_cancel(store, id, &error));
}

static int64_t now_of_host(void *user_data)
{
    return *(int64_t *)user_data;
}

/* The whole plan of a delivery, by the host's own source of time. */
static void plan(const char *folder)
{
    static int64_t now = 1769819400000;
    renkei_store_options options = renkei_store_options_init();
    renkei_delivery_info info = renkei_delivery_info_init();
    renkei_store *store = NULL;
    int64_t id, told;
    uint32_t attempt;
    options.create = 1;
    options.now = now_of_host;
    options.now_user_data = &now;
    OK(renkei_store_open(in_folder(folder, "plan.db"), N, &options, &store, &error));
    OK(renkei_store_now(store, &told, &error));
    EXPECT(told == now);
    id = queue(store, "/busy", "", NULL, 0);
    for (attempt = 1; attempt <= 10; attempt++) {
        run(store, 1);
        info = status_of(store, id);
        EXPECT(info.attempts == attempt && info.status == 503);
        EXPECT(info.state == (attempt < 10 ? RENKEI_DELIVERY_WAITING : RENKEI_DELIVERY_FAILED));
        EXPECT(attempt == 10 || info.due_at > now);
        now = info.due_at;
    }
    EXPECT((now - told) / 3600000 >= 60 && (now - told) / 3600000 <= 91);
    OK(renkei_store_close(store));
}

static void mail(renkei_store *store)
{
    const char *whole = "{\"server\": \"office\", \"subject\": \"請求書\", \"to\": [\"a@example.jp\"], \"cc\": [\"b@example.jp\"],"
                        " \"bcc\": [\"c@example.jp\"], \"from\": \"d@example.jp\", \"reply_to\": \"e@example.jp\", \"text\": \"本文\","
                        " \"html\": \"<p>本文</p>\", \"token\": \"t\","
                        " \"attachments\": [{\"name\": \"a.csv\", \"text\": \"a,b\"}, {\"name\": \"b.bin\", \"base64\": \"AAEC\","
                        " \"content_type\": \"application/octet-stream\"}]}";
    char *json;
    size_t len;
    int64_t id;
    OK(renkei_mail_server_all(store, &json, &len, &error));
    EXPECT(has(json, "\"office\""));
    OK(renkei_mail_template_all(store, "leads", N, &json, &len, &error));
    EXPECT(has(json, "\"thanks\""));
    OK(renkei_notice_mail_all(store, "leads", N, &json, &len, &error));
    EXPECT(has(json, "\"told\""));
    OK(renkei_notice_mail_status(store, "leads", N, "told", N, &json, &len, &error));
    EXPECT(has(json, "\"enabled\":false,\"waiting\":0"));
    STATUS(RENKEI_NOT_FOUND, renkei_notice_mail_status(store, "leads", N, "nothing", N, &json, &len, &error));
    CODE(RENKEI_USAGE, "json", renkei_mail_send(store, "{\"server\": \"office\", \"subjects\": \"a\"}", N, &id, &error));
    CODE(RENKEI_USAGE, "argument",
         renkei_mail_send(store, "{\"server\": \"office\", \"subject\": \"a\", \"attachments\": [{\"name\": \"a\", \"base64\": \"*\"}]}", N,
                          &id, &error));
    CODE(RENKEI_USAGE, "argument",
         renkei_mail_send(store, "{\"server\": \"office\", \"subject\": \"a\", \"attachments\": [{\"text\": \"a\"}]}", N, &id, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_mail_send(store, "{\"server\": \"nothing\", \"subject\": \"a\"}", N, &id, &error));
    STATUS(RENKEI_NOT_FOUND, renkei_mail_send_about(store, "leads", N, "thanks", N, "99", N, 0, &id, &error));
#ifdef RENKEI_TEST_MAIL
    {
        int64_t again;
        OK(renkei_mail_send(store, whole, N, &id, &error));
        OK(renkei_mail_send(store, whole, N, &again, &error));
        EXPECT(id != 0 && id == again);
        OK(renkei_delivery_cancel(store, id, &error));
        OK(renkei_mail_send_about(store, "leads", N, "thanks", N, "1", N, 0, &id, &error));
        OK(renkei_delivery_cancel(store, id, &error));
    }
#else
    /* The functions are there whatever the library was built with, and say what is missing. */
    CODE(RENKEI_USAGE, "mail.feature", renkei_mail_send(store, whole, N, &id, &error));
    CODE(RENKEI_USAGE, "mail.feature", renkei_mail_send_about(store, "leads", N, "thanks", N, NULL, 0, 1, &id, &error));
#endif
}

static void outbox(renkei_store *store)
{
    renkei_transaction *transaction = NULL;
    renkei_record *record = NULL;
    char delivery[128];
    char *json;
    size_t len;
    uint64_t count;
    int64_t id, kept;
    snprintf(delivery, sizeof delivery, "{\"url\": \"http://127.0.0.1:%d/ok\"}", receiver.port);
    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_register_json(transaction, "leads", N, "{\"number\": \"9\", \"name\": \"新\"}", N, NULL, NULL, &error));
    /* What was written here is seen here, and nowhere else. */
    OK(renkei_transaction_count(transaction, "leads", N, NULL, 0, &count, &error));
    EXPECT(count == 4);
    OK(renkei_transaction_count(transaction, "leads", N, "{\"field\": \"number\", \"op\": \"equals\", \"value\": \"9\"}", N, &count, &error));
    EXPECT(count == 1);
    OK(renkei_query_count(store, "leads", N, NULL, 0, &count, &error));
    EXPECT(count == 3);
    OK(renkei_transaction_view(transaction, "leads", N, "9", N, 0, &record, &error));
    OK(renkei_record_free(record));
    OK(renkei_transaction_view_json(transaction, "leads", N, "9", N, 0, &json, &len, &error));
    EXPECT(has(json, "新"));
    OK(renkei_transaction_find(transaction, "leads", N, "9", N, 0, &record, &error));
    EXPECT(record != NULL);
    OK(renkei_record_free(record));
    OK(renkei_transaction_find(transaction, "leads", N, "77", N, 0, &record, &error));
    EXPECT(record == NULL);
    STATUS(RENKEI_NOT_FOUND, renkei_transaction_view(transaction, "leads", N, "77", N, 0, &record, &error));
    OK(renkei_transaction_page(transaction, "leads", N, "{\"limit\": 1, \"sort\": [{\"field\": \"number\", \"descending\": true}]}", N, &json,
                               &len, &error));
    EXPECT(has(json, "新"));
    OK(renkei_transaction_deliver(transaction, delivery, N, "gone", 4, &id, &error));
    EXPECT(id != 0);
    OK(renkei_transaction_rollback(transaction));
    run(store, 0);
    OK(renkei_transaction_begin(store, &transaction, &error));
    OK(renkei_transaction_deliver(transaction, delivery, N, "kept", 4, &kept, &error));
    OK(renkei_transaction_commit(transaction, &error));
    run(store, 1);
    EXPECT(strcmp(receiver.body, "kept") == 0 && status_of(store, kept).state == RENKEI_DELIVERY_DELIVERED);
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    char path[1024], blueprint[8192];
    renkei_store *store;
    char *json;
    size_t len;
    receiver_start(&receiver);
    secrets(folder);
    plan(folder);
    snprintf(path, sizeof path, "%s/outbound.db", folder);
    store = open_store(path, first_key);
    snprintf(blueprint, sizeof blueprint, BLUEPRINT, receiver.port, receiver.port);
    OK(renkei_blueprint_apply(store, blueprint, N, &json, &len, &error));
    OK(renkei_free(json));
    OK(renkei_secret_put(store, "token", N, "t-123456", N, &error));
    OK(renkei_record_register_all_json(store, "leads", N,
                                       "[{\"number\": \"1\", \"name\": \"佐藤\"}, {\"number\": \"2\", \"name\": \"鈴木\"},"
                                       " {\"number\": \"3\", \"name\": \"高橋\"}]", N, NULL, &json, &len, &error));
    OK(renkei_free(json));
    deliveries(store);
    runs(store);
    transports(store);
    mail(store);
    outbox(store);
    OK(renkei_store_close(store));
    receiver_end(&receiver);
    return ended("outbound");
}

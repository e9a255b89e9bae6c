/*
 * A small, real HTTP/1.1 host around the Web API, in C: programs that talk to 働くDB / 楽楽販売 talk to it unchanged. The same
 * as examples/host, with the same arguments.
 *
 *     examples/run.sh host
 *
 * makes a demo store of real data, prints a token and a curl line for each of the nine functions, and serves them until
 * Ctrl-C. By hand, from the folder of the project:
 *
 *     include/install.sh --prefix "$PWD/target/c"
 *     cc -std=c99 -O2 -pthread examples/c/host.c -Itarget/c/include -Ltarget/c/lib -lrenkei -Wl,-rpath,"$PWD/target/c/lib" -o target/c/host
 *     target/c/host --help
 *
 * How it works: one thread accepts; each connection has a thread of its own, up to a cap, beyond which clients wait in the
 * queue of the system. Sockets do not block: every wait is a poll() with a time, so a client that says or takes nothing is let
 * go. A signal writes a letter into a pipe, which wakes the accepting thread; when it is to end, it closes a second pipe, which
 * wakes every connection that waits for its next request.
 */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "renkei.h"

#define N RENKEI_NTS

/* The longest head of a request, and the most headers of one. */
#define HEAD (64 << 10)
#define HEADERS 100
/* What is read or sent at once. */
#define PIECE (64 << 10)
/* A whole body may take this many times as long as its next piece. */
#define PATIENCES 20
/* How long, and how many bytes of it, a client is listened to that still sends when everything was said. */
#define LINGER_MS 2000
#define LINGERED (16 << 20)

static const char *HELP =
    "Serves the Web API of a store over HTTP/1.1.\n\n"
    "    host [--store FILE] [options]\n\n"
    "Without --store it makes a demo store from examples/data, and prints a token and a curl line for each function.\n\n"
    "What is served:\n"
    "    --store FILE            the store; it is made if there is none and a blueprint is given\n"
    "    --blueprint B.json      the definitions, applied before anything else\n"
    "    --account NAME          the first segment of every path; default: abc1de2\n"
    "    --listen ADDRESS:PORT   default: 127.0.0.1:8080; with port 0 the system chooses one, and it is printed\n"
    "    --proxy-trust RANGE...  the proxies (192.0.2.7, 10.0.0.0/8) whose X-Forwarded-For is believed; kept in the store\n"
    "    --network-allow NAME... the receivers of deliveries beyond the public internet: ranges, addresses or host names\n"
    "    --issue-token USER      issue a token for this user of the store, print it, and serve nothing\n"
    "    --definitions           print the definitions of the store with the ids that calls name, as JSON, and serve nothing\n"
    "    --rejects PROCESS       print what an import has refused, as the CSV file to be mended, and serve nothing\n"
    "    --maintenance           begin in maintenance mode; the signal USR1 switches it off and on\n\n"
    "How much of it:\n"
    "    --upload-mib N          the largest uploaded file; default: 5\n"
    "    --upload-lines N        the most lines of one; default: 50000\n"
    "    --export-records N      the most records of one csvexport; default: 10000\n"
    "    --export-cp932          CSV in Shift_JIS instead of UTF-8\n"
    "    --connections N         connections at once; more wait until one is free; default: 256\n"
    "    --patience SECONDS      how long a client may say nothing, in the middle of something or between two requests;\n"
    "                            default: 30\n"
    "    --farewell SECONDS      how long answers that have begun may still take when the host is stopped; default: 10\n"
    "    --quiet                 log no requests, only what went wrong\n\n"
    "Encryption is the business of a proxy in front. The signals TERM and INT stop it gracefully: answers are finished, and a\n"
    "running import is parked where it is and goes on when the host is started again.\n\n"
    "Exit code: 0 when it was stopped, 1 when something failed, 2 when the arguments do not fit.\n";

/* -- The end of the program, and what is said on the way --------------------------------------------------------------- */

static int quiet;

/* Ends the program with a message. */
static void stop(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs(code == 2 ? "\nTry --help.\n" : "\n", stderr);
    va_end(arguments);
    exit(code);
}

/* Ends the program when a call of the library has failed. about may be NULL. (The error comes by its place: C does not say
 * that the call, which is an argument too, is made before another argument is read.) */
static void check(renkei_status status, renkei_error **error, const char *about)
{
    if (status != RENKEI_OK) {
        int is_usage = status == RENKEI_USAGE || status == RENKEI_DEFINITION || status == RENKEI_INCOMPATIBLE;
        stop(is_usage ? 2 : 1, "%s%s%s", about != NULL ? about : "", about != NULL ? ": " : "",
             renkei_error_message(*error, RENKEI_ENGLISH, NULL));
    }
}

static void log_line(const char *level, const char *format, ...)
{
    va_list arguments;
    char line[2048];
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%-5s %s\n", level, line);
}

static void log_message(void *user_data, uint32_t level, const char *message, size_t len)
{
    static const char *const LEVELS[] = {"", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
    (void)user_data;
    fprintf(stderr, "%-5s %.*s\n", LEVELS[level <= RENKEI_LOG_TRACE ? level : 0], (int)len, message);
}

/* A text that grows. */
struct text {
    char *bytes;
    size_t len, capacity;
};

static void append(struct text *text, const char *bytes, size_t len)
{
    if (text->len + len + 1 > text->capacity) {
        text->capacity = 2 * (text->len + len + 1);
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) {
            stop(1, "there is no memory");
        }
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
}

static void append_string(struct text *text, const char *string)
{
    append(text, string, strlen(string));
}

/* -- Arguments --------------------------------------------------------------------------------------------------------- */

struct arguments {
    const char *store, *blueprint, *account, *listen, *issue_token;
    /* As a JSON array; empty when none were given. */
    struct text proxies, network;
    int connections, patience_ms, farewell_seconds, definitions;
    int64_t rejects;
    renkei_webapi_options options;
};

static uint64_t number(const char *option, const char *value)
{
    char *end;
    unsigned long long found;
    errno = 0;
    found = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || errno != 0) {
        stop(2, "%s %s: this is no number", option, value);
    }
    return found;
}

static int at_least_one(const char *option, const char *value)
{
    uint64_t found = number(option, value);
    if (found < 1 || found > 10000) {
        stop(2, "%s %s: from 1 to 10000", option, value);
    }
    return (int)found;
}

/* For options that 0 switches to their default. */
static uint64_t some(const char *option, const char *value)
{
    uint64_t found = number(option, value);
    if (found == 0) {
        stop(2, "%s %s: from 1", option, value);
    }
    return found;
}

/* Takes the values of an option that has one or more, as an array of JSON without its end; the place of the last. */
static int several(char **words, int count, int at, struct text *out)
{
    const char *option = words[at];
    size_t before = out->len;
    for (; at + 1 < count && words[at + 1][0] != '-'; at++) {
        const char *value = words[at + 1];
        append_string(out, out->len == 0 ? "[\"" : ",\"");
        /* What could end the text of JSON is not in a range: the library refuses what is left. */
        append(out, value, strcspn(value, "\"\\"));
        append_string(out, "\"");
    }
    if (out->len == before) {
        stop(2, "%s needs at least one range of addresses", option);
    }
    return at;
}

static struct arguments parse_arguments(int count, char **words)
{
    struct arguments given;
    int at;
    memset(&given, 0, sizeof given);
    given.account = "abc1de2";
    given.listen = "127.0.0.1:8080";
    given.connections = 256;
    given.patience_ms = 30000;
    given.farewell_seconds = 10;
    given.options = renkei_webapi_options_init();
    for (at = 1; at < count; at++) {
        const char *option = words[at], *value;
        if (strcmp(option, "--maintenance") == 0) {
            given.options.maintenance = 1;
            continue;
        } else if (strcmp(option, "--quiet") == 0) {
            quiet = 1;
            continue;
        } else if (strcmp(option, "--definitions") == 0) {
            given.definitions = 1;
            continue;
        } else if (strcmp(option, "--export-cp932") == 0) {
            given.options.export_encoding = RENKEI_CSV_CP932;
            continue;
        } else if (strcmp(option, "--proxy-trust") == 0) {
            at = several(words, count, at, &given.proxies);
            continue;
        } else if (strcmp(option, "--network-allow") == 0) {
            at = several(words, count, at, &given.network);
            continue;
        }
        value = at + 1 < count && strncmp(words[at + 1], "--", 2) != 0 ? words[++at] : NULL;
        if (strncmp(option, "--", 2) != 0 || strstr(HELP, option) == NULL) {
            stop(2, strncmp(option, "-", 1) == 0 ? "there is no option %s" : "%s follows no option", option);
        }
        if (value == NULL) {
            stop(2, "%s needs a value", option);
        } else if (strcmp(option, "--store") == 0) {
            given.store = value;
        } else if (strcmp(option, "--blueprint") == 0) {
            given.blueprint = value;
        } else if (strcmp(option, "--account") == 0) {
            given.account = value;
        } else if (strcmp(option, "--listen") == 0) {
            given.listen = value;
        } else if (strcmp(option, "--issue-token") == 0) {
            given.issue_token = value;
        } else if (strcmp(option, "--rejects") == 0) {
            given.rejects = (int64_t)some(option, value);
        } else if (strcmp(option, "--upload-mib") == 0) {
            given.options.upload_bytes = (uint64_t)at_least_one(option, value) << 20;
        } else if (strcmp(option, "--upload-lines") == 0) {
            given.options.upload_lines = some(option, value);
        } else if (strcmp(option, "--export-records") == 0) {
            given.options.export_records_most = some(option, value);
        } else if (strcmp(option, "--connections") == 0) {
            given.connections = at_least_one(option, value);
        } else if (strcmp(option, "--patience") == 0) {
            given.patience_ms = at_least_one(option, value) * 1000;
        } else if (strcmp(option, "--farewell") == 0) {
            given.farewell_seconds = at_least_one(option, value);
        } else {
            stop(2, "there is no option %s", option);
        }
    }
    if (given.proxies.len > 0) {
        append_string(&given.proxies, "]");
    }
    if (given.network.len > 0) {
        append_string(&given.network, "]");
    }
    if (given.blueprint != NULL && given.store == NULL) {
        stop(2, "--blueprint says what a store is to hold: name it with --store");
    }
    return given;
}

/* -- The store --------------------------------------------------------------------------------------------------------- */

/* A whole file, ended by a NUL. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct text text = {NULL, 0, 0};
    char piece[8192];
    size_t count;
    if (file == NULL) {
        stop(2, "%s: %s", path, strerror(errno));
    }
    append(&text, "", 0);
    while ((count = fread(piece, 1, sizeof piece, file)) > 0) {
        append(&text, piece, count);
    }
    fclose(file);
    return text.bytes;
}

static void apply(renkei_store *store, const char *blueprint, const char *about)
{
    renkei_error *error = NULL;
    char *changes;
    size_t len;
    check(renkei_blueprint_apply(store, blueprint, N, &changes, &len, &error), &error, about);
    if (!quiet && len > 2) {
        log_line("INFO", "%s", changes);
    }
    renkei_free(changes);
}

/* Keeps the proxies that are trusted, besides the other settings of access. */
static void trust(renkei_store *store, const char *proxies)
{
    static const char MEMBER[] = "\"trusted_proxies\":";
    renkei_error *error = NULL;
    struct text blueprint = {NULL, 0, 0};
    char *settings, *before, *behind;
    size_t len;
    check(renkei_access_settings(store, &settings, &len, &error), &error, NULL);
    /* An array of texts without brackets in them, as the library writes it. */
    before = strstr(settings, MEMBER);
    behind = before != NULL ? strchr(before, ']') : NULL;
    if (behind == NULL) {
        stop(1, "the settings of access are not as expected");
    }
    before += sizeof MEMBER - 1;
    append_string(&blueprint, "{\"access\":");
    append(&blueprint, settings, (size_t)(before - settings));
    append_string(&blueprint, proxies);
    append_string(&blueprint, behind + 1);
    append_string(&blueprint, "}");
    renkei_free(settings);
    apply(store, blueprint.bytes, "--proxy-trust");
    free(blueprint.bytes);
}

static renkei_store *open_file(const char *path, int create)
{
    renkei_store_options options = renkei_store_options_init();
    renkei_store *store = NULL;
    renkei_error *error = NULL;
    options.create = create != 0;
    /* Many threads read here, and the cache of each counts. */
    options.reader_cache_bytes = 4 << 20;
    check(renkei_store_open(path, N, &options, &store, &error), &error, NULL);
    return store;
}

/* Opens the store that was asked for, and brings it in line with the blueprint and the proxies. */
static renkei_store *open_store(const struct arguments *given)
{
    const char *path = given->store != NULL ? given->store : "examples/output/host-c.db";
    renkei_store *store;
    if (given->blueprint == NULL && access(path, F_OK) != 0) {
        stop(2, "there is no store %s: give --blueprint, and it is made", path);
    }
    store = open_file(path, given->blueprint != NULL);
    if (given->blueprint != NULL) {
        char *blueprint = read_file(given->blueprint);
        apply(store, blueprint, given->blueprint);
        free(blueprint);
    }
    if (given->proxies.len > 0) {
        trust(store, given->proxies.bytes);
    }
    return store;
}

static char *issue_token(renkei_store *store, const char *user)
{
    renkei_error *error = NULL;
    char *secret;
    size_t len;
    int64_t id;
    check(renkei_token_issue(store, user, N, NULL, &id, &secret, &len, &error), &error, NULL);
    return secret;
}

/* -- The demo ---------------------------------------------------------------------------------------------------------- */

#define DEMO "examples/output/host-c.db"
#define DEMO_CSV "examples/data/offices_cp932.csv"

/* Removes what a demo before has left: the file, and those that stand beside it. */
static void remove_demo(void)
{
    static const char NAME[] = "host-c.db";
    DIR *folder;
    struct dirent *entry;
    if (mkdir("examples/output", 0777) != 0 && errno != EEXIST) {
        stop(1, "examples/output: %s (start it from the folder of the project, or give --store)", strerror(errno));
    }
    folder = opendir("examples/output");
    if (folder == NULL) {
        stop(1, "examples/output: %s", strerror(errno));
    }
    while ((entry = readdir(folder)) != NULL) {
        const char *rest = entry->d_name + sizeof NAME - 1;
        if (strncmp(entry->d_name, NAME, sizeof NAME - 1) == 0 && (*rest == '\0' || *rest == '-')) {
            char path[512];
            snprintf(path, sizeof path, "examples/output/%s", entry->d_name);
            remove(path);
        }
    }
    closedir(folder);
}

/* The id of a definition, which stands first in its JSON. */
static long long id_in(char *json)
{
    const char *at = strstr(json, "\"id\":");
    long long id = at != NULL ? strtoll(at + 5, NULL, 10) : 0;
    renkei_free(json);
    return id;
}

static void print_call(const char *title, const char *base, const char *token, const char *before, const char *function,
                       const char *behind, const char *keep)
{
    printf("\n# %s\n%scurl -sS -w '\\n' %s/%s/version/v1 -H 'X-HD-apitoken: %s' %s", title, before, base, function, token, behind);
    /* Keeps an id of the answer for the next line, and shows the answer all the same. */
    if (keep != NULL) {
        printf(" | tee /dev/stderr | sed -E 's/.*\"%s\":\"([0-9]+)\".*/\\1/')", keep);
    }
    printf("\n");
}

static void print_calls(renkei_store *store, const char *base, const char *token)
{
    static const char JSON[] = "-H 'Content-Type: application/json' -d ";
    renkei_error *error = NULL;
    char *json, line[1024], file[256];
    size_t len;
    long long database, list, search, import;
    check(renkei_database_get(store, "offices", N, &json, &len, &error), &error, NULL);
    database = id_in(json);
    check(renkei_list_get(store, "offices", N, "addresses", N, &json, &len, &error), &error, NULL);
    list = id_in(json);
    check(renkei_search_get(store, "offices", N, "hokkaido", N, &json, &len, &error), &error, NULL);
    search = id_in(json);
    check(renkei_import_setting_all(store, "offices", N, &json, &len, &error), &error, NULL);
    import = id_in(json);
    snprintf(file, sizeof file, "-F 'uploadFile=@%s;type=text/csv'", DEMO_CSV);

    snprintf(line, sizeof line, "%s'{\"dbSchemaId\":\"%lld\",\"keyId\":\"0608621\",\"responseType\":\"1\"}'", JSON, database);
    print_call("view", base, token, "", "apirecord/view", line, NULL);
    snprintf(line, sizeof line,
             "%s'{\"dbSchemaId\":\"%lld\",\"values\":{\"number\":\"9999999\",\"name\":\"連携商事　東京本社\",\"kind\":\"office\"}}'",
             JSON, database);
    print_call("regist", base, token, "", "apirecord/regist", line, NULL);
    snprintf(line, sizeof line,
             "%s'{\"dbSchemaId\":\"%lld\",\"keyId\":\"9999999\",\"values\":{\"details\":[{\"visited\":\"2026/01/15\","
             "\"report\":\"初回訪問\",\"cost\":\"1200\"}]}}'",
             JSON, database);
    print_call("update", base, token, "", "apirecord/update", line, NULL);
    snprintf(line, sizeof line, "%s'{\"dbSchemaId\":\"%lld\",\"keyId\":\"9999999\"}'", JSON, database);
    print_call("delete", base, token, "", "apirecord/delete", line, NULL);
    snprintf(line, sizeof line, "%s'{\"dbSchemaId\":\"%lld\",\"listId\":\"%lld\",\"searchId\":\"%lld\",\"limit\":5}'", JSON,
             database, list, search);
    print_call("csvexport", base, token, "", "api/csvexport", line, NULL);
    print_call("fileupload", base, token, "file=$(", "api/fileupload", file, "fileId");
    snprintf(line, sizeof line, "%s'{\"dbSchemaId\":\"%lld\",\"importId\":\"%lld\",\"fileId\":\"'\"$file\"'\"}'", JSON, database,
             import);
    print_call("csvimport", base, token, "process=$(", "api/csvimport", line, "processId");
    snprintf(line, sizeof line, "-F 'json={\"dbSchemaId\":\"%lld\",\"importId\":\"%lld\"};type=application/json' %s", database,
             import, file);
    print_call("csvdataimport", base, token, "", "api/csvdataimport", line, NULL);
    snprintf(line, sizeof line, "%s'{\"processId\":\"'\"$process\"'\"}'", JSON);
    print_call("checkcsvimportprocess", base, token, "", "api/checkcsvimportprocess", line, NULL);
    printf("\n");
}

/* 22,200 real offices of Japan Post, a user with a token, and a curl line for each function. */
static renkei_store *make_demo(const struct arguments *given, const char *base)
{
    renkei_import_request request = renkei_import_request_init();
    renkei_import_info info = renkei_import_info_init();
    renkei_store *store, *clerk = NULL;
    renkei_worker *worker = NULL;
    renkei_error *error = NULL;
    char *blueprint, *token;
    int64_t process_id;
    int32_t existed;
    uint64_t ran;
    remove_demo();
    store = open_file(DEMO, 1);
    blueprint = read_file("examples/data/offices.json");
    apply(store, blueprint, NULL);
    free(blueprint);
    if (given->proxies.len > 0) {
        trust(store, given->proxies.bytes);
    }
    check(renkei_store_as_user(store, "clerk", N, &clerk, &error), &error, NULL);
    request.path = DEMO_CSV;
    request.path_len = N;
    check(renkei_import_reserve(clerk, "offices", N, "monthly", N, &request, &process_id, &existed, &error), &error, NULL);
    check(renkei_worker_new(store, NULL, &worker, &error), &error, NULL);
    check(renkei_worker_run_until_idle(worker, &ran, &error), &error, NULL);
    renkei_worker_free(worker);
    check(renkei_import_status(store, process_id, &info, &error), &error, NULL);
    renkei_store_close(clerk);
    token = issue_token(store, "clerk");
    printf("%s holds %" PRIu64 " offices of Japan Post.\n", DEMO, info.inserted);
    printf("The token of its user \"clerk\" is %s\n", token);
    printf("Paste these lines into a shell, in this order the first time; 20 calls a minute are allowed.\n");
    print_calls(store, base, token);
    renkei_free(token);
    return store;
}

/* -- Connections ------------------------------------------------------------------------------------------------------- */

/* What all connections share. */
static struct {
    renkei_webapi *api;
    int patience_ms;
    pthread_mutex_t lock;
    /* Told when a connection has ended. */
    pthread_cond_t ended;
    int open;
} shared = {NULL, 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

/* Signals, and connections that have ended, write a letter into the first; the second is closed when the host is to stop. */
static int wake_pipe[2], stop_pipe[2];

struct connection {
    int fd;
    char peer[64];
    /* What was read and is not used yet. */
    char buffer[HEAD];
    size_t begin, end;
    /* The request. */
    size_t method, target, lines;
    struct {
        const char *name, *value;
    } headers[HEADERS];
    size_t header_count;
    int minor, closes, expects;
    /* Its body: the bytes that are left of it or of its chunk; whether it is in chunks; when it must be there. */
    uint64_t left;
    int is_chunked, is_first_chunk, has_ended;
    int64_t until;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int is_stopping(void)
{
    struct pollfd stopped = {0, 0, 0};
    stopped.fd = stop_pipe[0];
    return poll(&stopped, 1, 0) > 0;
}

/* Waits until the socket is ready; 0 when it is not in time, or the host is to stop while nothing is going on. */
static int await_socket(const struct connection *connection, short events, int64_t until, int is_idle)
{
    struct pollfd waited[2];
    waited[0].fd = connection->fd;
    waited[0].events = events;
    waited[1].fd = stop_pipe[0];
    waited[1].events = 0;
    for (;;) {
        int64_t wait = until - now_ms();
        int count;
        if (wait <= 0) {
            return 0;
        }
        waited[0].revents = waited[1].revents = 0;
        count = poll(waited, is_idle ? 2 : 1, wait < 60000 ? (int)wait : 60000);
        if (count > 0) {
            /* A request that has come before the host was told to stop is answered. */
            return waited[0].revents != 0;
        }
        if (count < 0 && errno != EINTR) {
            return 0;
        }
    }
}

/* Reads more into the buffer; how many bytes, 0 at the end, -1 when nothing comes in time. */
static ssize_t fill(struct connection *connection, int64_t until, int is_idle)
{
    if (connection->begin == connection->end) {
        connection->begin = connection->end = 0;
    }
    for (;;) {
        ssize_t count =
            recv(connection->fd, connection->buffer + connection->end, sizeof connection->buffer - connection->end, 0);
        if (count > 0) {
            connection->end += (size_t)count;
        }
        if (count >= 0) {
            return count;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return -1;
        }
        if (errno != EINTR && !await_socket(connection, POLLIN, until, is_idle)) {
            return -1;
        }
    }
}

/* Sends everything; whether the client has taken it. */
static int send_all(struct connection *connection, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = send(connection->fd, bytes, len, MSG_NOSIGNAL);
        if (count >= 0) {
            bytes += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!await_socket(connection, POLLOUT, now_ms() + shared.patience_ms, 0)) {
                return 0;
            }
        } else if (errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

/* -- Heads of requests ------------------------------------------------------------------------------------------------- */

static int is_token_letter(unsigned char letter)
{
    return (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z')
        || (letter != '\0' && strchr("!#$%&'*+-.^_`|~", letter) != NULL);
}

/* Ends the line that begins here; the next one, or NULL when there is none. */
static char *cut_line(char *line)
{
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    if (end > line && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return end + 1;
}

static const char *header(const struct connection *connection, const char *name)
{
    size_t at;
    for (at = 0; at < connection->header_count; at++) {
        if (strcasecmp(connection->headers[at].name, name) == 0) {
            return connection->headers[at].value;
        }
    }
    return NULL;
}

/* Whether a list such as "keep-alive, Close" has a word. */
static int has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (list != NULL && *list != '\0') {
        list += strspn(list, " \t,");
        if (strncasecmp(list, word, len) == 0 && (list[len] == '\0' || strchr(" \t,", list[len]) != NULL)) {
            return 1;
        }
        list += strcspn(list, ",");
    }
    return 0;
}

/* Reads the request line and the headers; 0, or the HTTP status of the refusal. */
static int parse_head(struct connection *connection, char *head)
{
    char *line = head, *next = cut_line(line), *target, *version;
    const char *coding = NULL, *length = NULL;
    size_t at;
    int wants_close = 0, wants_kept = 0;
    connection->header_count = 0;
    target = strchr(line, ' ');
    version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (next == NULL || version == NULL || target == line || version == target + 1) {
        return 400;
    }
    *target++ = *version++ = '\0';
    if ((strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)) {
        return 400;
    }
    connection->minor = version[7] - '0';
    connection->method = (size_t)(line - connection->buffer);
    connection->target = (size_t)(target - connection->buffer);
    for (; *line != '\0'; line++) {
        if (!is_token_letter((unsigned char)*line)) {
            return 400;
        }
    }
    for (; *target != '\0'; target++) {
        if ((unsigned char)*target <= ' ' || *target == 0x7f) {
            return 400;
        }
    }
    for (line = next; *line != '\0' && *line != '\r' && *line != '\n'; line = next) {
        char *value = line, *end;
        next = cut_line(line);
        if (connection->header_count == HEADERS) {
            return 431;
        }
        for (; is_token_letter((unsigned char)*value); value++) {
        }
        /* A line that goes on another, and a blank before the colon, may be understood in two ways. */
        if (next == NULL || value == line || *value != ':') {
            return 400;
        }
        *value++ = '\0';
        value += strspn(value, " \t");
        for (end = value; *end != '\0'; end++) {
            if (((unsigned char)*end < ' ' && *end != '\t') || *end == 0x7f) {
                return 400;
            }
        }
        for (; end > value && (end[-1] == ' ' || end[-1] == '\t'); end--) {
        }
        *end = '\0';
        connection->headers[connection->header_count].name = line;
        connection->headers[connection->header_count].value = value;
        connection->header_count++;
        if (strcasecmp(line, "Content-Length") == 0) {
            if (length != NULL && strcmp(length, value) != 0) {
                return 400;
            }
            length = value;
        } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
            if (coding != NULL) {
                return 400;
            }
            coding = value;
        } else if (strcasecmp(line, "Connection") == 0) {
            wants_close |= has_word(value, "close");
            wants_kept |= has_word(value, "keep-alive");
        }
    }
    connection->left = 0;
    connection->is_chunked = connection->is_first_chunk = 0;
    if (coding != NULL) {
        if (connection->minor == 0 || strcasecmp(coding, "chunked") != 0) {
            return 400;
        }
        connection->is_chunked = connection->is_first_chunk = 1;
    }
    if (length != NULL) {
        for (at = 0; length[at] >= '0' && length[at] <= '9'; at++) {
        }
        if (at == 0 || at > 18 || length[at] != '\0') {
            return 400;
        }
        if (coding == NULL) {
            connection->left = strtoull(length, NULL, 10);
        }
    }
    connection->has_ended = !connection->is_chunked && connection->left == 0;
    /* A chunked request that also has a length may mean something else to a proxy in front. Its chunks count, and nothing is
     * read behind them. */
    connection->closes = wants_close || coding != NULL || (connection->minor == 0 && !wants_kept);
    connection->expects = connection->minor == 1 && has_word(header(connection, "Expect"), "100-continue");
    return 0;
}

/* Reads a head; 0, the HTTP status of a refusal, or -1 when there is none and the connection is to end. */
static int read_head(struct connection *connection)
{
    int64_t until = now_ms() + shared.patience_ms;
    size_t searched = 0;
    /* What is there of the next request is moved to the front, so that a head has the whole buffer for itself. */
    memmove(connection->buffer, connection->buffer + connection->begin, connection->end - connection->begin);
    connection->end -= connection->begin;
    connection->begin = 0;
    for (;;) {
        /* Lines before the first are nobody's business. */
        while (searched == 0 && connection->begin < connection->end
               && strchr("\r\n", connection->buffer[connection->begin]) != NULL
               && connection->buffer[connection->begin] != '\0') {
            connection->begin++;
        }
        if (searched < connection->begin) {
            searched = connection->begin;
        }
        for (; searched < connection->end; searched++) {
            const char *at = connection->buffer + searched;
            size_t rest = connection->end - searched;
            size_t len = rest >= 2 && at[0] == '\n' && at[1] == '\n'                     ? 2
                         : rest >= 3 && at[0] == '\n' && at[1] == '\r' && at[2] == '\n' ? 3
                                                                                         : 0;
            if (len > 0) {
                char *head = connection->buffer + connection->begin;
                size_t end = searched + len;
                int status;
                if (memchr(head, '\0', end - connection->begin) != NULL) {
                    return 400;
                }
                /* The last line end becomes the NUL behind the head. */
                connection->buffer[end - 1] = '\0';
                status = parse_head(connection, head);
                connection->begin = end;
                return status;
            }
            if (at[0] == '\n' && rest < 3) {
                break;
            }
        }
        if (connection->end == sizeof connection->buffer) {
            return 431;
        }
        if (fill(connection, until, connection->begin == connection->end) <= 0) {
            return -1;
        }
    }
}

/* -- Bodies of requests ------------------------------------------------------------------------------------------------ */

/* When the next piece of the body must be there. */
static int64_t next_piece(const struct connection *connection)
{
    int64_t until = now_ms() + shared.patience_ms;
    return until < connection->until ? until : connection->until;
}

/* The next byte of the framing of chunks; -1 when none comes. The head stays where it is, so nothing is read into the buffer. */
static int next_byte(struct connection *connection)
{
    unsigned char byte;
    if (connection->begin < connection->end) {
        return (unsigned char)connection->buffer[connection->begin++];
    }
    for (;;) {
        ssize_t count = recv(connection->fd, &byte, 1, 0);
        if (count >= 0) {
            return count == 1 ? byte : -1;
        }
        if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            return -1;
        }
        if (errno != EINTR && !await_socket(connection, POLLIN, next_piece(connection), 0)) {
            return -1;
        }
    }
}

/* A line of the framing of chunks, without its end; 0 when it does not come or is too long. */
static int read_chunk_line(struct connection *connection, char *line, size_t size)
{
    size_t len = 0;
    for (;;) {
        int byte = next_byte(connection);
        if (byte < 0 || len + 1 >= size) {
            return 0;
        }
        if (byte == '\n') {
            if (len > 0 && line[len - 1] == '\r') {
                len--;
            }
            line[len] = '\0';
            return 1;
        }
        line[len++] = (char)byte;
    }
}

/* Goes on to the next chunk; 0 when the framing is broken. */
static int next_chunk(struct connection *connection)
{
    char line[1024];
    size_t digits, trailers;
    if (!connection->is_first_chunk && (!read_chunk_line(connection, line, sizeof line) || line[0] != '\0')) {
        return 0;
    }
    connection->is_first_chunk = 0;
    if (!read_chunk_line(connection, line, sizeof line)) {
        return 0;
    }
    digits = strspn(line, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 15 || (line[digits] != '\0' && strchr("; \t", line[digits]) == NULL)) {
        return 0;
    }
    connection->left = strtoull(line, NULL, 16);
    if (connection->left > 0) {
        return 1;
    }
    /* Trailers are nobody's business. */
    for (trailers = 0; trailers < HEADERS; trailers++) {
        if (!read_chunk_line(connection, line, sizeof line)) {
            return 0;
        }
        if (line[0] == '\0') {
            connection->has_ended = 1;
            return 1;
        }
    }
    return 0;
}

/* Gives the library the next bytes of a body. Those that came with the head are in the buffer; further ones are read to where
 * the library wants them. */
static int32_t read_body(void *user_data, void *buffer, size_t capacity, size_t *out_len)
{
    struct connection *connection = user_data;
    size_t there = connection->end - connection->begin;
    /* The library asks for the body: who waits to be told so is told. */
    if (connection->expects) {
        static const char GO_ON[] = "HTTP/1.1 100 Continue\r\n\r\n";
        connection->expects = 0;
        if (there == 0 && !send_all(connection, GO_ON, sizeof GO_ON - 1)) {
            return 1;
        }
    }
    if (!connection->has_ended && connection->left == 0 && !next_chunk(connection)) {
        return 1;
    }
    *out_len = 0;
    if (connection->has_ended) {
        return 0;
    }
    there = connection->end - connection->begin;
    if (capacity > connection->left) {
        capacity = (size_t)connection->left;
    }
    if (there > 0) {
        *out_len = there < capacity ? there : capacity;
        memcpy(buffer, connection->buffer + connection->begin, *out_len);
        connection->begin += *out_len;
    }
    while (*out_len == 0) {
        ssize_t count = recv(connection->fd, buffer, capacity, 0);
        if (count > 0) {
            *out_len = (size_t)count;
        } else if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            return 1;
        } else if (errno != EINTR && !await_socket(connection, POLLIN, next_piece(connection), 0)) {
            return 1;
        }
    }
    connection->left -= *out_len;
    connection->has_ended = !connection->is_chunked && connection->left == 0;
    return 0;
}

/* -- Responses --------------------------------------------------------------------------------------------------------- */

/* Logs an error of the library that concerns one connection only. */
static int failed(renkei_status status, renkei_error **error, const char *what)
{
    if (status != RENKEI_OK) {
        log_line("ERROR", "%s: %s", what, renkei_error_message(*error, RENKEI_ENGLISH, NULL));
        renkei_error_free(*error);
    }
    return status != RENKEI_OK;
}

static void append_date(struct text *text)
{
    static const char DAYS[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm utc;
    char line[128];
    gmtime_r(&now, &utc);
    snprintf(line, sizeof line, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", DAYS[utc.tm_wday], utc.tm_mday, MONTHS[utc.tm_mon],
             utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    append_string(text, line);
}

/* Refuses what is no request. */
static void refuse(struct connection *connection, int status)
{
    char line[160];
    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status,
             status == 431 ? "Request Header Fields Too Large" : status == 500 ? "Internal Server Error" : "Bad Request");
    send_all(connection, line, strlen(line));
}

/* Sends a stream as it is made; whether all of it was. */
static int send_stream(struct connection *connection, renkei_response *response, char *piece)
{
    int is_chunked = connection->minor == 1;
    for (;;) {
        /* Room for the size before the chunk and the line end behind it, so that it is sent at once. */
        enum { BEFORE = 16 };
        renkei_error *error = NULL;
        size_t count;
        char size[BEFORE + 1];
        int before;
        if (failed(renkei_response_read(response, piece + BEFORE, PIECE, &count, &error), &error, "an answer is broken off")) {
            return 0;
        }
        if (!is_chunked) {
            if (count == 0 || !send_all(connection, piece + BEFORE, count)) {
                return count == 0;
            }
            continue;
        }
        if (count == 0) {
            return send_all(connection, "0\r\n\r\n", 5);
        }
        before = snprintf(size, sizeof size, "%zx\r\n", count);
        memcpy(piece + BEFORE - before, size, (size_t)before);
        memcpy(piece + BEFORE + count, "\r\n", 2);
        if (!send_all(connection, piece + BEFORE - before, (size_t)before + count + 2)) {
            return 0;
        }
    }
}

/* Sends a response; whether the connection can go on. *status_out is for the log. */
static int send_response(struct connection *connection, renkei_response *response, char *piece, int32_t *status_out)
{
    struct text head = {NULL, 0, 0};
    renkei_error *error = NULL;
    char line[256];
    const char *reason, *name, *value, *body;
    size_t reason_len, count, at, name_len, value_len, body_len;
    int64_t length;
    int32_t closes;
    int goes_on = 1, has_body = strcmp(connection->buffer + connection->method, "HEAD") != 0;
    if (failed(renkei_response_status(response, status_out, &error), &error, "status")
        || failed(renkei_response_reason(response, &reason, &reason_len, &error), &error, "reason")
        || failed(renkei_response_header_count(response, &count, &error), &error, "headers")
        || failed(renkei_response_content_length(response, &length, &error), &error, "length")
        || failed(renkei_response_closes(response, &closes, &error), &error, "closes")
        || failed(renkei_response_body(response, &body, &body_len, &error), &error, "body")) {
        return 0;
    }
    if (closes || is_stopping() || (length < 0 && connection->minor == 0)) {
        connection->closes = 1;
    }
    snprintf(line, sizeof line, "HTTP/1.%d %d %.*s\r\n", connection->minor, (int)*status_out, (int)reason_len, reason);
    append_string(&head, line);
    for (at = 0; at < count; at++) {
        if (failed(renkei_response_header(response, at, &name, &name_len, &value, &value_len, &error), &error, "header")) {
            free(head.bytes);
            return 0;
        }
        append(&head, name, name_len);
        append(&head, ": ", 2);
        append(&head, value, value_len);
        append(&head, "\r\n", 2);
    }
    if (connection->closes) {
        append_string(&head, "Connection: close\r\n");
    } else if (connection->minor == 0) {
        append_string(&head, "Connection: keep-alive\r\n");
    }
    if (length >= 0) {
        snprintf(line, sizeof line, "Content-Length: %" PRId64 "\r\n", length);
        append_string(&head, line);
    } else if (connection->minor == 1) {
        append_string(&head, "Transfer-Encoding: chunked\r\n");
    }
    append_date(&head);
    append(&head, "\r\n", 2);
    if (has_body && length >= 0) {
        append(&head, body, body_len);
    }
    goes_on = send_all(connection, head.bytes, head.len);
    free(head.bytes);
    if (goes_on && has_body && length < 0) {
        goes_on = send_stream(connection, response, piece);
    }
    return goes_on && !connection->closes;
}

/* Hands one request to the library, and its response to the client; whether the connection can go on. */
static int answer(struct connection *connection, char *piece)
{
    renkei_request *request = NULL;
    renkei_response *response = NULL;
    renkei_error *error = NULL;
    const char *method = connection->buffer + connection->method, *target = connection->buffer + connection->target;
    int64_t began = now_ms();
    int32_t status = 0;
    int goes_on = 0, is_bad;
    size_t at;
    connection->until = began + (int64_t)PATIENCES * shared.patience_ms;
    /* A target or a name that is not UTF-8. */
    is_bad = renkei_request_new(method, N, target, N, &request, NULL) != RENKEI_OK;
    for (at = 0; at < connection->header_count && !is_bad; at++) {
        is_bad = renkei_request_add_header(request, connection->headers[at].name, N, connection->headers[at].value, N, NULL)
            != RENKEI_OK;
    }
    if (is_bad) {
        refuse(connection, 400);
        renkei_request_free(request);
        return 0;
    }
    if (!failed(renkei_request_set_remote(request, connection->peer, N, &error), &error, "the address of the client")
        && (connection->has_ended
            || !failed(renkei_request_set_body_from(request, read_body, connection, &error), &error, "the body"))
        && !failed(renkei_webapi_handle(shared.api, request, &response, &error), &error, "the answer")) {
        goes_on = send_response(connection, response, piece, &status);
        if (!quiet) {
            log_line("INFO", "%s %s %.200s %d %" PRId64 " ms", connection->peer, method, target, (int)status, now_ms() - began);
        }
    } else {
        refuse(connection, 500);
    }
    renkei_response_free(response);
    renkei_request_free(request);
    return goes_on;
}

/* One connection, from its first request to its end. */
static void *converse(void *data)
{
    struct connection *connection = data;
    char *piece = malloc(PIECE + 32);
    int status = 0, said = 0;
    while (piece != NULL) {
        status = read_head(connection);
        if (status > 0) {
            refuse(connection, status);
        }
        said |= status >= 0;
        if (status != 0 || !answer(connection, piece)) {
            break;
        }
    }
    /* A connection that is closed while something unread arrives is reset, and the client may lose the answer. */
    if (said && piece != NULL && shutdown(connection->fd, SHUT_WR) == 0) {
        int64_t until = now_ms() + LINGER_MS;
        size_t taken = 0;
        for (;;) {
            ssize_t count;
            connection->begin = connection->end = 0;
            count = fill(connection, until, 0);
            taken += count > 0 ? (size_t)count : 0;
            if (count <= 0 || taken > LINGERED) {
                break;
            }
        }
    }
    close(connection->fd);
    free(piece);
    free(connection);
    pthread_mutex_lock(&shared.lock);
    shared.open--;
    pthread_cond_signal(&shared.ended);
    pthread_mutex_unlock(&shared.lock);
    /* The pipe is full only when there is more than enough to wake up for. */
    if (write(wake_pipe[1], "e", 1) < 0 && errno != EAGAIN) {
        log_line("ERROR", "the accepting thread cannot be woken: %s", strerror(errno));
    }
    return NULL;
}

static void accept_one(int listener)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    struct connection *connection;
    pthread_attr_t attributes;
    pthread_t thread;
    int one = 1, failure, fd = accept(listener, (struct sockaddr *)&address, &len);
    if (fd < 0) {
        /* Mostly because there are no more file descriptors: some will be free soon. */
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED) {
            struct timespec pause = {0, 100000000};
            log_line("ERROR", "a connection was not accepted: %s", strerror(errno));
            nanosleep(&pause, NULL);
        }
        return;
    }
    connection = calloc(1, sizeof *connection);
    if (connection == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) != 0
        || getnameinfo((struct sockaddr *)&address, len, connection->peer, sizeof connection->peer, NULL, 0, NI_NUMERICHOST) != 0) {
        free(connection);
        close(fd);
        return;
    }
    /* The zone of a link-local address is no part of it. */
    connection->peer[strcspn(connection->peer, "%")] = '\0';
    /* Answers are written whole; waiting for more of them would only cost time. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    connection->fd = fd;
    pthread_mutex_lock(&shared.lock);
    shared.open++;
    pthread_mutex_unlock(&shared.lock);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    failure = pthread_create(&thread, &attributes, converse, connection);
    pthread_attr_destroy(&attributes);
    if (failure != 0) {
        log_line("ERROR", "there is no thread for a connection: %s", strerror(failure));
        pthread_mutex_lock(&shared.lock);
        shared.open--;
        pthread_mutex_unlock(&shared.lock);
        close(fd);
        free(connection);
    }
}

/* -- The host ---------------------------------------------------------------------------------------------------------- */

static void on_signal(int signal)
{
    int before = errno;
    ssize_t ignored = write(wake_pipe[1], signal == SIGUSR1 ? "m" : "s", 1);
    (void)ignored;
    errno = before;
}

static void catch_signals(void)
{
    struct sigaction action;
    int at;
    if (pipe(wake_pipe) != 0 || pipe(stop_pipe) != 0) {
        stop(1, "there is no pipe: %s", strerror(errno));
    }
    for (at = 0; at < 2; at++) {
        fcntl(wake_pipe[at], F_SETFL, O_NONBLOCK);
    }
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

/* Listens at ADDRESS:PORT; base becomes what the URLs begin with. */
static int listen_at(const char *place, const char *account, char *base, size_t size)
{
    struct addrinfo hints, *found = NULL;
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[256], name[80], port[16];
    const char *colon = strrchr(place, ':');
    size_t host_len = colon != NULL ? (size_t)(colon - place) : 0;
    int listener = -1, one = 1, failure;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    if (host_len == 0 || host_len >= sizeof host) {
        stop(2, "--listen %s: an address with a port is needed, as 127.0.0.1:8080", place);
    }
    memcpy(host, place, host_len);
    host[host_len] = '\0';
    if (host[0] == '[' && host[host_len - 1] == ']') {
        host[host_len - 1] = '\0';
        memmove(host, host + 1, host_len - 1);
    }
    failure = getaddrinfo(host, colon + 1, &hints, &found);
    if (failure != 0) {
        stop(1, "cannot listen on %s: %s", place, gai_strerror(failure));
    }
    listener = socket(found->ai_family, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0
        || bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, 1024) != 0
        || fcntl(listener, F_SETFL, O_NONBLOCK) != 0 || fcntl(listener, F_SETFD, FD_CLOEXEC) != 0
        || getsockname(listener, (struct sockaddr *)&address, &len) != 0
        || getnameinfo((struct sockaddr *)&address, len, name, sizeof name, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        stop(1, "cannot listen on %s: %s", place, strerror(errno));
    }
    freeaddrinfo(found);
    snprintf(base, size, strchr(name, ':') != NULL ? "http://[%s]:%s/%s" : "http://%s:%s/%s", name, port, account);
    return listener;
}

/* Switches maintenance mode. */
static void switch_maintenance(void)
{
    renkei_error *error = NULL;
    int32_t is_on;
    if (!failed(renkei_webapi_is_in_maintenance(shared.api, &is_on, &error), &error, "maintenance")
        && !failed(renkei_webapi_set_maintenance(shared.api, !is_on, &error), &error, "maintenance") && !quiet) {
        log_line("INFO", "maintenance mode is %s", is_on ? "off" : "on");
    }
}

/* Serves until a signal says that it is enough. */
static void serve(int listener, int connections)
{
    for (;;) {
        struct pollfd waited[2];
        char letters[64];
        ssize_t count, at;
        int open;
        pthread_mutex_lock(&shared.lock);
        open = shared.open;
        pthread_mutex_unlock(&shared.lock);
        waited[0].fd = wake_pipe[0];
        waited[1].fd = listener;
        waited[0].events = waited[1].events = POLLIN;
        waited[0].revents = waited[1].revents = 0;
        /* Whoever comes when all places are taken waits in the queue of the system. */
        if (poll(waited, open < connections ? 2 : 1, -1) < 0 && errno != EINTR) {
            stop(1, "waiting fails: %s", strerror(errno));
        }
        count = read(wake_pipe[0], letters, sizeof letters);
        for (at = 0; at < count; at++) {
            if (letters[at] == 's') {
                return;
            }
            if (letters[at] == 'm') {
                switch_maintenance();
            }
        }
        if (waited[1].revents != 0) {
            accept_one(listener);
        }
    }
}

/* Waits until all connections have ended; 0 when they do not within so many seconds. */
static int await_connections(int seconds)
{
    struct timespec until;
    int open;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&shared.lock);
    while (shared.open > 0 && pthread_cond_timedwait(&shared.ended, &shared.lock, &until) == 0) {
    }
    open = shared.open;
    pthread_mutex_unlock(&shared.lock);
    return open == 0;
}

/* A renkei_write_fn. */
static int32_t write_out(void *nothing, const void *bytes, size_t len)
{
    (void)nothing;
    return fwrite(bytes, 1, len, stdout) != len;
}

/* Prints what a line of arguments asks for that serves nothing; whether there was one. */
static int print_asked(const struct arguments *given)
{
    renkei_error *error = NULL;
    renkei_store *store;
    if (given->issue_token == NULL && !given->definitions && given->rejects == 0) {
        return 0;
    }
    store = open_store(given);
    if (given->issue_token != NULL) {
        char *token = issue_token(store, given->issue_token);
        printf("%s\n", token);
        renkei_free(token);
    } else if (given->definitions) {
        char *json;
        size_t len;
        check(renkei_blueprint_dump(store, &json, &len, &error), &error, NULL);
        printf("%s\n", json);
        renkei_free(json);
    } else {
        uint64_t lines;
        check(renkei_import_rejects_to(store, given->rejects, write_out, NULL, &lines, &error), &error, NULL);
    }
    renkei_store_close(store);
    return 1;
}

int main(int count, char **words)
{
    struct arguments given;
    renkei_store *store;
    renkei_worker *worker = NULL;
    renkei_worker_options worker_options = renkei_worker_options_init();
    struct text network = {NULL, 0, 0};
    renkei_error *error = NULL;
    char base[512];
    int listener, at;
    for (at = 1; at < count; at++) {
        if (strcmp(words[at], "--help") == 0 || strcmp(words[at], "-h") == 0) {
            fputs(HELP, stdout);
            return 0;
        }
    }
    if (renkei_abi_version() != RENKEI_ABI_VERSION) {
        stop(1, "this program was made for ABI %d, the library has %u", RENKEI_ABI_VERSION, (unsigned)renkei_abi_version());
    }
    given = parse_arguments(count, words);
    check(renkei_log_set(log_message, NULL, quiet ? RENKEI_LOG_WARN : RENKEI_LOG_INFO, &error), &error, NULL);
    if (print_asked(&given)) {
        free(given.proxies.bytes);
        free(given.network.bytes);
        return 0;
    }
    /* Before anything is made: who has the address already is not disturbed. */
    listener = listen_at(given.listen, given.account, base, sizeof base);
    catch_signals();
    store = given.store != NULL ? open_store(&given) : make_demo(&given, base);
    check(renkei_webapi_new(store, given.account, N, &given.options, &shared.api, &error), &error, NULL);
    shared.patience_ms = given.patience_ms;
    if (given.network.len > 0) {
        append_string(&network, "{\"allow\":");
        append_string(&network, given.network.bytes);
        append_string(&network, "}");
        worker_options.network = network.bytes;
        worker_options.network_len = network.len;
    }
    check(renkei_worker_new(store, &worker_options, &worker, &error), &error, "--network-allow");
    free(network.bytes);
    check(renkei_worker_start(worker, &error), &error, NULL);
    printf("serving %s\n", base);
    fflush(stdout);

    serve(listener, given.connections);

    close(listener);
    if (!quiet) {
        log_line("INFO", "stopping");
    }
    /* Whoever waits for his next request is let go; an import is parked while the last answers go out. */
    close(stop_pipe[1]);
    check(renkei_worker_stop(worker, &error), &error, NULL);
    if (!await_connections(given.farewell_seconds)) {
        /* Threads that are inside the library keep it: what is committed stays, and the rest is taken back. */
        log_line("WARN", "connections that did not end are broken off");
        _exit(0);
    }
    renkei_worker_free(worker);
    renkei_webapi_free(shared.api);
    renkei_store_close(store);
    free(given.proxies.bytes);
    free(given.network.bytes);
    return 0;
}

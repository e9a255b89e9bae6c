/* A receiver of HTTP on this machine, for the C programs of the tests: one message at a time, one a connection. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct receiver {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener;
    int port;
    int count;
    /* The last message, head and body, with a NUL behind. */
    char last[65536];
    const char *body;
};

/* What is answered to a path. */
static inline const char *receiver_answer(const char *path)
{
    if (strncmp(path, "/refuse", 7) == 0) {
        return "HTTP/1.1 404 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\nnobody";
    }
    if (strncmp(path, "/busy", 5) == 0) {
        return "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Made-By: c\r\nContent-Length: 13\r\n"
           "Connection: close\r\n\r\n{\"id\": \"m-1\"}";
}

/* The value of a header of the last message, or an empty text; stays until the next call. */
static inline const char *receiver_header(const struct receiver *receiver, const char *name)
{
    static char value[1024];
    const char *line = strstr(receiver->last, "\r\n");
    size_t len = strlen(name);
    value[0] = '\0';
    while (line != NULL && line + 2 < receiver->body) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *end = strstr(line, "\r\n");
            size_t size = (size_t)(end - line) - len - 2;
            memcpy(value, line + len + 2, size < sizeof value ? size : sizeof value - 1);
            value[size < sizeof value ? size : sizeof value - 1] = '\0';
            return value;
        }
        line = strstr(line, "\r\n");
    }
    return value;
}

static void *receiver_run(void *data)
{
    struct receiver *receiver = data;
    for (;;) {
        size_t len = 0, wanted = 0;
        char path[256];
        const char *answer;
        int connection = accept(receiver->listener, NULL, NULL);
        if (connection < 0) {
            return NULL;
        }
        pthread_mutex_lock(&receiver->lock);
        receiver->body = NULL;
        while (len + 1 < sizeof receiver->last && (wanted == 0 || len < wanted)) {
            ssize_t got = recv(connection, receiver->last + len, sizeof receiver->last - 1 - len, 0);
            char *end;
            if (got <= 0) {
                break;
            }
            len += (size_t)got;
            receiver->last[len] = '\0';
            end = strstr(receiver->last, "\r\n\r\n");
            if (wanted == 0 && end != NULL) {
                receiver->body = end + 4;
                wanted = (size_t)(receiver->body - receiver->last);
                wanted += (size_t)atol(receiver_header(receiver, "content-length"));
            }
        }
        if (wanted == 0 || len < wanted || sscanf(receiver->last, "%*s %255s", path) != 1) {
            pthread_mutex_unlock(&receiver->lock);
            close(connection);
            continue;
        }
        receiver->count++;
        if (strcmp(path, "/end") == 0) {
            pthread_mutex_unlock(&receiver->lock);
            close(connection);
            return NULL;
        }
        pthread_mutex_unlock(&receiver->lock);
        answer = receiver_answer(path);
        (void)!send(connection, answer, strlen(answer), MSG_NOSIGNAL);
        close(connection);
    }
}

static inline int receiver_connect(int port)
{
    struct sockaddr_in address;
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
        close(connection);
        return -1;
    }
    return connection;
}

static inline void receiver_start(struct receiver *receiver)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    memset(receiver, 0, sizeof *receiver);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    receiver->listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_mutex_init(&receiver->lock, NULL);
    if (bind(receiver->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(receiver->listener, 64) != 0
        || getsockname(receiver->listener, (struct sockaddr *)&address, &len) != 0) {
        abort();
    }
    receiver->port = ntohs(address.sin_port);
    if (pthread_create(&receiver->thread, NULL, receiver_run, receiver) != 0) {
        abort();
    }
}

static inline void receiver_end(struct receiver *receiver)
{
    static const char *last = "GET /end HTTP/1.1\r\n\r\n";
    int connection = receiver_connect(receiver->port);
    (void)!send(connection, last, strlen(last), MSG_NOSIGNAL);
    pthread_join(receiver->thread, NULL);
    close(connection);
    close(receiver->listener);
    pthread_mutex_destroy(&receiver->lock);
}

#endif

/* A provider for benchmarks: chat answers and streams of OpenAI's or Anthropic's dialect (answers.h) over HTTP/1.1 from one thread, so cheap that
 * it is never the bottleneck.
 *
 * Rule 1: nothing of the gateway's own code is used here, because this program judges it.
 * Rule 2: every byte of an answer is fixed but for the 20-digit timestamp in each event, so that the load generator can check exact lengths.
 *
 * A request is streamed to when its body says "stream":true within the first 32 KiB. The body must be one JSON object with a Content-Length.
 * An event carries `@` and CLOCK_MONOTONIC nanoseconds, read right before it is sent. GET /stats answers counters.
 * One line of JSON on stdout tells the port and the exact lengths; the program ends on SIGTERM or when stdin closes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#include "answers.h"

enum { IN_BYTES = 32768, SCRATCH_BYTES = 1 << 18, PIECE_BYTES = 4096, EVENTS_PER_WAIT = 1024 };

struct conn {
    int fd;
    bool wants_out, streaming, answering, usage, done;
    /* Head length once the head is whole, else 0. */
    size_t head_bytes, body_bytes;
    size_t have;
    /* Body bytes still to come that are read past and not kept. */
    uint64_t skip;
    char last_body_byte;
    /* What is being written; points into `piece` or into a constant answer. */
    const char *out;
    size_t out_left;
    /* Content events sent so far of this stream. */
    int event;
    uint64_t due_ns;
    struct conn *prev, *next;
    bool listed;
#ifdef WITH_TLS
    SSL *ssl;
#endif
    char piece[PIECE_BYTES];
    char in[IN_BYTES];
};

static struct {
    int epoll, timer, listener;
    uint64_t delay_ns, slack_ns;
    struct answers says;
    /* Streams with something to send: in order of due_ns when paced, else round robin. */
    struct conn *first, *last;
    uint64_t requests, streams, events_sent, connections, bad;
#ifdef WITH_TLS
    SSL_CTX *tls;
#endif
} up;

static char scratch[SCRATCH_BYTES];
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nopenai-processing-ms: 12\r\nx-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    "x-ratelimit-remaining-requests: 9999\r\ncache-control: no-cache\r\n\r\n";

static void die(const char *what) {
    fprintf(stderr, "upstream: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void unlist(struct conn *c) {
    if (!c->listed) return;
    if (c->prev) c->prev->next = c->next; else up.first = c->next;
    if (c->next) c->next->prev = c->prev; else up.last = c->prev;
    c->prev = c->next = NULL;
    c->listed = false;
}

/* The delay is the same for every stream, so appending keeps the list sorted by due_ns. */
static void list_last(struct conn *c) {
    c->prev = up.last;
    c->next = NULL;
    if (up.last) up.last->next = c; else up.first = c;
    up.last = c;
    c->listed = true;
}

static void close_conn(struct conn *c) {
    unlist(c);
#ifdef WITH_TLS
    if (c->ssl) SSL_free(c->ssl);
#endif
    close(c->fd);
    free(c);
}

/* Both return > 0 bytes, 0 for the end, -1 for "would block", -2 for a broken connection. */
static ssize_t read_some(struct conn *c, char *to, size_t room) {
#ifdef WITH_TLS
    if (c->ssl) {
        ERR_clear_error();
        int n = SSL_read(c->ssl, to, (int)room);
        if (n > 0) return n;
        int why = SSL_get_error(c->ssl, n);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return -1;
        return why == SSL_ERROR_ZERO_RETURN ? 0 : -2;
    }
#endif
    ssize_t n = recv(c->fd, to, room, 0);
    if (n >= 0) return n;
    return errno == EAGAIN ? -1 : -2;
}

static ssize_t write_some(struct conn *c, const char *from, size_t len) {
#ifdef WITH_TLS
    if (c->ssl) {
        ERR_clear_error();
        int n = SSL_write(c->ssl, from, (int)len);
        if (n > 0) return n;
        int why = SSL_get_error(c->ssl, n);
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : -2;
    }
#endif
    ssize_t n = send(c->fd, from, len, MSG_NOSIGNAL);
    if (n >= 0) return n;
    return errno == EAGAIN ? -1 : -2;
}

static void want_out(struct conn *c, bool on) {
    if (c->wants_out == on) return;
    c->wants_out = on;
    struct epoll_event ev = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(up.epoll, EPOLL_CTL_MOD, c->fd, &ev)) die("epoll_ctl");
}

/* 1 when all is out, 0 when it would block, -1 when the connection broke. */
static int flush(struct conn *c) {
    while (c->out_left) {
        ssize_t n = write_some(c, c->out, c->out_left);
        if (n == -1) { want_out(c, true); return 0; }
        if (n < 0) return -1;
        c->out += n;
        c->out_left -= (size_t)n;
    }
    want_out(c, false);
    return 1;
}

static void put_stamp(char *to, uint64_t value) {
    for (int i = STAMP_DIGITS - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
}

/* Send the next event of a stream; the last one goes out with what ends the stream and the last chunk. */
static int send_event(struct conn *c) {
    const struct event *event = up.says.script[c->event];
    memcpy(c->piece, event->bytes, event->len);
    put_stamp(c->piece + event->stamp_at, now_ns());
    c->out = c->piece;
    c->out_left = event->len;
    up.events_sent++;
    if (++c->event == up.says.events) {
        const struct event *tail = c->usage ? &up.says.tail_usage : &up.says.tail;
        memcpy(c->piece + event->len, tail->bytes, tail->len);
        c->out_left += tail->len;
        c->done = true;
    }
    return flush(c);
}

static void arm_timer(void) {
    struct itimerspec at = {0};
    if (up.first) {
        uint64_t due = up.first->due_ns + up.slack_ns;
        at.it_value.tv_sec = (time_t)(due / 1000000000u);
        at.it_value.tv_nsec = (long)(due % 1000000000u);
    }
    if (timerfd_settime(up.timer, TFD_TIMER_ABSTIME, &at, NULL)) die("timerfd_settime");
}

static void schedule(struct conn *c) {
    c->due_ns = now_ns() + up.delay_ns;
    bool was_empty = up.first == NULL;
    list_last(c);
    if (was_empty && up.delay_ns) arm_timer();
}

static int start_request(struct conn *c);

static int finish_answer(struct conn *c) {
    size_t used = c->head_bytes + c->body_bytes;
    size_t left = c->have > used ? c->have - used : 0;
    memmove(c->in, c->in + c->have - left, left);
    c->have = left;
    c->head_bytes = c->body_bytes = 0;
    c->answering = c->streaming = c->done = false;
    return left ? start_request(c) : 0;
}

static int after_flush(struct conn *c) {
    if (c->streaming && !c->done) {
        if (!c->listed) schedule(c);
        return 0;
    }
    return finish_answer(c);
}

static int answer_text(struct conn *c, int status, const char *body) {
    c->out = c->piece;
    c->out_left = (size_t)snprintf(c->piece, PIECE_BYTES, "HTTP/1.1 %d Bench\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                   status, strlen(body), body);
    int sent = flush(c);
    return sent < 0 ? -1 : sent ? finish_answer(c) : 0;
}

static int answer(struct conn *c) {
    char text[512];
    c->answering = true;
    if (!memcmp(c->in, "GET /stats ", 11)) {
        snprintf(text, sizeof text, "{\"requests\":%lu,\"streams\":%lu,\"events\":%lu,\"connections\":%lu,\"bad\":%lu}", up.requests, up.streams,
                 up.events_sent, up.connections, up.bad);
        return answer_text(c, 200, text);
    }
    size_t kept = c->have - c->head_bytes < c->body_bytes ? c->have - c->head_bytes : c->body_bytes;
    const char *body = c->in + c->head_bytes;
    if (!c->skip && kept == c->body_bytes && kept) c->last_body_byte = body[kept - 1];
    if (memcmp(c->in, "POST ", 5) || !kept || body[0] != '{' || c->last_body_byte != '}') {
        up.bad++;
        return answer_text(c, 400, "{\"error\":{\"message\":\"not a POST with one JSON object\"}}");
    }
    up.requests++;
    c->streaming = memmem(body, kept, "\"stream\":true", 13) || memmem(body, kept, "\"stream\": true", 14);
    if (!c->streaming) {
        c->out = up.says.whole;
        c->out_left = up.says.whole_len;
        int sent = flush(c);
        return sent < 0 ? -1 : sent ? finish_answer(c) : 0;
    }
    up.streams++;
    c->usage = memmem(body, kept, "\"include_usage\":true", 20) || memmem(body, kept, "\"include_usage\": true", 21);
    c->event = 0;
    c->out = STREAM_HEAD;
    c->out_left = sizeof STREAM_HEAD - 1;
    int sent = flush(c);
    return sent < 0 ? -1 : sent ? after_flush(c) : 0;
}

/* Find head and length in what has arrived; 0 to go on, -1 to close. */
static int start_request(struct conn *c) {
    if (!c->head_bytes) {
        char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!end) return c->have == IN_BYTES ? -1 : 0;
        c->head_bytes = (size_t)(end - c->in) + 4;
        for (char *line = memchr(c->in, '\n', c->head_bytes); line && line < end; line = memchr(line, '\n', c->head_bytes - (size_t)(line - c->in))) {
            line++;
            if (!strncasecmp(line, "content-length:", 15)) c->body_bytes = strtoul(line + 15, NULL, 10);
            if (!strncasecmp(line, "transfer-encoding:", 18)) return -1;
        }
    }
    size_t whole = c->head_bytes + c->body_bytes;
    if (c->have >= whole) return answer(c);
    if (c->have == IN_BYTES) c->skip = whole - c->have;
    return 0;
}

static int on_readable(struct conn *c) {
    for (;;) {
        bool skipping = c->skip > 0;
        size_t room = skipping ? (c->skip < SCRATCH_BYTES ? c->skip : SCRATCH_BYTES) : IN_BYTES - c->have;
#ifdef WITH_TLS
        if (!room && c->ssl) return 0;
#endif
        if (!room) return -1; /* Bytes beyond a request that is not answered yet: a broken client. */
        ssize_t n = read_some(c, skipping ? scratch : c->in + c->have, room);
        if (n == -1) return 0;
        if (n <= 0) return -1;
        int went = 0;
        if (skipping) {
            c->skip -= (uint64_t)n;
            c->last_body_byte = scratch[n - 1];
            if (!c->skip) went = answer(c);
        } else {
            c->have += (size_t)n;
            if (!c->answering) went = start_request(c);
        }
        if (went < 0) return -1;
#ifdef WITH_TLS
        /* Decrypted bytes that wait inside OpenSSL do not wake epoll. */
        if (c->ssl) continue;
#endif
        if ((size_t)n < room) return 0;
    }
}

static int on_writable(struct conn *c) {
    int sent = flush(c);
    return sent < 0 ? -1 : sent && c->answering ? after_flush(c) : 0;
}

static void accept_all(void) {
    for (;;) {
        int fd = accept4(up.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = malloc(sizeof *c);
        if (!c) die("malloc");
        memset(c, 0, offsetof(struct conn, piece));
        c->fd = fd;
#ifdef WITH_TLS
        if (up.tls) {
            c->ssl = SSL_new(up.tls);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
#endif
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &ev)) die("epoll_ctl");
        up.connections++;
    }
}

/* One event for each stream that is due: round robin, so that no stream runs ahead of the others. */
static void run_streams(void) {
    uint64_t until = up.delay_ns ? now_ns() : 0;
    struct conn *last = up.last;
    while (up.first && (!up.delay_ns || up.first->due_ns <= until)) {
        struct conn *c = up.first;
        bool was_last = c == last;
        uint64_t due = c->due_ns;
        unlist(c);
        int sent = send_event(c);
        if (sent > 0 && !c->done) {
            c->due_ns = due + up.delay_ns;
            list_last(c);
        } else if (sent > 0) {
            sent = finish_answer(c);
        }
        if (sent < 0) close_conn(c);
        if (was_last) break;
    }
    if (up.delay_ns) arm_timer();
}

static void listen_on(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int one = 1;
    up.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (up.listener < 0) die("socket");
    setsockopt(up.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(up.listener, (struct sockaddr *)&at, sizeof at)) die("bind");
    if (listen(up.listener, 4096)) die("listen");
    if (getsockname(up.listener, (struct sockaddr *)&at, &len)) die("getsockname");
    printf("{\"port\":%d,\"model\":\"%s\",\"answer_bytes\":%d,\"events\":%d,\"event_bytes\":%zu,\"stream_bytes\":%zu}\n", ntohs(at.sin_port),
           up.says.model, up.says.whole_body_bytes, up.says.stream_events, up.says.script[up.says.events - 1]->len, up.says.stream_body_bytes);
    fflush(stdout);
}

static void load_tls(const char *cert, const char *key) {
#ifdef WITH_TLS
    up.tls = SSL_CTX_new(TLS_server_method());
    if (!up.tls || SSL_CTX_use_certificate_chain_file(up.tls, cert) != 1 || SSL_CTX_use_PrivateKey_file(up.tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(2);
    }
    SSL_CTX_set_mode(up.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
#else
    (void)key;
    fprintf(stderr, "upstream: built without TLS, cannot use %s\n", cert);
    exit(2);
#endif
}

static void serve(void) {
    struct epoll_event events[EVENTS_PER_WAIT];
    for (;;) {
        bool rush = up.first && !up.delay_ns;
        int n = epoll_wait(up.epoll, events, EVENTS_PER_WAIT, rush ? 0 : -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        bool timer = false;
        for (int i = 0; i < n; i++) {
            void *which = events[i].data.ptr;
            if (which == &up.listener) { accept_all(); continue; }
            if (which == &up.timer) {
                uint64_t fired;
                timer = read(up.timer, &fired, sizeof fired) > 0 || timer;
                continue;
            }
            if (which == &up.epoll) exit(0); /* stdin closed: the parent is gone. */
            struct conn *c = which;
            int went = 0;
            if (events[i].events & EPOLLOUT) went = on_writable(c);
            if (went == 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) went = on_readable(c);
            if (went < 0) close_conn(c);
        }
        if (timer || (up.first && !up.delay_ns)) run_streams();
    }
}

static void watch(int fd, void *as) {
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = as};
    if (epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &ev) && errno != EPERM) die("epoll_ctl");
}

int main(int argc, char **argv) {
    int port = 0, answer_bytes = 600, events = 200;
    bool anthropic = false, tools = false;
    const char *cert = NULL, *key = NULL;
    up.slack_ns = 50000;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--answer-bytes")) answer_bytes = atoi(value);
        else if (!strcmp(name, "--events")) events = atoi(value);
        else if (!strcmp(name, "--dialect")) anthropic = !strcmp(value, "anthropic_messages");
        else if (!strcmp(name, "--content")) tools = !strcmp(value, "tools");
        else if (!strcmp(name, "--delay-us")) up.delay_ns = strtoull(value, NULL, 10) * 1000;
        /* Events due within this time go out together: it bounds the wake-ups per second. */
        else if (!strcmp(name, "--slack-us")) up.slack_ns = strtoull(value, NULL, 10) * 1000;
        else if (!strcmp(name, "--cert")) cert = value;
        else if (!strcmp(name, "--key")) key = value;
        else { fprintf(stderr, "upstream: unknown option %s\n", name); return 2; }
    }
    if (events < (tools ? 10 : 1)) { fprintf(stderr, "upstream: --events must be at least 1, 10 with tools\n"); return 2; }
    signal(SIGPIPE, SIG_IGN);
    if (cert) load_tls(cert, key);
    build_answers(&up.says, anthropic, tools, answer_bytes, events);
    up.epoll = epoll_create1(EPOLL_CLOEXEC);
    up.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (up.epoll < 0 || up.timer < 0) die("epoll");
    listen_on(port);
    watch(up.listener, &up.listener);
    watch(up.timer, &up.timer);
    watch(0, &up.epoll);
    serve();
}

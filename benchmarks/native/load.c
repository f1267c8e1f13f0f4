/* The load generator of the benchmarks: one thread, keep-alive connections, every answer checked to the byte.
 *
 * Closed loop (no --rate): each connection sends its next request when the answer is whole.
 * Open loop (--rate): requests are due at times fixed in advance; latency counts from the time a request was due, not from when a connection was
 * free for it, so that a stalled server cannot hide its own stall (coordinated omission).
 * Streams (--deltas): events are counted, and the `@` + 20 digits of CLOCK_MONOTONIC nanoseconds in each that has content is compared with the
 * time it was read. --events 0 and --expect-bytes 0: that number is the server's own business, and is not compared.
 *
 * With --read-every-us the sockets are looked at only that often, and many events are read at once: a client that follows each event of a
 * stream as fast as possible would need the core that the upstream needs to send them.
 *
 * With --wait it prints `ready` once all connections are open, starts on a line from stdin, and ends when stdin closes, so that the caller can
 * read the CPU clocks around exactly the requests. The first answer that is not as expected ends the program with exit code 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define STAMP_DIGITS 20

/* TAIL_BYTES: the end of a stream is looked for in these. */
enum { HEAD_BYTES = 16384, READ_BYTES = 1 << 18, TAIL_BYTES = 40, EVENTS_PER_WAIT = 1024, SUB_BUCKETS = 256, BUCKETS = 56 * SUB_BUCKETS };

/* Where the parser stands in the answer. */
enum part { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER };

struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total, max;
    double sum;
};

struct conn {
    int fd;
    bool busy, wants_out, server_closes;
    size_t sent;
    uint64_t due_ns, first_ns;
    enum part part;
    uint64_t left, body_bytes;
    bool line_has_bytes, last_was_newline;
    int events, deltas, stamp_digits;
    uint64_t stamp;
    size_t head_have, tail_have;
    char tail[TAIL_BYTES];
    char head[HEAD_BYTES];
};

static struct {
    struct sockaddr_in to;
    int epoll, timer, connections, events, deltas;
    bool anthropic;
    uint64_t requests, expect_bytes, max_ns, seed;
    double rate;
    long read_every_ns;
    bool poisson, wait, vary;
    char *request;
    /* Four digits in it that count requests; NULL: none. */
    char *varies;
    size_t request_len;
    struct conn *conns;
    struct conn **free_conns;
    uint64_t free_first, free_count;
    uint64_t *due;
    uint64_t started, completed, bytes, events_seen, reconnects, late_starts, start_ns;
} load;

static struct histogram latency, event_delay, first_event;
static char buffer[READ_BYTES];

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void wrong(struct conn *c, const char *what, uint64_t found, uint64_t expected) {
    fprintf(stderr, "load: request %lu: %s: found %lu, expected %lu\nhead: %.*s\n", load.completed, what, found, expected, (int)c->head_have, c->head);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Buckets as in HdrHistogram: linear below 256 ns, then 128 per power of two, so within 0.8 %. */
static unsigned bucket_of(uint64_t ns) {
    if (ns < SUB_BUCKETS) return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 7u;
    unsigned bucket = shift * (SUB_BUCKETS / 2) + (unsigned)(ns >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t middle_of(unsigned bucket) {
    if (bucket < SUB_BUCKETS) return bucket;
    unsigned shift = bucket / (SUB_BUCKETS / 2) - 1;
    uint64_t low = (uint64_t)(bucket - shift * (SUB_BUCKETS / 2)) << shift;
    return low + ((1ull << shift) >> 1);
}

static void record(struct histogram *h, uint64_t ns) {
    h->counts[bucket_of(ns)]++;
    h->total++;
    h->sum += (double)ns;
    if (ns > h->max) h->max = ns;
}

static double percentile_us(const struct histogram *h, double q) {
    uint64_t wanted = (uint64_t)ceil(q * (double)h->total), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= wanted && seen) return (double)middle_of(i) / 1e3;
    }
    return 0;
}

static void print_histogram(const char *name, const struct histogram *h) {
    printf("\"%s\":{\"count\":%lu,\"mean\":%.2f,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f}", name, h->total,
           h->total ? h->sum / (double)h->total / 1e3 : 0.0, percentile_us(h, 0.5), percentile_us(h, 0.9), percentile_us(h, 0.99),
           percentile_us(h, 0.999), (double)h->max / 1e3);
}

static void want_out(struct conn *c, bool on) {
    if (c->wants_out == on) return;
    c->wants_out = on;
    struct epoll_event ev = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &ev)) die("epoll_ctl");
}

static void open_conn(struct conn *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    if (connect(c->fd, (struct sockaddr *)&load.to, sizeof load.to)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK)) die("fcntl");
    c->wants_out = c->server_closes = false;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &ev)) die("epoll_ctl");
}

/* Count up the four digits behind `tenant-` in the body: no two requests in a row are of one kind. */
static void vary(void) {
    if (!load.varies) return;
    for (char *digit = load.varies + 3; digit >= load.varies; digit--) {
        if (*digit != '9') { ++*digit; return; }
        *digit = '0';
    }
}

static void send_request(struct conn *c) {
    while (c->sent < load.request_len) {
        ssize_t n = send(c->fd, load.request + c->sent, load.request_len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { want_out(c, true); return; }
        if (n < 0) wrong(c, "the connection broke while sending", c->sent, load.request_len);
        c->sent += (size_t)n;
    }
    want_out(c, false);
}

static void start(struct conn *c, uint64_t due_ns) {
    c->busy = true;
    c->sent = 0;
    c->due_ns = due_ns;
    c->part = HEAD;
    c->body_bytes = c->first_ns = 0;
    c->events = c->deltas = c->stamp_digits = 0;
    c->head_have = c->tail_have = 0;
    c->last_was_newline = false;
    load.started++;
    vary();
    send_request(c);
}

static void give_back(struct conn *c) {
    load.free_conns[(load.free_first + load.free_count++) % (uint64_t)load.connections] = c;
}

/* Start every request that is due while a connection is free; arm the timer for the next one. */
static void start_due(void) {
    uint64_t now = now_ns();
    while (load.started < load.requests && load.free_count && load.due[load.started] <= now) {
        struct conn *c = load.free_conns[load.free_first];
        load.free_first = (load.free_first + 1) % (uint64_t)load.connections;
        load.free_count--;
        if (now - load.due[load.started] > 1000000) load.late_starts++;
        start(c, load.due[load.started]);
    }
    struct itimerspec at = {0};
    if (load.started < load.requests && load.free_count) {
        at.it_value.tv_sec = (time_t)(load.due[load.started] / 1000000000u);
        at.it_value.tv_nsec = (long)(load.due[load.started] % 1000000000u);
    }
    if (timerfd_settime(load.timer, TFD_TIMER_ABSTIME, &at, NULL)) die("timerfd_settime");
}

static void on_whole_answer(struct conn *c, uint64_t now) {
    if (load.expect_bytes && c->body_bytes != load.expect_bytes) wrong(c, "body length", c->body_bytes, load.expect_bytes);
    if (load.deltas) {
        const char *end = load.anthropic ? "message_stop" : "[DONE]";
        if (load.events && c->events != load.events) wrong(c, "number of events", (uint64_t)c->events, (uint64_t)load.events);
        if (c->deltas != load.deltas) wrong(c, "number of events with content", (uint64_t)c->deltas, (uint64_t)load.deltas);
        if (!memmem(c->tail, c->tail_have, end, strlen(end))) wrong(c, "the stream does not end with [DONE] or message_stop", 0, 1);
        load.events_seen += (uint64_t)c->events;
    }
    if (c->sent < load.request_len) wrong(c, "answered before the request was whole", c->sent, load.request_len);
    record(&latency, now - c->due_ns);
    load.completed++;
    load.bytes += c->body_bytes;
    c->busy = false;
    if (c->server_closes) {
        close(c->fd);
        open_conn(c);
        load.reconnects++;
    }
    if (load.rate > 0) give_back(c);
    else if (load.started < load.requests) start(c, now_ns());
}

static void keep_tail(struct conn *c, const char *from, size_t len) {
    if (len >= TAIL_BYTES) {
        memcpy(c->tail, from + len - TAIL_BYTES, TAIL_BYTES);
        c->tail_have = TAIL_BYTES;
        return;
    }
    size_t keep = c->tail_have + len > TAIL_BYTES ? TAIL_BYTES - len : c->tail_have;
    memmove(c->tail, c->tail + c->tail_have - keep, keep);
    memcpy(c->tail + keep, from, len);
    c->tail_have = keep + len;
}

static const char *read_stamp(struct conn *c, const char *p, const char *end, uint64_t now) {
    for (; p < end && c->stamp_digits <= STAMP_DIGITS; p++) {
        c->stamp = c->stamp * 10 + (uint64_t)(*p - '0');
        if (c->stamp_digits++ == STAMP_DIGITS) {
            c->stamp_digits = 0;
            if (c->stamp > now) wrong(c, "an event comes from the future", c->stamp, now);
            record(&event_delay, now - c->stamp);
            c->deltas++;
            return p + 1;
        }
    }
    return p;
}

static void read_events(struct conn *c, const char *p, size_t len, uint64_t now) {
    const char *end = p + len;
    if (!c->first_ns && len) {
        c->first_ns = now;
        record(&first_event, now - c->due_ns);
    }
    keep_tail(c, p, len);
    for (const char *q = p; q < end;) {
        const char *nl = memchr(q, '\n', (size_t)(end - q));
        if (!nl) { c->last_was_newline = false; break; }
        if (nl > q) c->last_was_newline = false;
        if (c->last_was_newline) {
            c->events++;
            c->last_was_newline = false;
        } else {
            c->last_was_newline = true;
        }
        q = nl + 1;
    }
    if (c->stamp_digits) p = read_stamp(c, p, end, now);
    while (p < end && (p = memchr(p, '@', (size_t)(end - p)))) {
        c->stamp_digits = 1;
        c->stamp = 0;
        p = read_stamp(c, p + 1, end, now);
    }
}

static void on_head(struct conn *c, char *end) {
    bool has_framing = false;
    if (c->head_have < 15 || memcmp(c->head, "HTTP/1.1 200", 12)) wrong(c, "status", strtoul(c->head + 9, NULL, 10), 200);
    c->part = BODY;
    c->left = 0;
    for (char *line = memchr(c->head, '\n', c->head_have); line && line < end - 3; line = memchr(line, '\n', (size_t)(end - line))) {
        line++;
        if (!strncasecmp(line, "content-length:", 15)) {
            c->left = strtoul(line + 15, NULL, 10);
            has_framing = true;
        } else if (!strncasecmp(line, "transfer-encoding:", 18)) {
            c->part = CHUNK_SIZE;
            c->left = 0;
            has_framing = true;
        } else if (!strncasecmp(line, "connection:", 11)) {
            char *value = line + 11;
            while (*value == ' ') value++;
            c->server_closes = !strncasecmp(value, "close", 5);
        }
    }
    c->line_has_bytes = false;
    if (!has_framing) wrong(c, "an answer without length", 0, 1);
}

static int hex_digit(char b) {
    if (b >= '0' && b <= '9') return b - '0';
    b |= 0x20;
    return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* Take body bytes from p; returns how many, and sets *whole at the end of the answer. */
static size_t take_body(struct conn *c, const char *p, size_t len, uint64_t now, bool *whole) {
    const char *from = p, *end = p + len;
    while (p < end || (c->part == BODY && !c->left)) {
        switch (c->part) {
        case BODY:
        case CHUNK: {
            size_t n = (size_t)(end - p) < c->left ? (size_t)(end - p) : c->left;
            if (load.deltas) read_events(c, p, n, now);
            c->body_bytes += n;
            c->left -= n;
            p += n;
            if (c->left) break;
            if (c->part == BODY) { *whole = true; return (size_t)(p - from); }
            c->part = CHUNK_END;
            break;
        }
        case CHUNK_END:
            if (*p++ == '\n') c->part = CHUNK_SIZE;
            break;
        case CHUNK_SIZE: {
            char b = *p++;
            int digit = hex_digit(b);
            if (digit >= 0) c->left = c->left * 16 + (uint64_t)digit;
            else if (b == '\n') { c->part = c->left ? CHUNK : TRAILER; c->line_has_bytes = false; }
            else if (b != '\r') wrong(c, "chunk size", (uint64_t)(unsigned char)b, '0');
            break;
        }
        case TRAILER: {
            char b = *p++;
            if (b == '\n' && !c->line_has_bytes) { *whole = true; return (size_t)(p - from); }
            c->line_has_bytes = b != '\n' && (b != '\r' || c->line_has_bytes);
            break;
        }
        case HEAD:
            return 0;
        }
    }
    return (size_t)(p - from);
}

static void on_bytes(struct conn *c, const char *p, size_t len, uint64_t now) {
    bool whole = false;
    if (c->part == HEAD) {
        size_t before = c->head_have, room = HEAD_BYTES - 1 - before, n = len < room ? len : room;
        memcpy(c->head + before, p, n);
        c->head_have += n;
        c->head[c->head_have] = 0;
        char *end = memmem(c->head, c->head_have, "\r\n\r\n", 4);
        if (!end) {
            if (n < len) wrong(c, "head length", c->head_have, HEAD_BYTES);
            return;
        }
        size_t head_bytes = (size_t)(end - c->head) + 4;
        c->head_have = head_bytes;
        on_head(c, end + 4);
        p += head_bytes - before;
        len -= head_bytes - before;
    }
    size_t used = take_body(c, p, len, now, &whole);
    if (used < len) wrong(c, "bytes after the end of the answer", len - used, 0);
    if (whole) on_whole_answer(c, now);
}

static void on_readable(struct conn *c) {
    ssize_t n = recv(c->fd, buffer, READ_BYTES, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0 && !c->busy) wrong(c, "bytes without a request", (uint64_t)n, 0);
    if (n > 0) { on_bytes(c, buffer, (size_t)n, now_ns()); return; }
    if (c->busy) wrong(c, "the connection closed inside an answer; body bytes", c->body_bytes, load.expect_bytes);
    close(c->fd);
    open_conn(c);
    load.reconnects++;
}

static void plan_arrivals(void) {
    load.due = malloc(sizeof *load.due * load.requests);
    if (!load.due) die("malloc");
    /* xorshift64*: the same seed gives the same arrivals to every server. */
    uint64_t x = load.seed * 0x9E3779B97F4A7C15u + 1;
    double at = (double)load.start_ns + 1e6;
    for (uint64_t i = 0; i < load.requests; i++) {
        x ^= x >> 12; x ^= x << 25; x ^= x >> 27;
        double unit = ((double)((x * 0x2545F4914F6CDD1Du) >> 11) + 0.5) / 9007199254740992.0;
        load.due[i] = (uint64_t)at;
        at += (load.poisson ? -log(unit) : 1.0) * 1e9 / load.rate;
    }
}

static void run(void) {
    struct epoll_event events[EVENTS_PER_WAIT];
    load.start_ns = now_ns();
    if (load.rate > 0) {
        plan_arrivals();
        for (int i = 0; i < load.connections; i++) give_back(&load.conns[i]);
        start_due();
    } else {
        for (int i = 0; i < load.connections && load.started < load.requests; i++) start(&load.conns[i], now_ns());
    }
    while (load.completed < load.requests) {
        if (load.read_every_ns) nanosleep(&(struct timespec){.tv_nsec = load.read_every_ns}, NULL);
        int n = epoll_wait(load.epoll, events, EVENTS_PER_WAIT, 1000);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (!c) {
                uint64_t fired;
                if (read(load.timer, &fired, sizeof fired) < 0 && errno != EAGAIN) die("read timer");
                continue;
            }
            if (events[i].events & EPOLLOUT) send_request(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
        }
        if (load.rate > 0) start_due();
        if (now_ns() - load.start_ns > load.max_ns) {
            fprintf(stderr, "load: %lu of %lu requests after %.1f s\n", load.completed, load.requests, (double)load.max_ns / 1e9);
            exit(1);
        }
    }
}

static void print_result(double wall_s) {
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    double cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\":%lu,\"wall_s\":%.6f,\"body_bytes\":%lu,\"events\":%lu,\"reconnects\":%lu,\"late_starts\":%lu,\"load_cpu_s\":%.6f,", load.completed,
           wall_s, load.bytes, load.events_seen, load.reconnects, load.late_starts, cpu_s);
    print_histogram("latency_us", &latency);
    putchar(',');
    print_histogram("first_event_us", &first_event);
    putchar(',');
    print_histogram("event_delay_us", &event_delay);
    printf("}\n");
    fflush(stdout);
}

static char *read_file(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*len + 1);
    if (!text || fread(text, 1, *len, f) != *len) die(path);
    fclose(f);
    return text;
}

static void build_request(const char *path, const char *key, const char *body_file, int port) {
    size_t body_len;
    char *body = read_file(body_file, &body_len);
    char head[2048];
    /* What openai-python and anthropic-sdk-python send, less their x-stainless fields. */
    const char *own = load.anthropic ? "User-Agent: AsyncAnthropic/Python 0.122.0\r\nanthropic-version: 2023-06-01\r\nx-api-key: "
                                     : "User-Agent: AsyncOpenAI/Python 3.54.0\r\nAuthorization: Bearer ";
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\nAccept: application/json\r\n"
                     "Content-Type: application/json\r\n%s%s\r\nContent-Length: %zu\r\n\r\n",
                     path, port, own, key, body_len);
    load.request_len = (size_t)n + body_len;
    load.request = malloc(load.request_len);
    if (!load.request) die("malloc");
    memcpy(load.request, head, (size_t)n);
    memcpy(load.request + n, body, body_len);
    if (load.vary) {
        load.varies = memmem(load.request, load.request_len, "tenant-", 7);
        if (!load.varies) die("--vary needs tenant-0000 in the body");
        load.varies += 7;
    }
    free(body);
}

int main(int argc, char **argv) {
    const char *key = "", *body = NULL;
    int port = 0;
    load.connections = 1;
    load.requests = 1;
    load.max_ns = 60000000000u;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (!strcmp(name, "--wait")) { load.wait = true; continue; }
        if (!strcmp(name, "--poisson")) { load.poisson = true; continue; }
        if (!strcmp(name, "--vary")) { load.vary = true; continue; }
        if (++i == argc) { fprintf(stderr, "load: %s needs a value\n", name); return 2; }
        const char *value = argv[i];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--dialect")) load.anthropic = !strcmp(value, "anthropic_messages");
        else if (!strcmp(name, "--key")) key = value;
        else if (!strcmp(name, "--body")) body = value;
        else if (!strcmp(name, "--connections")) load.connections = atoi(value);
        else if (!strcmp(name, "--requests")) load.requests = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--rate")) load.rate = atof(value);
        else if (!strcmp(name, "--read-every-us")) load.read_every_ns = atol(value) * 1000;
        else if (!strcmp(name, "--seed")) load.seed = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--events")) load.events = atoi(value);
        else if (!strcmp(name, "--deltas")) load.deltas = atoi(value);
        else if (!strcmp(name, "--expect-bytes")) load.expect_bytes = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--max-seconds")) load.max_ns = (uint64_t)(atof(value) * 1e9);
        else { fprintf(stderr, "load: unknown option %s\n", name); return 2; }
    }
    if (!body || !port || load.connections < 1 || !load.requests) { fprintf(stderr, "load: --port, --body, --connections and --requests are needed\n"); return 2; }
    signal(SIGPIPE, SIG_IGN);
    build_request(load.anthropic ? "/v1/messages" : "/v1/chat/completions", key, body, port);
    load.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    load.conns = calloc((size_t)load.connections, sizeof *load.conns);
    load.free_conns = calloc((size_t)load.connections, sizeof *load.free_conns);
    if (load.epoll < 0 || load.timer < 0 || !load.conns || !load.free_conns) die("start");
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, load.timer, &ev)) die("epoll_ctl");
    for (int i = 0; i < load.connections; i++) open_conn(&load.conns[i]);
    char line[16];
    if (load.wait) {
        puts("ready");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) return 1;
    }
    run();
    print_result((double)(now_ns() - load.start_ns) / 1e9);
    while (load.wait && fgets(line, sizeof line, stdin)) continue;
    return 0;
}

/* What the mock upstream says, in two dialects: texts alone, or thoughts, a text and two calls of tools.
 *
 * Every content event carries ` @` and 20 digits, which are the time it was sent, and no other `@`. An OpenAI stream of thoughts has them in
 * reasoning_content, as DeepSeek and vLLM do.
 */
#define STAMP_DIGITS 20
#define STAMP " @00000000000000000000"

enum { TAIL_BYTES = 2048, TEMPLATES = 10 };

/* Chunk framing and one or more server-sent events, the last of which has the stamp. */
struct event {
    char *bytes;
    size_t len, stamp_at, body_bytes;
    int count;
};

struct answers {
    const char *model;
    char *whole;
    size_t whole_len;
    int whole_body_bytes;
    struct event templates[TEMPLATES];
    /* One entry for each content event of a stream. */
    const struct event **script;
    int events;
    /* What follows the last content event, without and with OpenAI's usage event. */
    struct event tail, tail_usage;
    /* Of a stream without that event. */
    size_t stream_body_bytes;
    int stream_events;
};

/* --- OpenAI chat completions */

#define OPENAI_MODEL "mock-model-2026-01-01"
#define OPENAI_ID "\"id\":\"chatcmpl-BenchBenchBenchBenchBenchBe\",\"object\":\"chat.completion"
#define OPENAI_CHUNK "data: {" OPENAI_ID ".chunk\",\"created\":1767225600,\"model\":\"" OPENAI_MODEL "\",\"system_fingerprint\":\"fp_50cad350e4\",\"choices\":[{\"index\":0,\"delta\":{"
#define OPENAI_DELTA(delta) OPENAI_CHUNK delta "},\"finish_reason\":null}]}\n\n"
#define OPENAI_CALL(index, id, name) \
    OPENAI_DELTA("\"tool_calls\":[{\"index\":" index ",\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"\"}}]")
#define OPENAI_PIECE(index, text) OPENAI_DELTA("\"tool_calls\":[{\"index\":" index ",\"function\":{\"arguments\":\"" text "\"}}]")
#define OPENAI_FINISH(reason) \
    "data: {" OPENAI_ID ".chunk\",\"created\":1767225600,\"model\":\"" OPENAI_MODEL "\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n\n"
#define OPENAI_USAGE \
    "data: {" OPENAI_ID ".chunk\",\"created\":1767225600,\"model\":\"" OPENAI_MODEL "\",\"choices\":[],\"usage\":{\"prompt_tokens\":211,\"completion_tokens\":200," \
    "\"total_tokens\":411,\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\n"
#define OPENAI_DONE "data: [DONE]\n\n"
#define OPENAI_WHOLE \
    "{" OPENAI_ID "\",\"created\":1767225600,\"model\":\"" OPENAI_MODEL "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"," \
    "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":211,\"completion_tokens\":42," \
    "\"total_tokens\":253,\"prompt_tokens_details\":{\"cached_tokens\":0}},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_50cad350e4\"}"

/* --- Anthropic messages */

#define ANTHROPIC_MODEL "claude-sonnet-4-5-20250929"
#define ANTHROPIC_EVENT(name, members) "event: " name "\ndata: {\"type\":\"" name "\"" members "}\n\n"
#define ANTHROPIC_BEGIN \
    ANTHROPIC_EVENT("message_start", ",\"message\":{\"model\":\"" ANTHROPIC_MODEL "\",\"id\":\"msg_01BenchBenchBenchBenchBe\",\"type\":\"message\"," \
                    "\"role\":\"assistant\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":211," \
                    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1,\"service_tier\":\"standard\"}}")
#define ANTHROPIC_PING ANTHROPIC_EVENT("ping", "")
#define ANTHROPIC_BLOCK(index, block) ANTHROPIC_EVENT("content_block_start", ",\"index\":" index ",\"content_block\":{" block "}")
#define ANTHROPIC_DELTA(index, kind, member, text) \
    ANTHROPIC_EVENT("content_block_delta", ",\"index\":" index ",\"delta\":{\"type\":\"" kind "\",\"" member "\":\"" text "\"}")
#define ANTHROPIC_STOP(index) ANTHROPIC_EVENT("content_block_stop", ",\"index\":" index)
#define ANTHROPIC_END(reason) \
    ANTHROPIC_EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":200}") \
    , ANTHROPIC_EVENT("message_stop", "")
#define ANTHROPIC_TEXT(index) ANTHROPIC_DELTA(index, "text_delta", "text", STAMP)
#define ANTHROPIC_PIECE(index, text) ANTHROPIC_DELTA(index, "input_json_delta", "partial_json", text)
#define ANTHROPIC_CALL(index, id, name) \
    ANTHROPIC_BLOCK(index, "\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{}"), ANTHROPIC_PIECE(index, "")
#define ANTHROPIC_WHOLE \
    "{\"model\":\"" ANTHROPIC_MODEL "\",\"id\":\"msg_01BenchBenchBenchBenchBe\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\"," \
    "\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":211,\"cache_creation_input_tokens\":0," \
    "\"cache_read_input_tokens\":0,\"output_tokens\":42,\"service_tier\":\"standard\"}}"

#define FIRST_PIECE "{\\\"query\\\": \\\"" STAMP
#define LAST_PIECE STAMP "\\\"}"
#define SIGNATURE "EqQBCkYIBBgCKkBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBenchBe=="

static struct event make_event(const char *const *texts) {
    struct event made = {0};
    size_t room = 1;
    for (const char *const *text = texts; *text; text++) room += strlen(*text) + 16;
    made.bytes = malloc(room);
    if (!made.bytes) { perror("upstream: malloc"); exit(2); }
    for (const char *const *text = texts; *text; text++) {
        made.len += (size_t)sprintf(made.bytes + made.len, "%zx\r\n%s\r\n", strlen(*text), *text);
        made.body_bytes += strlen(*text);
        made.count++;
    }
    char *stamp = strchr(made.bytes, '@');
    made.stamp_at = stamp ? (size_t)(stamp - made.bytes) + 1 : 0;
    return made;
}

#define EVENT(...) make_event((const char *const[]){__VA_ARGS__, NULL})

static void end_chunks(struct event *tail) {
    tail->bytes = realloc(tail->bytes, tail->len + 8);
    if (!tail->bytes) { perror("upstream: realloc"); exit(2); }
    strcpy(tail->bytes + tail->len, "0\r\n\r\n");
    tail->len += 5;
}

static void build_openai(struct answers *a, bool tools) {
    struct event *t = a->templates;
    const struct event built[TEMPLATES] = {
        EVENT(OPENAI_DELTA("\"reasoning_content\":\"" STAMP "\"")),
        EVENT(OPENAI_DELTA("\"reasoning_content\":\"" STAMP "\"")),
        EVENT(OPENAI_DELTA("\"content\":\"" STAMP "\"")),
        EVENT(OPENAI_DELTA("\"content\":\"" STAMP "\"")),
        EVENT(OPENAI_CALL("0", "call_BenchBenchBenchBenchBe01", "find_text"), OPENAI_PIECE("0", FIRST_PIECE)),
        EVENT(OPENAI_PIECE("0", STAMP)),
        EVENT(OPENAI_PIECE("0", LAST_PIECE)),
        EVENT(OPENAI_CALL("1", "call_BenchBenchBenchBenchBe02", "read_file"), OPENAI_PIECE("1", FIRST_PIECE)),
        EVENT(OPENAI_PIECE("1", STAMP)),
        EVENT(OPENAI_PIECE("1", LAST_PIECE)),
    };
    memcpy(t, built, sizeof built);
    a->model = OPENAI_MODEL;
    a->tail = tools ? EVENT(OPENAI_FINISH("tool_calls"), OPENAI_DONE) : EVENT(OPENAI_FINISH("stop"), OPENAI_DONE);
    a->tail_usage = tools ? EVENT(OPENAI_FINISH("tool_calls"), OPENAI_USAGE, OPENAI_DONE) : EVENT(OPENAI_FINISH("stop"), OPENAI_USAGE, OPENAI_DONE);
}

static void build_anthropic(struct answers *a, bool tools) {
    struct event *t = a->templates;
    const struct event built[TEMPLATES] = {
        EVENT(ANTHROPIC_BEGIN, ANTHROPIC_BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""), ANTHROPIC_PING,
              ANTHROPIC_DELTA("0", "thinking_delta", "thinking", STAMP)),
        EVENT(ANTHROPIC_DELTA("0", "thinking_delta", "thinking", STAMP)),
        EVENT(ANTHROPIC_DELTA("0", "signature_delta", "signature", SIGNATURE), ANTHROPIC_STOP("0"), ANTHROPIC_BLOCK("1", "\"type\":\"text\",\"text\":\"\""),
              ANTHROPIC_TEXT("1")),
        EVENT(ANTHROPIC_TEXT("1")),
        EVENT(ANTHROPIC_STOP("1"), ANTHROPIC_CALL("2", "toolu_01BenchBenchBenchBenchBe", "find_text"), ANTHROPIC_PIECE("2", FIRST_PIECE)),
        EVENT(ANTHROPIC_PIECE("2", STAMP)),
        EVENT(ANTHROPIC_PIECE("2", LAST_PIECE)),
        EVENT(ANTHROPIC_STOP("2"), ANTHROPIC_CALL("3", "toolu_02BenchBenchBenchBenchBe", "read_file"), ANTHROPIC_PIECE("3", FIRST_PIECE)),
        EVENT(ANTHROPIC_PIECE("3", STAMP)),
        EVENT(ANTHROPIC_PIECE("3", LAST_PIECE)),
    };
    memcpy(t, built, sizeof built);
    if (!tools) {
        t[2] = EVENT(ANTHROPIC_BEGIN, ANTHROPIC_BLOCK("0", "\"type\":\"text\",\"text\":\"\""), ANTHROPIC_PING, ANTHROPIC_TEXT("0"));
        t[3] = EVENT(ANTHROPIC_TEXT("0"));
    }
    a->model = ANTHROPIC_MODEL;
    a->tail = tools ? EVENT(ANTHROPIC_STOP("3"), ANTHROPIC_END("tool_use")) : EVENT(ANTHROPIC_STOP("0"), ANTHROPIC_END("end_turn"));
    a->tail_usage = tools ? EVENT(ANTHROPIC_STOP("3"), ANTHROPIC_END("tool_use")) : EVENT(ANTHROPIC_STOP("0"), ANTHROPIC_END("end_turn"));
}

/* Of a stream with tools two fifths of the events are thoughts, a fifth is text, and two fifths are the arguments of two calls. */
static const struct event *choose(const struct answers *a, int i, bool tools) {
    const struct event *t = a->templates;
    int fifth = a->events / 5;
    if (!tools) return &t[i ? 3 : 2];
    if (i < 2 * fifth) return &t[i ? 1 : 0];
    if (i < 3 * fifth) return &t[i > 2 * fifth ? 3 : 2];
    if (i < 4 * fifth) return &t[i == 3 * fifth ? 4 : i == 4 * fifth - 1 ? 6 : 5];
    return &t[i == 4 * fifth ? 7 : i == a->events - 1 ? 9 : 8];
}

static char *build_text(size_t bytes) {
    static const char words[] = "The quick answer is \\\"yes\\\", with one caveat:\\nthe longer answer depends on how the question is read. ";
    char *text = malloc(bytes + 1);
    if (!text) { perror("upstream: malloc"); exit(2); }
    for (size_t i = 0; i < bytes; i++) text[i] = words[i % (sizeof words - 1)];
    /* A cut escape would break the JSON. */
    for (size_t i = bytes > 2 ? bytes - 2 : 0; i < bytes; i++) text[i] = '.';
    if (bytes > 2 && text[bytes - 3] == '\\') text[bytes - 3] = '.';
    text[bytes] = 0;
    return text;
}

static void build_whole(struct answers *a, const char *format, int bytes) {
    int fixed = (int)strlen(format) - 2;
    char *text = build_text((size_t)(bytes > fixed ? bytes - fixed : 0)), *body = NULL;
    if (asprintf(&body, format, text) < 0) { perror("upstream: asprintf"); exit(2); }
    a->whole_body_bytes = (int)strlen(body);
    if (asprintf(&a->whole,
                 "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                 "Connection: keep-alive\r\nopenai-processing-ms: 12\r\nx-request-id: req_0123456789abcdef0123456789abcdef\r\n"
                 "x-ratelimit-remaining-requests: 9999\r\ncache-control: no-cache\r\n\r\n%s",
                 a->whole_body_bytes, body) < 0) { perror("upstream: asprintf"); exit(2); }
    a->whole_len = strlen(a->whole);
    free(text);
    free(body);
}

static void build_answers(struct answers *a, bool anthropic, bool tools, int answer_bytes, int events) {
    a->events = events;
    if (anthropic) build_anthropic(a, tools); else build_openai(a, tools);
    if (anthropic) build_whole(a, ANTHROPIC_WHOLE, answer_bytes); else build_whole(a, OPENAI_WHOLE, answer_bytes);
    a->script = malloc(sizeof *a->script * (size_t)events);
    if (!a->script) { perror("upstream: malloc"); exit(2); }
    a->stream_body_bytes = a->tail.body_bytes;
    a->stream_events = a->tail.count;
    for (int i = 0; i < events; i++) {
        a->script[i] = choose(a, i, tools);
        a->stream_body_bytes += a->script[i]->body_bytes;
        a->stream_events += a->script[i]->count;
    }
    end_chunks(&a->tail);
    end_chunks(&a->tail_usage);
}

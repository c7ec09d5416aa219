/* libstrophe: stanzas from its constructors, answers and announcements by handlers.
 *
 * Handlers are called by xmpp_run(); the conversation goes on in them, step by step. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

#define COMMAND "urn:xmppservice:command:1"
#define DOCUMENT "urn:xmppservice:document:1"
#define RECEIPTS "urn:xmpp:receipts"
#define HINTS "urn:xmpp:hints"
#define MILLISECONDS 30000

enum step { LOGIN, DOCUMENT_READ, ADD, SEARCH, REPEAT, SUBSCRIBED, CHANGE, READ_AGAIN, DONE };

static const char *const NAMES[] = {
    "The login",       "The document",  "cmd_add_to_roster", "cmd_search_users",
    "repeat",          "subscribed",    "change",            "The document",
};

static xmpp_ctx_t *ctx;
static const char *service;
static enum step step = LOGIN;
static char hash[41]; /* the last one announced */
static char *search_id;
static int failed;

static void end(xmpp_conn_t *conn)
{
    step = DONE;
    xmpp_disconnect(conn);
}

static void fail(xmpp_conn_t *conn, const char *what, const char *why)
{
    fprintf(stderr, "%s %s.\n", what, why);
    failed = 1;
    end(conn);
}

static int on_timeout(xmpp_conn_t *conn, void *userdata)
{
    (void)userdata;
    fail(conn, NAMES[step], "did not come within 30 seconds");
    return 0;
}

/* Begins the next step, with new patience. */
static void enter(xmpp_conn_t *conn, enum step next)
{
    step = next;
    xmpp_timed_handler_delete(conn, on_timeout);
    xmpp_timed_handler_add(conn, on_timeout, MILLISECONDS, NULL);
}

static void say_text(const char *key, const char *value)
{
    printf("\"%s\": \"%s\"", key, value);
}

static int from_service(xmpp_stanza_t *stanza)
{
    const char *from = xmpp_stanza_get_from(stanza);
    size_t length = strlen(service);

    /* With a resource or without. */
    return from && !strncmp(from, service, length) && strchr("/", from[length]);
}

/* Adds a child, which its parent then owns. */
static xmpp_stanza_t *child(xmpp_stanza_t *parent, const char *name, const char *ns)
{
    xmpp_stanza_t *made = xmpp_stanza_new(ctx);

    xmpp_stanza_set_name(made, name);
    if (ns) xmpp_stanza_set_ns(made, ns);
    xmpp_stanza_add_child(parent, made);
    xmpp_stanza_release(made);
    return made;
}

static void text_child(xmpp_stanza_t *parent, const char *name, const char *text)
{
    xmpp_stanza_t *made = xmpp_stanza_new(ctx);

    xmpp_stanza_set_text(made, text);
    xmpp_stanza_add_child(child(parent, name, NULL), made);
    xmpp_stanza_release(made);
}

static void send_and_release(xmpp_conn_t *conn, xmpp_stanza_t *stanza)
{
    xmpp_send(conn, stanza);
    xmpp_stanza_release(stanza);
}

static void send_command(xmpp_conn_t *conn, const char *word, const char *payload, const char *id)
{
    xmpp_stanza_t *message = xmpp_message_new(ctx, "chat", service, id);
    xmpp_stanza_t *x;

    child(message, "body", NULL);
    x = child(message, "x", COMMAND);
    text_child(x, "type", word);
    text_child(x, "action", word);
    text_child(x, "payload", payload);
    child(message, "no-copy", HINTS);
    child(message, "request", RECEIPTS);
    send_and_release(conn, message);
}

/* A payload of one list, which the environment has as JSON. */
static void send_list(xmpp_conn_t *conn, const char *word, const char *key, const char *id)
{
    const char *list = getenv(strcmp(key, "userList") ? "CONTACTS" : "NUMBERS");
    size_t size = strlen(key) + strlen(list) + sizeof "{\"\":}";
    char *payload = malloc(size);

    snprintf(payload, size, "{\"%s\":%s}", key, list);
    send_command(conn, word, payload, id);
    free(payload);
}

static int on_vcard(xmpp_conn_t *conn, xmpp_stanza_t *iq, void *userdata)
{
    xmpp_stanza_t *desc = xmpp_stanza_get_child_by_path(iq, "iq", "vCard", "DESC", NULL);
    char *text = desc ? xmpp_stanza_get_text(desc) : NULL;
    char *digest, *id;

    (void)userdata;
    if (!text) {
        fail(conn, "The vCard", "has no DESC");
        return 0;
    }
    digest = xmpp_sha1(ctx, (unsigned char *)text, strlen(text));
    printf("{");
    if (step == READ_AGAIN) {
        say_text("change", hash);
        printf(", ");
    }
    say_text("document", digest);
    printf("}\n");
    xmpp_free(ctx, digest);
    xmpp_free(ctx, text);
    if (step == READ_AGAIN) {
        end(conn);
        return 0;
    }
    enter(conn, ADD);
    id = xmpp_uuid_gen(ctx);
    send_list(conn, "cmd_add_to_roster", "channelUsers", id);
    xmpp_free(ctx, id);
    return 0; /* The handler of an id is done. */
}

static void read_document(xmpp_conn_t *conn)
{
    char *id = xmpp_uuid_gen(ctx);
    xmpp_stanza_t *iq = xmpp_iq_new(ctx, "get", id);

    xmpp_stanza_set_to(iq, service);
    child(iq, "vCard", "vcard-temp");
    xmpp_id_handler_add(conn, on_vcard, id, NULL);
    send_and_release(conn, iq);
    xmpp_free(ctx, id);
}

static int on_answer(xmpp_conn_t *conn, xmpp_stanza_t *message, void *userdata)
{
    xmpp_stanza_t *x = xmpp_stanza_get_child_by_name_and_ns(message, "x", COMMAND);
    xmpp_stanza_t *payload = x ? xmpp_stanza_get_child_by_name(x, "payload") : NULL;
    char *text = payload ? xmpp_stanza_get_text(payload) : NULL;

    (void)userdata;
    if (!text || !from_service(message)) return 1;
    printf("{\"%s\": %s}\n", NAMES[step], text);
    xmpp_free(ctx, text);
    if (step == REPEAT) {
        xmpp_stanza_t *subscribe = xmpp_presence_new(ctx);

        enter(conn, SUBSCRIBED);
        xmpp_stanza_set_type(subscribe, "subscribe");
        xmpp_stanza_set_to(subscribe, service);
        send_and_release(conn, subscribe);
    } else {
        enter(conn, step == ADD ? SEARCH : REPEAT);
        send_list(conn, "cmd_search_users", "userList", search_id);
    }
    return 1; /* A handler stays as long as it returns true. */
}

static int on_receipt(xmpp_conn_t *conn, xmpp_stanza_t *message, void *userdata)
{
    (void)conn, (void)userdata;
    if (from_service(message)) printf("{\"receipt\": true}\n");
    return 1;
}

static int on_announcement(xmpp_conn_t *conn, xmpp_stanza_t *presence, void *userdata)
{
    xmpp_stanza_t *document = xmpp_stanza_get_child_by_name_and_ns(presence, "document", DOCUMENT);
    const char *found = document ? xmpp_stanza_get_attribute(document, "hash") : NULL;

    (void)userdata;
    if (!found || !from_service(presence) || !strcmp(found, hash)) return 1;
    snprintf(hash, sizeof hash, "%s", found);
    if (step == SUBSCRIBED) {
        printf("{");
        say_text("subscribed", hash);
        printf("}\n");
        enter(conn, CHANGE);
    } else if (step == CHANGE) {
        enter(conn, READ_AGAIN);
        read_document(conn);
    }
    return 1;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *userdata)
{
    (void)error, (void)stream_error, (void)userdata;
    if (event == XMPP_CONN_CONNECT) {
        /* The namespace is that of a child; a stanza matches with any of its children. */
        xmpp_handler_add(conn, on_answer, COMMAND, "message", NULL, NULL);
        xmpp_handler_add(conn, on_receipt, RECEIPTS, "message", NULL, NULL);
        xmpp_handler_add(conn, on_announcement, DOCUMENT, "presence", NULL, NULL);
        send_and_release(conn, xmpp_presence_new(ctx));
        enter(conn, DOCUMENT_READ);
        read_document(conn);
        return;
    }
    if (step != DONE) {
        fprintf(stderr, "The connection ended.\n");
        failed = 1;
    }
    xmpp_stop(ctx);
}

int main(int count, char **words)
{
    xmpp_conn_t *conn;

    if (count != 3) return 2;
    service = words[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    xmpp_initialize();
    ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_ERROR));
    conn = xmpp_conn_new(ctx);
    search_id = xmpp_uuid_gen(ctx);
    xmpp_conn_set_jid(conn, words[1]);
    xmpp_conn_set_pass(conn, getenv("PASSWORD"));
    /* In the clear: for a server on this machine, and for no other. */
    xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_DISABLE_TLS);
    enter(conn, LOGIN);
    if (xmpp_connect_client(conn, getenv("XMPP_HOST"), atoi(getenv("XMPP_PORT")), on_connection,
                            NULL) == XMPP_EOK)
        xmpp_run(ctx);
    else
        failed = 1;
    xmpp_free(ctx, search_id);
    xmpp_conn_release(conn);
    xmpp_ctx_free(ctx);
    xmpp_shutdown();
    return failed;
}

/*
 * A client on BearSSL: TLS 1.2 alone, no heap of its own. Several roots: an array of anchors, each a name and a key, as a device has
 * them compiled in. Here they are taken from the file.
 */
#include <bearssl.h>
#include "line-client.h"

#define ROOTS_MAX 4
#define BYTES_MAX 4096

struct bytes {
    unsigned char data[BYTES_MAX];
    size_t length;
};

static struct bytes objects[ROOTS_MAX], names[ROOTS_MAX];
static br_x509_decoder_context decoders[ROOTS_MAX];
static br_x509_trust_anchor anchors[ROOTS_MAX];

static void append(void *to, const void *data, size_t length) {
    struct bytes *bytes = to;
    if (bytes->length + length > BYTES_MAX) exit(1);
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

/* Reads the objects of a PEM file; returns how many. */
static size_t read_pem(const char *path, struct bytes *into) {
    static br_pem_decoder_context pem;
    static char text[16384];
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof text, file) : 0, at = 0, count = 0;
    if (file) fclose(file);
    br_pem_decoder_init(&pem);
    while (at < length) {
        at += br_pem_decoder_push(&pem, text + at, length - at);
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ:
            if (count == ROOTS_MAX) return 0;
            into[count].length = 0;
            br_pem_decoder_setdest(&pem, append, &into[count]);
            break;
        case BR_PEM_END_OBJ:
            count += 1;
            break;
        case BR_PEM_ERROR:
            return 0;
        }
    }
    return count;
}

static size_t read_anchors(const char *path) {
    size_t count = read_pem(path, objects);
    for (size_t each = 0; each < count; each += 1) {
        br_x509_pkey *key;
        names[each].length = 0;
        br_x509_decoder_init(&decoders[each], append, &names[each]);
        br_x509_decoder_push(&decoders[each], objects[each].data, objects[each].length);
        key = br_x509_decoder_get_pkey(&decoders[each]);
        if (!key) return 0;
        anchors[each].dn.data = names[each].data;
        anchors[each].dn.len = names[each].length;
        anchors[each].flags = br_x509_decoder_isCA(&decoders[each]) ? BR_X509_TA_CA : 0;
        anchors[each].pkey = *key;
    }
    return count;
}

static int receive(void *context, unsigned char *data, size_t length) {
    ssize_t got = read(*(int *)context, data, length);
    return got <= 0 ? -1 : (int)got;
}

static int transmit(void *context, const unsigned char *data, size_t length) {
    ssize_t gone = write(*(int *)context, data, length);
    return gone <= 0 ? -1 : (int)gone;
}

static const char *failure(const br_ssl_client_context *client) {
    static char text[64];
    snprintf(text, sizeof text, "error %d", br_ssl_engine_last_error(&client->eng));
    return text;
}

static const char *converse(br_ssl_client_context *client, int fd) {
    br_sslio_context io;
    unsigned char answer[sizeof accepted];
    br_sslio_init(&io, &client->eng, receive, &fd, transmit, &fd);
    if (br_sslio_write_all(&io, connect_packet, sizeof connect_packet) < 0) return failure(client);
    if (br_sslio_flush(&io) < 0 || br_sslio_read_all(&io, answer, sizeof answer) < 0) return failure(client);
    if (memcmp(answer, accepted, sizeof accepted) != 0) return "not accepted";
    br_sslio_write_all(&io, disconnect_packet, sizeof disconnect_packet);
    br_sslio_close(&io);
    return NULL;
}

static const char *attempt(const struct line_case *given) {
    static br_ssl_client_context client;
    static br_x509_minimal_context verifier;
    static br_skey_decoder_context key;
    static unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
    static struct bytes own[ROOTS_MAX], secret[ROOTS_MAX];
    br_x509_certificate certificate;
    const char *failed;
    size_t count = read_anchors(given->roots);
    int fd;
    if (count == 0) return "roots";
    if (read_pem(given->certificate, own) != 1 || read_pem(given->key, secret) != 1) return "certificate or key";
    br_skey_decoder_init(&key);
    br_skey_decoder_push(&key, secret[0].data, secret[0].length);
    if (!br_skey_decoder_get_ec(&key)) return "key";
    br_ssl_client_init_full(&client, &verifier, anchors, count);
    certificate.data = own[0].data;
    certificate.data_len = own[0].length;
    /* The key type of the certificate's issuer is that of the chain here: P-256. */
    br_ssl_client_set_single_ec(&client, &certificate, 1, br_skey_decoder_get_ec(&key),
                                BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, br_ec_get_default(),
                                br_ecdsa_sign_asn1_get_default());
    br_ssl_engine_set_buffer(&client.eng, buffer, sizeof buffer, 1);
    br_ssl_client_reset(&client, SERVER_NAME, 0);
    fd = dial(given->port);
    failed = fd < 0 ? "no connection" : converse(&client, fd);
    if (fd >= 0) close(fd);
    return failed;
}

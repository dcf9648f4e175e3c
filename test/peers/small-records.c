/*
 * A TLS client with records of 1 kB that does not put handshake messages together again, as constrained devices are built: it asks for
 * MBEDTLS_SSL_MAX_FRAG_LEN_1024, shows its certificate, sends an MQTT CONNECT and prints the CONNACK's return code.
 * usage: small-records HOST PORT CA CERTIFICATE KEY CLIENT_ID
 */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_generator;
static mbedtls_net_context net;
static mbedtls_ssl_context ssl;
static mbedtls_ssl_config config;
static mbedtls_x509_crt root, own;
static mbedtls_pk_context key;

static void check(const char *step, int result) {
    char text[128];
    if (result >= 0) return;
    mbedtls_strerror(result, text, sizeof text);
    fprintf(stderr, "%s: %s (-0x%04x)\n", step, text, (unsigned)-result);
    exit(1);
}

static void read_key(const char *file) {
#if MBEDTLS_VERSION_MAJOR >= 3
    check("key", mbedtls_pk_parse_keyfile(&key, file, NULL, mbedtls_ctr_drbg_random, &random_generator));
#else
    check("key", mbedtls_pk_parse_keyfile(&key, file, NULL));
#endif
}

static void prepare(char **argv) {
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_generator);
    mbedtls_net_init(&net);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&root);
    mbedtls_x509_crt_init(&own);
    mbedtls_pk_init(&key);
    check("random", mbedtls_ctr_drbg_seed(&random_generator, mbedtls_entropy_func, &entropy, NULL, 0));
    check("root", mbedtls_x509_crt_parse_file(&root, argv[3]));
    check("certificate", mbedtls_x509_crt_parse_file(&own, argv[4]));
    read_key(argv[5]);
    check("defaults", mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                  MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random_generator);
    mbedtls_ssl_conf_ca_chain(&config, &root, NULL);
    check("pair", mbedtls_ssl_conf_own_cert(&config, &own, &key));
    check("fragment", mbedtls_ssl_conf_max_frag_len(&config, MBEDTLS_SSL_MAX_FRAG_LEN_1024));
    mbedtls_ssl_conf_session_tickets(&config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    check("setup", mbedtls_ssl_setup(&ssl, &config));
    check("name", mbedtls_ssl_set_hostname(&ssl, argv[1]));
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
}

/* MQTT 3.1.1, 3.1: clean session, keep alive 60 s. The client id is shorter than 100 bytes. */
static size_t connect_packet(unsigned char *packet, const char *id) {
    static const unsigned char fixed[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0};
    size_t length = strlen(id);
    packet[0] = 0x10;
    packet[1] = (unsigned char)(sizeof fixed + 1 + length);
    memcpy(packet + 2, fixed, sizeof fixed);
    packet[2 + sizeof fixed] = (unsigned char)length;
    memcpy(packet + 3 + sizeof fixed, id, length);
    return 3 + sizeof fixed + length;
}

int main(int argc, char **argv) {
    unsigned char packet[128];
    size_t got = 0;
    if (argc != 7 || strlen(argv[6]) >= 100) return 2;
    prepare(argv);
    /* The name is what the certificate is checked against; the broker of a test listens here. */
    check("connect", mbedtls_net_connect(&net, "127.0.0.1", argv[2], MBEDTLS_NET_PROTO_TCP));
    check("handshake", mbedtls_ssl_handshake(&ssl));
    check("CONNECT", mbedtls_ssl_write(&ssl, packet, connect_packet(packet, argv[6])));
    while (got < 4) {
        int result = mbedtls_ssl_read(&ssl, packet + got, 4 - got);
        check("CONNACK", result == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : result);
        got += (size_t)result;
    }
    printf("%s, CONNACK %d\n", mbedtls_ssl_get_version(&ssl), packet[3]);
    mbedtls_ssl_close_notify(&ssl);
    return packet[0] == 0x20 ? packet[3] : 1;
}

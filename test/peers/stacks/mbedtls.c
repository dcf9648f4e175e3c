/* A client on mbedTLS. Several roots: mbedtls_x509_crt_parse_file adds each of a file in PEM to one list. */
#include "line-client.h"
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_generator;
static mbedtls_net_context net;
static mbedtls_ssl_context ssl;
static mbedtls_ssl_config config;
static mbedtls_x509_crt roots, own;
static mbedtls_pk_context key;

static int load(const struct line_case *given) {
    int result = mbedtls_ctr_drbg_seed(&random_generator, mbedtls_entropy_func, &entropy, NULL, 0);
    if (result == 0) result = mbedtls_x509_crt_parse_file(&roots, given->roots);
    if (result == 0) result = mbedtls_x509_crt_parse_file(&own, given->certificate);
#if MBEDTLS_VERSION_MAJOR >= 3
    if (result == 0)
        result = mbedtls_pk_parse_keyfile(&key, given->key, NULL, mbedtls_ctr_drbg_random, &random_generator);
#else
    if (result == 0) result = mbedtls_pk_parse_keyfile(&key, given->key, NULL);
#endif
    if (result == 0)
        result = mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT);
    if (result != 0) return result;
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random_generator);
    mbedtls_ssl_conf_ca_chain(&config, &roots, NULL);
    result = mbedtls_ssl_conf_own_cert(&config, &own, &key);
    if (result == 0) result = mbedtls_ssl_setup(&ssl, &config);
    if (result == 0) result = mbedtls_ssl_set_hostname(&ssl, SERVER_NAME);
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    return result;
}

static int converse(const char *port) {
    unsigned char answer[sizeof accepted];
    size_t got = 0;
    int result = 0;
    net.fd = dial(port);
    if (net.fd < 0) return MBEDTLS_ERR_NET_CONNECT_FAILED;
    result = mbedtls_ssl_handshake(&ssl);
    if (result == 0) result = mbedtls_ssl_write(&ssl, connect_packet, sizeof connect_packet);
    while (result >= 0 && got < sizeof answer) {
        result = mbedtls_ssl_read(&ssl, answer + got, sizeof answer - got);
        if (result == 0) return MBEDTLS_ERR_SSL_CONN_EOF;
        if (result > 0) got += (size_t)result;
    }
    if (result < 0) return result;
    if (memcmp(answer, accepted, sizeof accepted) != 0) return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
    mbedtls_ssl_write(&ssl, disconnect_packet, sizeof disconnect_packet);
    mbedtls_ssl_close_notify(&ssl);
    return 0;
}

static const char *attempt(const struct line_case *given) {
    static char text[128];
    int result;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_generator);
    mbedtls_net_init(&net);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&roots);
    mbedtls_x509_crt_init(&own);
    mbedtls_pk_init(&key);
    result = load(given);
    if (result == 0) result = converse(given->port);
    mbedtls_net_free(&net);
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&config);
    mbedtls_x509_crt_free(&roots);
    mbedtls_x509_crt_free(&own);
    mbedtls_pk_free(&key);
    mbedtls_ctr_drbg_free(&random_generator);
    mbedtls_entropy_free(&entropy);
    if (result == 0) return NULL;
    mbedtls_strerror(result, text, sizeof text);
    return text;
}

/*
 * A client on OpenSSL that builds its path as OpenSSL did before 1.1.0: from the certificates that were sent, and only then from its
 * roots (X509_V_FLAG_TRUSTED_FIRST is off). No setting of SSL_CTX takes this flag away; the callback does.
 */
#include "line-client.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

static int verify(X509_STORE_CTX *context, void *unused) {
    (void)unused;
    X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_TRUSTED_FIRST);
    return X509_verify_cert(context);
}

static const char *failure(void) {
    static char text[256];
    unsigned long error = ERR_get_error();
    if (error == 0) return "ended";
    ERR_error_string_n(error, text, sizeof text);
    ERR_clear_error();
    return text;
}

static const char *converse(SSL *ssl, int fd) {
    unsigned char answer[sizeof accepted];
    int got = 0, result;
    if (SSL_set1_host(ssl, SERVER_NAME) != 1 || SSL_set_tlsext_host_name(ssl, SERVER_NAME) != 1) return "name";
    if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) return failure();
    result = SSL_write(ssl, connect_packet, sizeof connect_packet);
    while (result > 0 && got < (int)sizeof answer) {
        result = SSL_read(ssl, answer + got, (int)sizeof answer - got);
        if (result > 0) got += result;
    }
    if (result <= 0) return failure();
    if (memcmp(answer, accepted, sizeof accepted) != 0) return "not accepted";
    SSL_write(ssl, disconnect_packet, sizeof disconnect_packet);
    SSL_shutdown(ssl);
    return NULL;
}

static const char *attempt(const struct line_case *given) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    const char *failed = NULL;
    if (SSL_CTX_load_verify_locations(context, given->roots, NULL) != 1) failed = "roots";
    else if (SSL_CTX_use_certificate_chain_file(context, given->certificate) != 1) failed = "certificate";
    else if (SSL_CTX_use_PrivateKey_file(context, given->key, SSL_FILETYPE_PEM) != 1) failed = "key";
    if (!failed) {
        SSL *ssl;
        int fd = dial(given->port);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(context, verify, NULL);
        ssl = SSL_new(context);
        failed = fd < 0 ? "no connection" : converse(ssl, fd);
        SSL_free(ssl);
        if (fd >= 0) close(fd);
    }
    SSL_CTX_free(context);
    return failed;
}

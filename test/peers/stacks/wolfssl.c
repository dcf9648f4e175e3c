/* A client on wolfSSL as Debian builds it. Several roots: one file in PEM. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include "line-client.h"

static const char *failure(WOLFSSL *ssl, int result) {
    static char text[WOLFSSL_MAX_ERROR_SZ];
    return wolfSSL_ERR_error_string((unsigned long)wolfSSL_get_error(ssl, result), text);
}

static const char *prepare(WOLFSSL_CTX *context, const struct line_case *given) {
    if (wolfSSL_CTX_load_verify_locations(context, given->roots, NULL) != WOLFSSL_SUCCESS) return "roots";
    if (wolfSSL_CTX_use_certificate_chain_file(context, given->certificate) != WOLFSSL_SUCCESS) return "certificate";
    if (wolfSSL_CTX_use_PrivateKey_file(context, given->key, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS) return "key";
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
    return NULL;
}

static const char *converse(WOLFSSL *ssl, int fd) {
    unsigned char answer[sizeof accepted];
    int got = 0;
    int result = wolfSSL_set_fd(ssl, fd);
    if (result == WOLFSSL_SUCCESS) result = wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, SERVER_NAME, strlen(SERVER_NAME));
    if (result == WOLFSSL_SUCCESS) result = wolfSSL_check_domain_name(ssl, SERVER_NAME);
    if (result != WOLFSSL_SUCCESS) return "setup";
    result = wolfSSL_connect(ssl);
    if (result != WOLFSSL_SUCCESS) return failure(ssl, result);
    result = wolfSSL_write(ssl, connect_packet, sizeof connect_packet);
    while (result > 0 && got < (int)sizeof answer) {
        result = wolfSSL_read(ssl, answer + got, (int)sizeof answer - got);
        if (result > 0) got += result;
    }
    if (result <= 0) return failure(ssl, result);
    if (memcmp(answer, accepted, sizeof accepted) != 0) return "not accepted";
    wolfSSL_write(ssl, disconnect_packet, sizeof disconnect_packet);
    wolfSSL_shutdown(ssl);
    return NULL;
}

static const char *attempt(const struct line_case *given) {
    WOLFSSL_CTX *context = wolfSSL_CTX_new(wolfTLS_client_method());
    const char *failed = prepare(context, given);
    if (!failed) {
        WOLFSSL *ssl = wolfSSL_new(context);
        int fd = dial(given->port);
        failed = fd < 0 ? "no connection" : converse(ssl, fd);
        wolfSSL_free(ssl);
        if (fd >= 0) close(fd);
    }
    wolfSSL_CTX_free(context);
    return failed;
}

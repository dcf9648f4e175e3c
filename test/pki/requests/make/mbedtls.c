/* The request that mbedTLS writes by itself, and one with the key usage and Netscape type that its example program asks for. */
#include <stdio.h>
#include <string.h>
#include <mbedtls/version.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_csr.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;

static int write_request(const char *file, mbedtls_pk_context *key, int with_usage)
{
    unsigned char pem[4096];
    mbedtls_x509write_csr request;
    FILE *out;
    int rc;

    mbedtls_x509write_csr_init(&request);
    mbedtls_x509write_csr_set_key(&request, key);
    mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
    rc = mbedtls_x509write_csr_set_subject_name(&request, "CN=pump-1");
    if (rc == 0 && with_usage)
        rc = mbedtls_x509write_csr_set_key_usage(&request, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    if (rc == 0 && with_usage)
        rc = mbedtls_x509write_csr_set_ns_cert_type(&request, MBEDTLS_X509_NS_CERT_TYPE_SSL_CLIENT);
    if (rc == 0)
        rc = mbedtls_x509write_csr_pem(&request, pem, sizeof pem, mbedtls_ctr_drbg_random, &drbg);
    mbedtls_x509write_csr_free(&request);
    if (rc != 0 || (out = fopen(file, "w")) == NULL)
        return 1;
    rc = fputs((char *) pem, out) < 0;
    return fclose(out) != 0 || rc;
}

/* Usage: mbedtls NAME: writes NAME-ec.pem, NAME-usage.pem and NAME-rsa.pem. */
int main(int argc, char **argv)
{
    char file[256];
    mbedtls_pk_context key;
    int rc;

    if (argc != 2)
        return 2;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    rc = mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0);
    mbedtls_pk_init(&key);
    rc |= mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    rc |= mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), mbedtls_ctr_drbg_random, &drbg);
    snprintf(file, sizeof file, "%s-ec.pem", argv[1]);
    rc |= write_request(file, &key, 0);
    snprintf(file, sizeof file, "%s-usage.pem", argv[1]);
    rc |= write_request(file, &key, 1);
    mbedtls_pk_free(&key);
    mbedtls_pk_init(&key);
    rc |= mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA));
    rc |= mbedtls_rsa_gen_key(mbedtls_pk_rsa(key), mbedtls_ctr_drbg_random, &drbg, 2048, 65537);
    snprintf(file, sizeof file, "%s-rsa.pem", argv[1]);
    rc |= write_request(file, &key, 0);
    mbedtls_pk_free(&key);
    return rc != 0;
}

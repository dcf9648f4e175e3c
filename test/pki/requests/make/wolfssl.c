/* The request that wolfSSL writes by itself: wc_InitCert, a common name, wc_MakeCertReq. */
#include <wolfssl/options.h>
#include <stdio.h>
#include <string.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

int main(int argc, char **argv)
{
    static unsigned char der[4096], pem[8192];
    ecc_key key;
    WC_RNG rng;
    Cert request;
    FILE *out;
    int length;

    if (argc != 2 || wc_InitRng(&rng) != 0 || wc_ecc_init(&key) != 0 || wc_ecc_make_key(&rng, 32, &key) != 0)
        return 1;
    wc_InitCert(&request);
    strncpy(request.subject.commonName, "pump-1", CTC_NAME_SIZE);
    request.sigType = CTC_SHA256wECDSA;
    length = wc_MakeCertReq(&request, der, sizeof der, NULL, &key);
    if (length > 0)
        length = wc_SignCert(request.bodySz, request.sigType, der, sizeof der, NULL, &key, &rng);
    if (length > 0)
        length = wc_DerToPem(der, length, pem, sizeof pem, CERTREQ_TYPE);
    if (length <= 0 || (out = fopen(argv[1], "w")) == NULL) {
        fprintf(stderr, "wolfSSL: %d\n", length);
        return 1;
    }
    fwrite(pem, 1, length, out);
    return fclose(out) != 0;
}

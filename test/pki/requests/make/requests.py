"""The requests that Python's cryptography and asn1crypto write."""
from asn1crypto import csr, keys, pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

key = ec.generate_private_key(ec.SECP256R1())
rsa_key = rsa.generate_private_key(65537, 2048)
small = rsa.generate_private_key(3, 2048)
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pump-1")])
names = x509.Name([
    x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
    x509.NameAttribute(NameOID.COMMON_NAME, "pump-1"),
])


def write(file, request):
    with open(file, "wb") as out:
        out.write(request.public_bytes(serialization.Encoding.PEM))


def builder(subject=name):
    return x509.CertificateSigningRequestBuilder().subject_name(subject)


write("cryptography-ec.pem", builder().sign(key, hashes.SHA256()))
write("cryptography-sha512.pem", builder().sign(key, hashes.SHA512()))
write("cryptography-sha3.pem", builder().sign(rsa_key, hashes.SHA3_256()))
write("cryptography-names.pem", builder(names).add_extension(
    x509.SubjectAlternativeName([x509.DNSName("pump-1")]), critical=False).sign(key, hashes.SHA256()))
write("cryptography-must-staple.pem", builder().add_extension(
    x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=True).add_extension(
    x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)]), critical=True).add_extension(
    x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(key, hashes.SHA256()))
write("cryptography-pss.pem", builder().sign(
    rsa_key, hashes.SHA256(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)))
write("cryptography-exponent-3.pem", builder().sign(small, hashes.SHA256()))
write("cryptography-ed25519.pem", builder().sign(ed25519.Ed25519PrivateKey.generate(), None))
write("cryptography-ca.pem", builder().add_extension(
    x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))

info = csr.CertificationRequestInfo({
    "version": "v1",
    "subject": asn1_x509.Name.build({"common_name": "pump-1"}),
    "subject_pk_info": keys.PublicKeyInfo.load(key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)),
})
request = csr.CertificationRequest({
    "certification_request_info": info,
    "signature_algorithm": {"algorithm": "sha256_ecdsa"},
    "signature": key.sign(info.dump(), ec.ECDSA(hashes.SHA256())),
})
with open("asn1crypto.pem", "wb") as out:
    out.write(pem.armor("CERTIFICATE REQUEST", request.dump()))

// The requests that crypto/x509 writes: a common name alone, one with an organization and a DNS name, RSA with PKCS #1 and PSS.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
)

func write(file string, template x509.CertificateRequest, key crypto.Signer) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		panic(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	if err := os.WriteFile(file, block, 0o644); err != nil {
		panic(err)
	}
}

func main() {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	big, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	name := pkix.Name{CommonName: "pump-1"}
	full := pkix.Name{CommonName: "pump-1", Organization: []string{"Acme"}, Country: []string{"CH"}}
	write("go-ec.pem", x509.CertificateRequest{Subject: name}, ec)
	write("go-ec384.pem", x509.CertificateRequest{Subject: name}, big)
	write("go-names.pem", x509.CertificateRequest{Subject: full, DNSNames: []string{"pump-1"}}, ec)
	write("go-rsa.pem", x509.CertificateRequest{Subject: name}, key)
	write("go-pss.pem", x509.CertificateRequest{Subject: name, SignatureAlgorithm: x509.SHA384WithRSAPSS}, key)
}

#!/bin/sh
# Makes the requests of this folder anew, with the tools that devices and their factories use. Run by hand:
#
#   test/pki/requests/make/make.sh
#
# It needs cc, openssl, keytool, certtool (gnutls-bin), libmbedtls-dev, libwolfssl-dev, go, cargo, mvn, python3 with venv, and npm.
# What it installs goes into a temporary folder. Keys are thrown away. Every request is for pump-1.
set -eu

here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
out="$work/out"
mkdir "$out"
cd "$out"

openssl ecparam -name prime256v1 -genkey -noout -out "$work/key.pem"
cat > "$work/openssl.cnf" <<'CONF'
[req]
distinguished_name = name
req_extensions = v3_req
prompt = no
[name]
CN = pump-1
[v3_req]
basicConstraints = CA:FALSE
keyUsage = nonRepudiation, digitalSignature, keyEncipherment
CONF
request() { openssl req -new -key "$work/key.pem" "$@"; }
request -config "$work/openssl.cnf" -out openssl-v3-req.pem
request -subj /CN=pump-1 -out openssl.pem
request -subj /CN=pump-1 -newhdr -out openssl-new.pem
request -subj /CN=pump-1 -text -out openssl-text.pem
request -subj "/C=CH/ST=Bern/O=Acme/OU=Pumps/CN=pump-1/emailAddress=a@example.org/serialNumber=17" -out openssl-subject.pem
request -subj / -out openssl-no-name.pem
request -subj /CN=pump-1 -addext subjectAltName=DNS:pump-1 -out openssl-dns.pem
request -subj /CN=pump-1 -addext subjectAltName=IP:10.0.0.7 -out openssl-ip.pem
request -subj /CN=pump-2 -out openssl-other.pem
openssl ec -in "$work/key.pem" -conv_form compressed -out "$work/compressed.pem"
openssl req -new -key "$work/compressed.pem" -subj /CN=pump-1 -out openssl-compressed.pem
openssl ecparam -name prime256v1 -param_enc explicit -genkey -noout -out "$work/explicit.pem"
openssl req -new -key "$work/explicit.pem" -subj /CN=pump-1 -out openssl-explicit.pem
openssl genrsa -out "$work/rsa.pem" 2048
for digest in sha224 sha512 sha512-256 sha3-384; do
  openssl req -new -key "$work/rsa.pem" "-$digest" -subj /CN=pump-1 -out "openssl-rsa-$digest.pem"
done
openssl req -new -key "$work/rsa.pem" -sha1 -subj /CN=pump-1 -out openssl-rsa-sha1.pem
openssl req -new -key "$work/rsa.pem" -sha1 -sigopt rsa_padding_mode:pss -subj /CN=pump-1 -out openssl-pss-sha1.pem
openssl req -new -key "$work/rsa.pem" -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 \
  -sigopt rsa_mgf1_md:sha1 -subj /CN=pump-1 -out openssl-pss-mgf1-sha1.pem
openssl genpkey -algorithm ED448 -out "$work/ed448.pem"
openssl req -new -key "$work/ed448.pem" -subj /CN=pump-1 -out openssl-ed448.pem

keystore="$work/keys.p12"
keytool -genkeypair -alias a -keyalg EC -groupname secp256r1 -dname CN=pump-1 -keystore "$keystore" -storepass changeit
keytool -certreq -alias a -keystore "$keystore" -storepass changeit -file keytool.pem

printf 'cn = "pump-1"\n' > "$work/certtool.cfg"
certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$work/certtool.key"
certtool --generate-request --load-privkey "$work/certtool.key" --template "$work/certtool.cfg" --outfile certtool.pem
printf 'cn = "pump-1"\ntls_www_client\nsigning_key\nchallenge_password = "secret"\n' > "$work/certtool.cfg"
certtool --generate-request --load-privkey "$work/certtool.key" --template "$work/certtool.cfg" \
  --outfile certtool-client.pem

cc -o "$work/mbedtls" "$here/mbedtls.c" -lmbedx509 -lmbedcrypto
"$work/mbedtls" mbedtls-2.28
cc -o "$work/wolfssl" "$here/wolfssl.c" -lwolfssl
"$work/wolfssl" wolfssl.pem

# The crate psa-crypto-sys carries the sources of mbedTLS 3: 3.4 in 0.10, the last with NULL parameters, 3.5 in 0.13.
for pair in 0.10.0:3.4 0.13.0:3.5; do
  crate="$work/psa-${pair%:*}"
  mkdir -p "$crate/src"
  touch "$crate/src/lib.rs"
  printf '[package]\nname = "fetch"\nversion = "0.1.0"\n[dependencies]\npsa-crypto-sys = "=%s"\n' "${pair%:*}" > "$crate/Cargo.toml"
  (cd "$crate" && cargo vendor --quiet vendor > /dev/null)
  tree="$crate/vendor/psa-crypto-sys/vendor"
  make -s -C "$tree/library" libmbedcrypto.a libmbedx509.a
  cc -I "$tree/include" -o "$work/mbedtls-${pair#*:}" "$here/mbedtls.c" "$tree/library/libmbedx509.a" \
    "$tree/library/libmbedcrypto.a"
  "$work/mbedtls-${pair#*:}" "mbedtls-${pair#*:}"
done

mkdir "$work/go"
cp "$here/main.go" "$work/go"
(cd "$work/go" && go mod init requests && go build -o requests .) 2> /dev/null
"$work/go/requests"

mkdir -p "$work/rust/src"
cp "$here/main.rs" "$work/rust/src"
printf '[package]\nname = "requests"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nrcgen = { version = "0.14", features = ["pem"] }\n' \
  > "$work/rust/Cargo.toml"
cargo run --quiet --manifest-path "$work/rust/Cargo.toml"

mkdir -p "$work/java/src/main/java"
cp "$here/pom.xml" "$work/java"
cp "$here/Main.java" "$work/java/src/main/java"
mvn -q -f "$work/java/pom.xml" -Dmaven.compiler.source=17 -Dmaven.compiler.target=17 compile \
  dependency:build-classpath -Dmdep.outputFile="$work/java/classpath"
java -cp "$work/java/target/classes:$(cat "$work/java/classpath")" Main

python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet cryptography asn1crypto
"$work/python/bin/python" "$here/requests.py"

mkdir "$work/node"
cp "$here/requests.mjs" "$work/node"
(cd "$work/node" && npm install --silent --no-save --prefix . pkijs asn1js node-forge @peculiar/x509 reflect-metadata)
node "$work/node/requests.mjs"

rm -f "$here"/../*.pem
cp ./*.pem "$here/.."

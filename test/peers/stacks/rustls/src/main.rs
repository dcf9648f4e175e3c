//! A client on rustls, with cases and answers as line-client.h says. Several roots: each is added to one RootCertStore.
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::error::Error;
use std::io::{stdin, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
}

fn attempt(given: &[&str]) -> Result<(), Box<dyn Error>> {
    let [port, roots, certificate, key] = given else { return Err("not a case".into()) };
    let mut store = RootCertStore::empty();
    for root in certificates(roots)? {
        store.add(root)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(store)
        .with_client_auth_cert(certificates(certificate)?, PrivateKeyDer::from_pem_file(key)?)?;
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    let mut tls = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port.parse()?))?);
    tls.write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")?;
    let mut answer = [0; 4];
    tls.read_exact(&mut answer)?;
    if answer != [0x20, 2, 0, 0] {
        return Err("not accepted".into());
    }
    tls.write_all(&[0xe0, 0])?;
    Ok(())
}

fn main() {
    for line in stdin().lines().map_while(Result::ok) {
        match attempt(&line.split('\t').collect::<Vec<_>>()) {
            Ok(()) => println!("connected"),
            Err(error) => println!("{}", error.to_string().replace('\n', " ")),
        }
    }
}

//! A client on rustls that checks the revocation of the whole chain with the lists it is given, and takes none that has ended. Arguments:
//! port, roots, lists, all in PEM. Prints `connected`, or why not.
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::error::Error;
use std::net::TcpStream;
use std::sync::Arc;

fn attempt(given: &[String]) -> Result<(), Box<dyn Error>> {
    let [port, roots, lists] = given else { return Err("port, roots, lists".into()) };
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(roots)? {
        store.add(root?)?;
    }
    let lists: Vec<_> = CertificateRevocationListDer::pem_file_iter(lists)?.collect::<Result<_, _>>()?;
    let verifier = WebPkiServerVerifier::builder(Arc::new(store))
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()?;
    let config = ClientConfig::builder().with_webpki_verifier(verifier).with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    let mut socket = TcpStream::connect(("127.0.0.1", port.parse()?))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(())
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match attempt(&given) {
        Ok(()) => println!("connected"),
        Err(error) => println!("{}", error.to_string().replace('\n', " ")),
    }
}

// The requests that rcgen writes: CertificateParams::new puts its names into the subject alternative name.
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

fn main() {
    let key = KeyPair::generate().unwrap();
    let mut named = CertificateParams::new(vec!["pump-1".to_string()]).unwrap();
    named.distinguished_name = DistinguishedName::new();
    named.distinguished_name.push(DnType::CommonName, "pump-1");
    std::fs::write("rcgen-san.pem", named.serialize_request(&key).unwrap().pem().unwrap()).unwrap();
    let mut plain = CertificateParams::default();
    plain.distinguished_name = DistinguishedName::new();
    plain.distinguished_name.push(DnType::CommonName, "pump-1");
    std::fs::write("rcgen-cn.pem", plain.serialize_request(&key).unwrap().pem().unwrap()).unwrap();
    // Its own default: the subject says "rcgen self signed cert".
    let untouched = CertificateParams::new(vec!["pump-1".to_string()]).unwrap();
    std::fs::write("rcgen-default.pem", untouched.serialize_request(&key).unwrap().pem().unwrap()).unwrap();
}

//! Both sides of ours with each other, over a socket of this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use super::*;
use crate::config::tls::{
    ClientCa, ClientCertificate, Identity, ListenMode, ListenTls, ServerMode, ServerTls,
};
use crate::net::listener::Listener;
use crate::net::stream::Stream;

/// A certificate for `localhost`, by an authority that stands beside it.
fn files(dir: &std::path::Path) -> Identity {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.crt"), issuer.pem()).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "app");
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let identity = Identity { certificate: dir.join("x.crt"), key: dir.join("x.key") };
    fs::write(&identity.certificate, params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(&identity.key, key.serialize_pem()).unwrap();
    fs::set_permissions(&identity.key, fs::Permissions::from_mode(0o600)).unwrap();
    identity
}

#[tokio::test]
async fn handshake_tells_the_host_asked_for_who_the_client_is_and_what_to_bind_to() {
    let dir = tempfile::tempdir().unwrap();
    let identity = files(dir.path());
    let ca = dir.path().join("ca.crt");
    let client_ca = ClientCa { file: ca.clone(), crl: None, certificate: ClientCertificate::Required };
    let listen = ListenTls {
        mode: ListenMode::Required,
        by_address: vec![],
        identity: identity.clone(),
        extra: vec![],
        client_ca: Some(client_ca),
    };
    let (acceptor, warning) = Acceptor::load(&listen).unwrap();
    assert_eq!(warning, None);
    let settings = ServerTls { mode: ServerMode::VerifyFull, ca: Some(ca), identity: Some(identity) };
    let connector = Connector::new(&settings).unwrap();
    let listener = Listener::bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = listener.name().rsplit_once(':').unwrap().1.parse().unwrap();
    let client = async {
        let mut stream = Stream::connect_tcp("127.0.0.1", port).await.unwrap();
        connector.connect(&mut stream, "localhost").await.unwrap();
        stream.write_all(&[7; 300_000]).await.unwrap();
        stream
    };
    let server = async {
        let mut stream = listener.accept().await.unwrap();
        let mut request = [0; 8];
        assert_eq!(stream.read(&mut request).await.unwrap(), 8);
        stream.write_all(b"S").await.unwrap();
        acceptor.accept(&mut stream, None).await.unwrap();
        let (mut got, mut buf) = (0, vec![0; 10_000]);
        while got < 300_000 {
            let n = stream.read(&mut buf).await.unwrap();
            assert!(n > 0 && buf[..n].iter().all(|byte| *byte == 7));
            got += n;
        }
        stream
    };
    let (client, server) = tokio::join!(client, server);
    let (theirs, ours) = (client.tls().unwrap(), server.tls().unwrap());
    assert_eq!(ours.sni.as_deref(), Some("localhost"));
    let peer = ours.peer.as_ref().unwrap();
    assert_eq!(peer.common_names, ["app"]);
    assert_eq!(peer.dns_names, ["localhost"]);
    assert!(ours.alpn && theirs.alpn);
    assert_eq!(ours.server_end_point, theirs.server_end_point);
    assert_eq!(ours.server_end_point.as_ref().map(Vec::len), Some(32));
    // A good-bye is the end, not an error.
    drop(client);
    let mut server = server;
    assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
}

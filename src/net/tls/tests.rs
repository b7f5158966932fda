//! Both sides of ours with each other, over a socket of this machine.

use std::fs;
use std::future::poll_fn;
use std::os::unix::fs::PermissionsExt;
use std::task::Poll;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::net::UnixStream;

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

/// Two ends of a session over a socket of this machine.
async fn connected(dir: &std::path::Path) -> (Stream, Stream) {
    let identity = files(dir);
    let (mode, ca) = (ListenMode::Required, dir.join("ca.crt"));
    let listen = ListenTls { mode, by_address: vec![], identity, extra: vec![], client_ca: None };
    let acceptor = Acceptor::load(&listen).unwrap().0;
    let settings = ServerTls { mode: ServerMode::VerifyFull, ca: Some(ca), identity: None };
    let (one, other) = UnixStream::pair().unwrap();
    let (mut client, mut server) = (Stream::unix(one), Stream::unix(other));
    let dial = async { Connector::new(&settings).unwrap().connect(&mut client, "localhost").await.unwrap() };
    let answer = async {
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 8);
        server.write_all(b"S").await.unwrap();
        acceptor.accept(&mut server, None).await.unwrap();
    };
    tokio::join!(dial, answer);
    (client, server)
}

fn holds_no_buffer(stream: &Stream) -> bool {
    format!("{stream:?}").contains("holds_no_buffer: true")
}

#[tokio::test]
async fn end_that_waits_holds_no_buffer() {
    let dir = tempfile::tempdir().unwrap();
    let (mut client, mut server) = connected(dir.path()).await;
    for text in [b"first".as_slice(), &[7; 20_000]] {
        client.write_all(text).await.unwrap();
        let mut got = vec![0; text.len()];
        let mut n = 0;
        while n < got.len() {
            n += server.read(&mut got[n..]).await.unwrap();
        }
        assert_eq!(got, text);
        let nothing = poll_fn(|cx| Poll::Ready(server.poll_read(cx, &mut got))).await;
        assert!(nothing.is_pending());
        assert!(holds_no_buffer(&client), "{client:?}");
        assert!(holds_no_buffer(&server), "{server:?}");
    }
}

#[tokio::test]
async fn nothing_more_is_taken_while_what_is_encrypted_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (mut client, mut server) = connected(dir.path()).await;
    let (text, mut taken) = (vec![7; 100_000], 0);
    // As far as the socket and one buffer go.
    let more = loop {
        match poll_fn(|cx| Poll::Ready(client.poll_write(cx, &text))).await {
            Poll::Ready(n) => taken += n.unwrap(),
            Poll::Pending => break poll_fn(|cx| Poll::Ready(client.poll_write(cx, &text))).await,
        }
        assert!(taken < 10 << 20, "{client:?}");
    };
    assert!(more.is_pending() && !holds_no_buffer(&client), "{client:?}");
    // It can be read to meanwhile.
    server.write_all(b"reads").await.unwrap();
    assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 5);
    let read = async {
        let (mut got, mut buf) = (0, vec![0; 50_000]);
        while got < taken {
            got += server.read(&mut buf).await.unwrap();
        }
        got
    };
    let (flushed, got) = tokio::join!(poll_fn(|cx| client.poll_flush(cx)), read);
    flushed.unwrap();
    assert_eq!(got, taken);
    assert!(holds_no_buffer(&client), "{client:?}");
}

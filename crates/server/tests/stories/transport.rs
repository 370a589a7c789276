//! TLS, and who may listen without it.

use crate::world::{World, listener};
use picloud_server::{Options, Server, StartError, Tls};
use std::{net::TcpListener, os::unix::fs::PermissionsExt};

#[tokio::test]
async fn a_self_signed_certificate_is_made_once_and_trusted_when_told() {
    let world = World::with(|o| o.tls = Tls::SelfSigned).await;
    assert!(world.server.url().starts_with("https://"));
    world.client().service().await.expect("trusted");
    let stranger = picloud_client::Options::new(world.server.url());
    let key = &world.key;
    let client =
        picloud_client::ApiClient::new(&stranger, &key.api_key.to_string(), &key.api_secretkey);
    let error = client
        .expect("a client")
        .service()
        .await
        .expect_err("not trusted");
    assert_eq!(error.kind(), None, "no answer of the server: {error}");
    let data = world.directory.path().join("data");
    let mode = std::fs::metadata(data.join("tls/key.pem"))
        .expect("a key")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(data.join("tls/cert.pem")).expect("a certificate");
    world.server.stop().await;
    let mut options = Options::new(&data);
    options.tls = Tls::SelfSigned;
    let server = Server::start(options, listener()).await.expect("again");
    assert_eq!(
        std::fs::read(data.join("tls/cert.pem")).expect("a certificate"),
        before
    );
    let world = World { server, ..world };
    world.client().service().await.expect("still trusted");
    // The same files, given by name.
    world.server.stop().await;
    let mut options = Options::new(&data);
    options.tls = Tls::Files {
        cert: data.join("tls/cert.pem"),
        key: data.join("tls/key.pem"),
    };
    let server = Server::start(options, listener())
        .await
        .expect("with files");
    assert!(server.url().starts_with("https://") && server.ca_file().is_none());
    server.stop().await;
}

#[tokio::test]
async fn other_machines_are_not_let_in_without_tls() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let open = || TcpListener::bind("0.0.0.0:0").expect("a free port");
    let options = Options::new(directory.path().join("data"));
    let error = Server::start(options.clone(), open())
        .await
        .expect_err("refused");
    assert!(matches!(error, StartError::Insecure(_)));
    for flag in [
        "--tls self-signed",
        "--tls-cert",
        "--tls-key",
        "--allow-insecure",
    ] {
        assert!(error.to_string().contains(flag), "{error}");
    }
    let server = Server::start(
        Options {
            allow_insecure: true,
            ..options
        },
        open(),
    )
    .await
    .expect("told to");
    assert!(
        server.url().starts_with("http://127.0.0.1:"),
        "{}",
        server.url()
    );
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_read_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut options = Options::new(directory.path().join("data"));
    options.tls = Tls::Files {
        cert: directory.path().join("absent.pem"),
        key: directory.path().join("absent.key"),
    };
    let error = Server::start(options, listener())
        .await
        .expect_err("refused");
    assert!(error.to_string().contains("absent.pem"), "{error}");
}
